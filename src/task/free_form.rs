//! The free-form task covariance.

use ndarray::{Array2, ArrayView2};

use super::registry::TaskEntry;
use super::{
    BoundTask, LIFT, Moment, Task, TaskScales, as_matrix, check_covariance, check_free_size,
};
use crate::error::Result;
use crate::linalg;
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: TaskEntry = TaskEntry {
    name: "FreeForm",
    about: "Any positive semidefinite B = L L', with L lower triangular: T (T + 1) / 2 parameters (Bonilla, Chai & Williams 2007).",
    arguments: &[Argument::new(
        "B",
        ArgumentKind::Numbers("T, T"),
        "the covariance, in squared units of the outputs",
    )],
    bind,
    examples: |_| vec![FreeForm::new()],
};

/// Any positive semidefinite B = L L', with L lower triangular: T (T + 1) / 2 parameters
/// (Bonilla, Chai & Williams 2007).
///
/// ```
/// use coregion::task::FreeForm;
/// assert_eq!(FreeForm::new().to_string(), "FreeForm()");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FreeForm;

impl FreeForm {
    /// Learned from the data, started from their covariance.
    pub fn new() -> Task {
        Task(Spec::new("FreeForm"))
    }

    /// Starting at the covariance given.
    ///
    /// ```
    /// use coregion::{op::NoiseMatrix, task::{FreeForm, TaskScales}};
    /// use ndarray::array;
    /// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    /// let b = array![[4.0, 2.0], [2.0, 5.0]];
    /// let task = FreeForm::starting_at(b.view()).bind(&scales)?;
    /// let start = task.matrix(&task.params()[0].init); // the lower factor of B, row by row
    /// assert_eq!(start.to_dense(&NoiseMatrix::Diagonal(array![1.0, 1.0])), b);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn starting_at(b: ArrayView2<f64>) -> Task {
        let rows = b.rows().into_iter().map(|r| r.to_vec()).collect();
        Task(Spec::new("FreeForm").with("B", Value::Matrix(rows)))
    }
}

#[derive(Debug)]
struct Bound {
    n_tasks: usize,
    units: ndarray::Array1<f64>,
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, scales: &TaskScales) -> Result<Box<dyn BoundTask>> {
    spec.check_names(&["B"])?;
    let t = scales.n_tasks();
    check_free_size("FreeForm", t, "`LowRank::plus_noise`")?;
    let units = scales.units();
    let given = spec.matrix("B")?;
    if let Some(b) = &given {
        check_covariance("FreeForm.B", b.view(), t)?;
    }
    let factor = match &given {
        Some(b) => linalg::semidefinite_cholesky(b.view()),
        None => Array2::from_diag(&(&units * 0.5f64.sqrt())),
    };
    let mut p =
        ParamSpec::new("factor", &[t, t], factor.iter().copied().collect(), Transform::Identity)
            .with_unit(units.iter().flat_map(|&u| std::iter::repeat_n(u, t)).collect());
    p.given = given.is_some();
    for (i, free) in p.free.iter_mut().enumerate() {
        *free = i % t <= i / t && !spec.is_fixed("B");
    }
    Ok(Box::new(Bound { n_tasks: t, units, params: vec![p] }))
}

impl BoundTask for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, phi: &[f64]) -> TaskMatrix {
        let l = as_matrix(phi, self.n_tasks, self.n_tasks);
        TaskMatrix::Dense(linalg::matmul(l, l.t()))
    }

    fn vjp(&self, phi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        let product = adjoint.times(as_matrix(phi, self.n_tasks, self.n_tasks));
        for (g, v) in grad.iter_mut().zip(&product) {
            *g += 2.0 * v;
        }
    }

    fn jvp(&self, phi: &[f64], dphi: &[f64], _noise: &NoiseMatrix) -> Array2<f64> {
        let l = as_matrix(phi, self.n_tasks, self.n_tasks);
        let half = linalg::matmul(as_matrix(dphi, self.n_tasks, self.n_tasks), l.t());
        &half + &half.t()
    }

    /// The target, shrunk by a tenth towards its diagonal so that no direction is lost.
    fn start(&self, target: &Moment) -> Vec<f64> {
        let mut b = target.to_dense() * 0.9;
        for (t, unit) in self.units.iter().enumerate() {
            let variance = (b[[t, t]] / 0.9).max(1e-3 * unit * unit);
            b[[t, t]] = variance;
        }
        linalg::semidefinite_cholesky(b.view()).iter().copied().collect()
    }

    fn lift(&self, phi: &mut [f64]) {
        for (t, unit) in self.units.iter().enumerate() {
            let entry = &mut phi[t * self.n_tasks + t];
            if entry.abs() < LIFT * unit {
                *entry = if *entry < 0.0 { -LIFT * unit } else { LIFT * unit };
            }
        }
    }

    fn has_closed_form(&self) -> bool {
        true
    }

    fn closed_form(&self, moment: ArrayView2<f64>) -> Option<Vec<f64>> {
        Some(linalg::semidefinite_cholesky(moment).iter().copied().collect())
    }

    fn is_free_factor(&self) -> bool {
        true
    }

    fn describe(&self, phi: &[f64]) -> Vec<(String, Value)> {
        let l = as_matrix(phi, self.n_tasks, self.n_tasks);
        let b = linalg::matmul(l, l.t());
        vec![("B".to_string(), Value::Matrix(b.rows().into_iter().map(|r| r.to_vec()).collect()))]
    }
}
