//! A task covariance that is given.

use ndarray::{Array2, ArrayView2};

use super::registry::TaskEntry;
use super::{BoundTask, Moment, Task, TaskScales, check_covariance};
use crate::error::Result;
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::ParamSpec;
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: TaskEntry = TaskEntry {
    name: "Fixed",
    about: "B as given: nothing is learned.",
    arguments: &[Argument::new(
        "B",
        ArgumentKind::Given("T, T"),
        "the covariance, symmetric positive semidefinite, in squared units of the outputs",
    )],
    bind,
    examples: |t| {
        let b = Array2::from_shape_fn((t, t), |(i, j)| if i == j { 1.0 + i as f64 } else { 0.3 });
        vec![Fixed::at(b.view())]
    },
};

/// B as given, in squared units of the outputs: nothing is learned.
///
/// ```
/// use coregion::task::Fixed;
/// use ndarray::array;
/// let b = array![[1.0, 0.5], [0.5, 2.0]];
/// assert_eq!(Fixed::at(b.view()).to_string(), "Fixed(B=[[1, 0.5], [0.5, 2]])");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Fixed;

impl Fixed {
    /// The covariance (T, T), symmetric positive semidefinite.
    pub fn at(b: ArrayView2<f64>) -> Task {
        let rows = b.rows().into_iter().map(|r| r.to_vec()).collect();
        Task(Spec::new("Fixed").with("B", Value::Matrix(rows)))
    }
}

#[derive(Debug)]
struct Bound(Array2<f64>);

fn bind(spec: &Spec, scales: &TaskScales) -> Result<Box<dyn BoundTask>> {
    spec.check_names(&["B"])?;
    match spec.matrix("B")? {
        None => Err(spec.invalid("B", None, "a matrix")),
        Some(b) => {
            check_covariance("Fixed.B", b.view(), scales.n_tasks())?;
            Ok(Box::new(Bound(b)))
        }
    }
}

impl BoundTask for Bound {
    fn params(&self) -> &[ParamSpec] {
        &[]
    }

    fn matrix(&self, _phi: &[f64]) -> TaskMatrix {
        TaskMatrix::Dense(self.0.clone())
    }

    fn vjp(&self, _phi: &[f64], _adjoint: &TaskAdjoint, _grad: &mut [f64]) {}

    fn jvp(&self, _phi: &[f64], _dphi: &[f64], _noise: &NoiseMatrix) -> Array2<f64> {
        Array2::zeros(self.0.dim())
    }

    fn start(&self, _target: &Moment) -> Vec<f64> {
        Vec::new()
    }
}
