//! The linear kernel.

use super::pairwise::{self, Pair, dot};
use super::registry::KernelEntry;
use super::{BoundKernel, Inputs, Kernel};
use crate::error::Result;
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Linear",
    about: "The linear kernel `k = x.z + bias`: Bayesian linear regression (Rasmussen & Williams 2006, eq. 2.12). Columns act in the user's units and are not centred.",
    arguments: &[Argument::new(
        "bias",
        ArgumentKind::Numbers(""),
        "at least 0, in squared units of the columns",
    )],
    bind,
    examples: || vec![Linear::new(0.4), Linear::learned()],
};

/// The linear kernel `k = x.z + bias`: Bayesian linear regression (Rasmussen & Williams 2006,
/// eq. 2.12). Columns act in the user's units and are not centred.
///
/// ```
/// use coregion::kernel::Linear;
/// assert_eq!(Linear::new(1.0).to_string(), "Linear(bias=1)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Linear;

impl Linear {
    /// The bias starting at the value given, at least 0, in squared units of the columns.
    pub fn new(bias: f64) -> Kernel {
        Kernel(Spec::new("Linear").with("bias", Value::Number(bias)))
    }

    /// The bias learned, starting at the pooled variance of the columns.
    pub fn learned() -> Kernel {
        Kernel(Spec::new("Linear"))
    }
}

#[derive(Debug)]
struct Function;

impl Pair for Function {
    fn value(&self, theta: &[f64], x: &[f64], z: &[f64]) -> f64 {
        dot(x, z) + theta[0]
    }

    fn vjp(&self, _theta: &[f64], _x: &[f64], _z: &[f64], adjoint: f64, grad: &mut [f64]) {
        grad[0] += adjoint;
    }
}

/// The bias of linear and polynomial kernels: its unit is the pooled variance of the columns.
pub(super) fn bias(inputs: &Inputs) -> ParamSpec {
    let unit = inputs.pooled().powi(2);
    ParamSpec::new("bias", &[], vec![unit], Transform::POSITIVE).with_unit(vec![unit])
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    pairwise::bind(spec, inputs, vec![bias(inputs)], &[], Function)
}
