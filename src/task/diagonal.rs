//! Independent tasks.

use ndarray::{Array1, Array2, ArrayView2};

use super::registry::TaskEntry;
use super::{BoundTask, Moment, Task, TaskScales};
use crate::error::Result;
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: TaskEntry = TaskEntry {
    name: "Diagonal",
    about: "B = diag(variances): tasks that share the kernel and its parameters and nothing else.",
    arguments: &[Argument::new(
        "variances",
        ArgumentKind::Numbers("T"),
        "variances, in squared units of the outputs",
    )],
    bind,
    examples: |_| vec![Diagonal::new()],
};

/// B = diag(variances): tasks that share the kernel and its parameters and nothing else.
///
/// ```
/// use coregion::task::Diagonal;
/// assert_eq!(Diagonal::starting_at([1.0, 2.0]).to_string(), "Diagonal(variances=[1, 2])");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Diagonal;

impl Diagonal {
    /// Learned variances.
    pub fn new() -> Task {
        Task(Spec::new("Diagonal"))
    }

    /// Starting at the variances (T) given.
    pub fn starting_at<V: Into<Vec<f64>>>(variances: V) -> Task {
        Task(Spec::new("Diagonal").with("variances", Value::Vector(variances.into())))
    }
}

#[derive(Debug)]
struct Bound {
    units: Array1<f64>,
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, scales: &TaskScales) -> Result<Box<dyn BoundTask>> {
    spec.check_names(&["variances"])?;
    let units = scales.units();
    let unit: Vec<f64> = units.iter().map(|u| u * u).collect();
    let init = unit.iter().map(|u| 0.5 * u).collect();
    let p = ParamSpec::new("variances", &[units.len()], init, Transform::POSITIVE)
        .with_unit(unit)
        .from_spec(spec)?;
    Ok(Box::new(Bound { units, params: vec![p] }))
}

impl BoundTask for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, phi: &[f64]) -> TaskMatrix {
        TaskMatrix::Dense(Array2::from_diag(&Array1::from(phi.to_vec())))
    }

    fn vjp(&self, _phi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        for (g, v) in grad.iter_mut().zip(&adjoint.diagonal()) {
            *g += v;
        }
    }

    fn jvp(&self, _phi: &[f64], dphi: &[f64], _noise: &NoiseMatrix) -> Array2<f64> {
        Array2::from_diag(&Array1::from(dphi.to_vec()))
    }

    fn start(&self, target: &Moment) -> Vec<f64> {
        let variances = target.diagonal();
        variances.iter().zip(&self.units).map(|(v, u)| v.max(1e-3 * u * u)).collect()
    }

    fn has_closed_form(&self) -> bool {
        true
    }

    fn closed_form(&self, moment: ArrayView2<f64>) -> Option<Vec<f64>> {
        Some(moment.diag().to_vec())
    }
}
