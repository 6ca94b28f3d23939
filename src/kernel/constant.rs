//! The constant kernel.

use super::pairwise::{self, Pair};
use super::registry::KernelEntry;
use super::{BoundKernel, Inputs, Kernel};
use crate::error::Result;
use crate::spec::Spec;

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Constant",
    about: "The constant kernel `k = 1`: one random offset shared by all rows. Scale it inside a sum.",
    arguments: &[],
    bind,
    examples: || vec![Constant::unit()],
};

/// The constant kernel `k = 1`: one random offset shared by all rows. Scale it inside a sum.
///
/// ```
/// use coregion::kernel::{Constant, Rbf};
/// assert_eq!((Rbf::ard() + 0.1 * Constant::unit()).to_string(), "RBF() + 0.1 * Constant()");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Constant;

impl Constant {
    /// The kernel that is 1 everywhere.
    pub fn unit() -> Kernel {
        Kernel(Spec::new("Constant"))
    }
}

#[derive(Debug)]
struct Function;

impl Pair for Function {
    fn value(&self, _theta: &[f64], _x: &[f64], _z: &[f64]) -> f64 {
        1.0
    }

    fn vjp(&self, _theta: &[f64], _x: &[f64], _z: &[f64], _adjoint: f64, _grad: &mut [f64]) {}
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    pairwise::bind(spec, inputs, Vec::new(), &[], Function)
}
