//! The cosine kernel.

use std::f64::consts::TAU;

use super::pairwise::{self, Pair};
use super::registry::KernelEntry;
use super::{BoundKernel, Inputs, Kernel, one_column};
use crate::error::Result;
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Cosine",
    about: "The cosine kernel `k = cos(2 pi (x - z) / period)` on one column: a pure oscillation, of rank 2.",
    arguments: &[Argument::new(
        "period",
        ArgumentKind::Numbers(""),
        "period, in the unit of the column",
    )],
    bind,
    examples: || vec![Cosine::new(2.3).on([0])],
};

/// The cosine kernel `k = cos(2 pi (x - z) / period)` on one column: a pure oscillation, of rank 2.
///
/// ```
/// use coregion::kernel::Cosine;
/// assert_eq!(Cosine::new(12.0).on([0]).to_string(), "Cosine(period=12).on([0])");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Cosine;

impl Cosine {
    /// The period starting at the value given, in the unit of the column.
    pub fn new(period: f64) -> Kernel {
        Kernel(Spec::new("Cosine").with("period", Value::Number(period)))
    }
}

#[derive(Debug)]
struct Function;

impl Pair for Function {
    fn value(&self, theta: &[f64], x: &[f64], z: &[f64]) -> f64 {
        (TAU * (x[0] - z[0]) / theta[0]).cos()
    }

    fn vjp(&self, theta: &[f64], x: &[f64], z: &[f64], adjoint: f64, grad: &mut [f64]) {
        let phase = TAU * (x[0] - z[0]) / theta[0];
        grad[0] += adjoint * phase.sin() * phase / theta[0];
    }
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    if inputs.len() != 1 {
        return Err(one_column("Cosine", inputs.len()));
    }
    let unit = inputs.pooled();
    let period = ParamSpec::new("period", &[], vec![2.0 * unit], Transform::DIVISOR);
    pairwise::bind(spec, inputs, vec![period.with_unit(vec![unit])], &[], Function)
}
