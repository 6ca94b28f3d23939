//! The squared exponential kernel.

use super::stationary::{Radial, stationary_kernel};

stationary_kernel! {
    /// The squared exponential kernel `k = exp(-r^2 / 2)`, infinitely differentiable (Rasmussen &
    /// Williams 2006, eq. 4.9),
    Rbf, "RBF", Profile
}

#[derive(Debug)]
struct Profile;

impl Radial for Profile {
    fn value(&self, r2: f64, _: &[f64]) -> f64 {
        (-0.5 * r2).exp()
    }

    fn slope(&self, r2: f64, _: &[f64]) -> f64 {
        -0.5 * (-0.5 * r2).exp()
    }
}
