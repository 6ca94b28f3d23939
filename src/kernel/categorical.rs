//! The categorical kernel.

use super::pairwise::{self, Pair};
use super::registry::KernelEntry;
use super::{BoundKernel, Inputs, Kernel, one_column};
use crate::error::{Error, Result};
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Categorical",
    about: "The categorical kernel on one column: `k = 1` between equal levels and a learned correlation `rho` between 0 and 1 otherwise (compound symmetry; Pinheiro & Bates 2000, sec. 5.3).",
    arguments: &[
        Argument::new("levels", ArgumentKind::Given("L"), "levels allowed, any where not given"),
        Argument::new("rho", ArgumentKind::Numbers(""), "correlation between different levels"),
    ],
    bind,
    examples: || vec![Categorical::any().on([0]), Categorical::correlated(0.3).on([1])],
};

/// The categorical kernel on one column: `k = 1` between equal levels and a learned correlation
/// `rho` between 0 and 1 otherwise (compound symmetry; Pinheiro & Bates 2000, sec. 5.3).
///
/// Any number may be a level; a level not seen in training correlates by rho with all others.
///
/// ```
/// use coregion::kernel::{Categorical, Rbf};
/// let k = Rbf::ard().on([0, 1]) * Categorical::any().on([2]);
/// assert_eq!(k.to_string(), "RBF().on([0, 1]) * Categorical().on([2])");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Categorical;

impl Categorical {
    /// Any levels; the correlation between them is learned, starting at 0.5.
    pub fn any() -> Kernel {
        Kernel(Spec::new("Categorical"))
    }

    /// Any levels; the correlation between them starts at the value given.
    pub fn correlated(rho: f64) -> Kernel {
        Kernel(Spec::new("Categorical").with("rho", Value::Number(rho)))
    }

    /// Only the levels given; others are refused.
    ///
    /// ```
    /// use coregion::{data::ColumnStatistics, kernel::{Categorical, Inputs}};
    /// let x = ndarray::array![[1.0], [2.0]];
    /// let inputs = Inputs::all(&[ColumnStatistics::of(x.column(0))]);
    /// let bound = Categorical::levels([1.0, 2.0]).bind(&inputs)?;
    /// assert!(bound.check(x.view()).is_ok());
    /// assert!(bound.check(ndarray::array![[3.0]].view()).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn levels<L: Into<Vec<f64>>>(levels: L) -> Kernel {
        Kernel(Spec::new("Categorical").with("levels", Value::Vector(levels.into())))
    }
}

#[derive(Debug)]
struct Function {
    levels: Option<Vec<f64>>,
}

impl Pair for Function {
    fn value(&self, theta: &[f64], x: &[f64], z: &[f64]) -> f64 {
        if x[0] == z[0] { 1.0 } else { theta[0] }
    }

    fn vjp(&self, _theta: &[f64], x: &[f64], z: &[f64], adjoint: f64, grad: &mut [f64]) {
        if x[0] != z[0] {
            grad[0] += adjoint;
        }
    }

    fn check(&self, column: usize, rows: &[f64]) -> Result<()> {
        let Some(levels) = &self.levels else { return Ok(()) };
        match rows.iter().find(|v| !levels.contains(v)) {
            None => Ok(()),
            Some(value) => Err(Error::InvalidValue {
                argument: format!("x, column {column}"),
                found: value.to_string(),
                expected: format!("one of the levels {levels:?}"),
            }),
        }
    }
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    if inputs.len() != 1 {
        return Err(one_column("Categorical", inputs.len()));
    }
    let levels = spec.get("levels").and_then(Value::numbers);
    let range = Transform::Interval { low: 0.0, high: 1.0 };
    let rho = ParamSpec::new("rho", &[], vec![0.5], range);
    pairwise::bind(spec, inputs, vec![rho], &["levels"], Function { levels })
}
