//! The rational quadratic kernel.

use super::registry::KernelEntry;
use super::stationary::{self, ARD, LENGTHSCALE, Radial};
use super::{BoundKernel, Inputs, Kernel};
use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "RationalQuadratic",
    about: "The rational quadratic kernel `k = (1 + r^2 / (2 alpha))^-alpha`, a mixture of squared exponentials over many lengthscales (Rasmussen & Williams 2006, eq. 4.19), with `r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2`.",
    arguments: &[
        LENGTHSCALE,
        Argument::new(
            "alpha",
            ArgumentKind::Numbers(""),
            "exponent, positive: small for many lengthscales",
        ),
        ARD,
    ],
    bind,
    examples: || vec![RationalQuadratic::ard(), RationalQuadratic::new(0.7, 1.9)],
};

/// The rational quadratic kernel `k = (1 + r^2 / (2 alpha))^-alpha`, a mixture of squared
/// exponentials over many lengthscales (Rasmussen & Williams 2006, eq. 4.19).
///
/// ```
/// use coregion::kernel::RationalQuadratic;
/// let k = RationalQuadratic::new(0.7, 1.9);
/// assert_eq!(k.to_string(), "RationalQuadratic(alpha=1.9, lengthscale=0.7)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RationalQuadratic;

impl RationalQuadratic {
    /// A learned lengthscale for each column (one for all above 30 columns), alpha starting at 1.
    pub fn ard() -> Kernel {
        Kernel(Spec::new("RationalQuadratic"))
    }

    /// One lengthscale for all columns and alpha, starting at the values given.
    pub fn new(lengthscale: f64, alpha: f64) -> Kernel {
        Kernel(
            Spec::new("RationalQuadratic")
                .with("lengthscale", Value::Number(lengthscale))
                .with("alpha", Value::Number(alpha)),
        )
    }
}

#[derive(Debug)]
struct Profile;

impl Radial for Profile {
    fn params(&self) -> Vec<ParamSpec> {
        let prior = Prior::LogNormal { median: 1.0, log_std: 2.0 };
        vec![ParamSpec::new("alpha", &[], vec![1.0], Transform::DIVISOR).with_prior(prior)]
    }

    fn value(&self, r2: f64, own: &[f64]) -> f64 {
        (-own[0] * (0.5 * r2 / own[0]).ln_1p()).exp()
    }

    fn slope(&self, r2: f64, own: &[f64]) -> f64 {
        -0.5 * self.value(r2, own) / (1.0 + 0.5 * r2 / own[0])
    }

    fn own_vjp(&self, r2: f64, own: &[f64], adjoint: f64, grad: &mut [f64]) {
        let ratio = 0.5 * r2 / own[0];
        grad[0] += adjoint * self.value(r2, own) * (ratio / (1.0 + ratio) - ratio.ln_1p());
    }
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    stationary::bind(spec, inputs, Profile)
}
