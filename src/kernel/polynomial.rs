//! The polynomial kernel.

use super::linear::bias;
use super::pairwise::{self, Pair, dot};
use super::registry::KernelEntry;
use super::{BoundKernel, Inputs, Kernel};
use crate::error::Result;
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Polynomial",
    about: "The polynomial kernel `k = (x.z + bias)^degree` (Rasmussen & Williams 2006, sec. 4.2.2). Columns act in the user's units and are not centred.",
    arguments: &[
        Argument::new("degree", ArgumentKind::Count(2), "degree, at least 1, not learned"),
        Argument::new(
            "bias",
            ArgumentKind::Numbers(""),
            "at least 0, in squared units of the columns",
        ),
    ],
    bind,
    examples: || vec![Polynomial::new(3, 1.2)],
};

/// The polynomial kernel `k = (x.z + bias)^degree` (Rasmussen & Williams 2006, sec. 4.2.2). Columns
/// act in the user's units and are not centred; the degree, at least 1, is not learned.
///
/// ```
/// use coregion::kernel::Polynomial;
/// assert_eq!(Polynomial::new(2, 1.0).to_string(), "Polynomial(bias=1, degree=2)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Polynomial;

impl Polynomial {
    /// Degree, and the bias starting at the value given, in squared units of the columns.
    pub fn new(degree: usize, bias: f64) -> Kernel {
        Kernel(
            Spec::new("Polynomial")
                .with("degree", Value::Count(degree))
                .with("bias", Value::Number(bias)),
        )
    }
}

#[derive(Debug)]
struct Function {
    degree: i32,
}

impl Pair for Function {
    fn value(&self, theta: &[f64], x: &[f64], z: &[f64]) -> f64 {
        (dot(x, z) + theta[0]).powi(self.degree)
    }

    fn vjp(&self, theta: &[f64], x: &[f64], z: &[f64], adjoint: f64, grad: &mut [f64]) {
        let base = dot(x, z) + theta[0];
        grad[0] += adjoint * f64::from(self.degree) * base.powi(self.degree - 1);
    }
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    let degree = spec.count("degree")?;
    match i32::try_from(degree) {
        Ok(degree @ 1..=64) => {
            pairwise::bind(spec, inputs, vec![bias(inputs)], &["degree"], Function { degree })
        }
        _ => Err(spec.invalid("degree", spec.get("degree"), "a whole number from 1 to 64")),
    }
}
