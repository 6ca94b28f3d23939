//! The squared exponential kernel.

use super::registry::KernelEntry;
use super::stationary::{self, Radial};
use super::{BoundKernel, Inputs, Kernel};
use crate::error::Result;
use crate::spec::{Spec, Value};

pub(super) const ENTRY: KernelEntry =
    KernelEntry { name: "RBF", bind, examples: || vec![Rbf::ard(), Rbf::new([0.8, 1.3])] };

/// The squared exponential kernel `k = exp(-r^2 / 2)`, infinitely differentiable, with
/// `r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2` (Rasmussen & Williams 2006, eq. 4.9).
///
/// ```
/// use coregion::kernel::Rbf;
/// assert_eq!(Rbf::isotropic(2.0).to_string(), "RBF(lengthscale=2)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Rbf;

impl Rbf {
    /// A learned lengthscale for each column (one for all above 30 columns).
    pub fn ard() -> Kernel {
        Kernel(Spec::new("RBF"))
    }

    /// A lengthscale for each column, starting at the values given.
    pub fn new<L: Into<Vec<f64>>>(lengthscale: L) -> Kernel {
        Kernel(Spec::new("RBF").with("lengthscale", Value::Vector(lengthscale.into())))
    }

    /// One lengthscale for all columns, starting at the value given.
    pub fn isotropic(lengthscale: f64) -> Kernel {
        Kernel(Spec::new("RBF").with("lengthscale", Value::Number(lengthscale)))
    }
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

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    stationary::bind(spec, inputs, Profile)
}
