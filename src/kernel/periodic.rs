//! The periodic kernel.

use std::f64::consts::PI;

use super::pairwise::{self, Pair};
use super::registry::KernelEntry;
use super::{BoundKernel, Inputs, Kernel};
use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Periodic",
    about: "The periodic kernel `k = exp(-2 sin^2(pi |x - z| / period) / lengthscale^2)` (MacKay 1998), with the Euclidean distance over its columns; on one column, `.on([j])`, it is always positive semidefinite.",
    arguments: &[
        Argument::new(
            "lengthscale",
            ArgumentKind::Numbers(""),
            "roughness within a period, without a unit",
        ),
        Argument::new("period", ArgumentKind::Numbers(""), "period, in the unit of the column"),
    ],
    bind,
    examples: || vec![Periodic::new(0.9, 1.7).on([0]), Periodic::learned().on([1])],
};

/// The periodic kernel `k = exp(-2 sin^2(pi |x - z| / period) / lengthscale^2)` (MacKay 1998), with
/// the Euclidean distance over its columns.
///
/// The lengthscale has no unit, the period that of the column. Over several columns the function is
/// not positive semidefinite in general; a Gram matrix that is not is refused when it is factored.
/// One column, `.on([j])`, is always safe.
///
/// ```
/// use coregion::kernel::Periodic;
/// let yearly = Periodic::new(1.0, 365.25).fix("period");
/// assert!(yearly.to_string().starts_with("Periodic(lengthscale=1, period=365.25"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Periodic;

impl Periodic {
    /// Lengthscale and period starting at the values given.
    pub fn new(lengthscale: f64, period: f64) -> Kernel {
        Kernel(
            Spec::new("Periodic")
                .with("lengthscale", Value::Number(lengthscale))
                .with("period", Value::Number(period)),
        )
    }

    /// Both learned, the period starting at one standard deviation of the column. Likelihoods have
    /// many optima in the period: give it where it is known.
    pub fn learned() -> Kernel {
        Kernel(Spec::new("Periodic"))
    }
}

#[derive(Debug)]
struct Function;

fn distance(x: &[f64], z: &[f64]) -> f64 {
    match (x, z) {
        ([a], [b]) => (a - b).abs(),
        _ => x.iter().zip(z).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
    }
}

impl Pair for Function {
    fn value(&self, theta: &[f64], x: &[f64], z: &[f64]) -> f64 {
        let s = (PI * distance(x, z) / theta[1]).sin() / theta[0];
        (-2.0 * s * s).exp()
    }

    fn vjp(&self, theta: &[f64], x: &[f64], z: &[f64], adjoint: f64, grad: &mut [f64]) {
        let phase = PI * distance(x, z) / theta[1];
        let s = phase.sin() / theta[0];
        let k = adjoint * (-2.0 * s * s).exp();
        grad[0] += k * 4.0 * s * s / theta[0];
        grad[1] += k * 2.0 * (2.0 * phase).sin() * phase / (theta[0] * theta[0] * theta[1]);
    }
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    let unit = inputs.pooled();
    let prior = Prior::LogNormal { median: 1.0, log_std: 1.5 };
    let params = vec![
        ParamSpec::new("lengthscale", &[], vec![1.0], Transform::DIVISOR).with_prior(prior),
        ParamSpec::new("period", &[], vec![unit], Transform::DIVISOR).with_unit(vec![unit]),
    ];
    pairwise::bind(spec, inputs, params, &[], Function)
}
