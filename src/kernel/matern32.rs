//! The Matern kernel of smoothness 3/2.

use super::stationary::{Radial, stationary_kernel};

stationary_kernel! {
    /// The Matern kernel `k = (1 + sqrt(3) r) exp(-sqrt(3) r)` with smoothness 3/2: once
    /// differentiable (Rasmussen & Williams 2006, eq. 4.17),
    Matern32, "Matern32", Profile
}

#[derive(Debug)]
struct Profile;

impl Radial for Profile {
    fn value(&self, r2: f64, _: &[f64]) -> f64 {
        let r = (3.0 * r2).sqrt();
        // Far apart the polynomial may be infinite: the exponential wins.
        let decay = (-r).exp();
        if decay == 0.0 { 0.0 } else { (1.0 + r) * decay }
    }

    fn slope(&self, r2: f64, _: &[f64]) -> f64 {
        -1.5 * (-(3.0 * r2).sqrt()).exp()
    }
}
