//! The Matern kernel of smoothness 5/2.

use super::stationary::{Radial, stationary_kernel};

stationary_kernel! {
    /// The Matern kernel `k = (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)` with smoothness 5/2: twice
    /// differentiable (Rasmussen & Williams 2006, eq. 4.17),
    Matern52, "Matern52", Profile
}

#[derive(Debug)]
struct Profile;

impl Radial for Profile {
    fn value(&self, r2: f64, _: &[f64]) -> f64 {
        let r = (5.0 * r2).sqrt();
        // Far apart the polynomial may be infinite: the exponential wins.
        let decay = (-r).exp();
        if decay == 0.0 { 0.0 } else { (1.0 + r + 5.0 / 3.0 * r2) * decay }
    }

    fn slope(&self, r2: f64, _: &[f64]) -> f64 {
        let r = (5.0 * r2).sqrt();
        let decay = (-r).exp();
        if decay == 0.0 { 0.0 } else { -5.0 / 6.0 * (1.0 + r) * decay }
    }
}
