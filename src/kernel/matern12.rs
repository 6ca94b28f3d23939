//! The Matern kernel of smoothness 1/2.

use super::stationary::{Radial, stationary_kernel};

stationary_kernel! {
    /// The exponential kernel `k = exp(-r)`, Matern with smoothness 1/2: continuous, nowhere
    /// differentiable (Rasmussen & Williams 2006, eq. 4.18),
    Matern12, "Matern12", Profile
}

#[derive(Debug)]
struct Profile;

impl Radial for Profile {
    fn value(&self, r2: f64, _: &[f64]) -> f64 {
        (-r2.sqrt()).exp()
    }

    fn slope(&self, r2: f64, _: &[f64]) -> f64 {
        let r = r2.sqrt();
        if r > 0.0 { -0.5 * (-r).exp() / r } else { 0.0 }
    }
}
