//! A task covariance, ready for every penalty.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::Problem;
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{NoiseMatrix, TaskMatrix};
use crate::param::Layout;
use crate::solve::Congruence;
use crate::task::{BoundTask, Task, TaskScales};

/// A task covariance B diagonalised against the penalties at alpha = 1, with the data along its
/// directions. Arrays are direction by row: (k, n).
///
/// ```
/// use coregion::ridge::{Candidate, Problem};
/// use coregion::prelude::*;
/// use ndarray::array;
/// let y = array![[0.1, 1.0], [0.9, 2.0]];
/// let data = Dataset::new(array![[0.0], [1.0]].view(), y.view())?;
/// let problem = Problem::new(&data, &Rbf::isotropic(1.0), None, false)?;
/// let b = array![[2.0, 1.0], [1.0, 2.0]];
/// let candidate = Candidate::new(&problem, &Fixed::at(b.view()), array![1.0, 1.0].view())?;
/// let shifts = candidate.congruence().shifts();
/// assert!((shifts - &array![1.0, 3.0]).iter().all(|v| v.abs() < 1e-14));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Candidate {
    matrix: TaskMatrix,
    congruence: Congruence,
    /// Data whitened by the penalties along the stored directions (k, n).
    pub(super) inside: Array2<f64>,
    /// What of them lies outside these directions (T, n), where some are not stored.
    pub(super) outside: Option<Array2<f64>>,
    /// `1 / (penalty / task weight)` (T): the weight of a task in the objective.
    pub(super) task_weights: Array1<f64>,
    /// Number of tasks each direction stands for: 1, and that of the rest.
    pub(super) multiplicity: Vec<f64>,
    /// The diagonal of the precision (T, K) from those of the directions.
    pub(super) spread: Array2<f64>,
}

impl Candidate {
    /// Diagonalises a task covariance against `unit_penalties` (T), the noise variances at
    /// alpha = 1: O(T^3 + n T^2), or O(n T r) for low rank plus noise over many tasks.
    ///
    /// # Errors
    /// [`crate::Error::MissingValue`] where a value of the task covariance is not given; what it
    /// refuses.
    pub fn new(problem: &Problem, task: &Task, unit_penalties: ArrayView1<f64>) -> Result<Self> {
        let t = problem.rotated.ncols();
        check_length("unit_penalties", unit_penalties.len(), t)?;
        let bound = bind(task, t)?;
        let given = Self::require_values(&*bound)?;
        let noise = NoiseMatrix::Diagonal(unit_penalties.to_owned());
        let matrix = bound.matrix(&given);
        let congruence = Congruence::new(&matrix, &noise)?;
        let whitened = congruence.whiten(problem.rotated.t());
        let inside = linalg::matmul(congruence.vectors(), whitened.view());
        let mut multiplicity = vec![1.0; inside.nrows()];
        let (mut spread, remainder) = congruence.precision_weights();
        let outside = (congruence.n_rest() > 0).then(|| {
            multiplicity.push(congruence.n_rest() as f64);
            &whitened - &linalg::matmul(congruence.vectors().t(), inside.view())
        });
        if outside.is_some() {
            let column = remainder.insert_axis(ndarray::Axis(1));
            spread = ndarray::concatenate![ndarray::Axis(1), spread, column];
        }
        Ok(Candidate {
            task_weights: unit_penalties.mapv(f64::recip),
            inside,
            outside,
            multiplicity,
            spread,
            matrix,
            congruence,
        })
    }

    /// Doubles that a candidate, and a solution with it, take beside their rows.
    ///
    /// # Errors
    /// What the task covariance refuses.
    pub(crate) fn doubles(task: &Task, n_tasks: usize) -> Result<usize> {
        let kept = |rank: &usize| Congruence::stays_factored(n_tasks, *rank);
        Ok(match bind(task, n_tasks)?.factored_rank().filter(kept) {
            Some(rank) => n_tasks.saturating_mul(10 * (rank + 1)),
            None => n_tasks.saturating_mul(n_tasks).saturating_mul(10),
        })
    }

    /// B.
    pub fn task_matrix(&self) -> &TaskMatrix {
        &self.matrix
    }

    /// Refuses a task covariance that does not fit so many tasks or has values that nobody gave, before
    /// anything is computed.
    pub(crate) fn check(task: &Task, n_tasks: usize) -> Result<()> {
        Self::require_values(&*bind(task, n_tasks)?).map(drop)
    }

    fn require_values(bound: &dyn BoundTask) -> Result<Vec<f64>> {
        let mut layout = Layout::default();
        layout.push("terms[0].task", bound.params());
        layout.require_given()?;
        Ok(layout.initial())
    }

    /// The congruence of B and the penalties at alpha = 1.
    pub fn congruence(&self) -> &Congruence {
        &self.congruence
    }

    /// The shift of each direction, the rest last, at a penalty, and its derivative with respect to
    /// `ln(alpha)`.
    pub(super) fn shifts(&self, alpha: f64) -> Vec<(f64, f64)> {
        let multiple = self.congruence.multiple();
        let rest = self.congruence.rest_shift();
        let all = self.congruence.shifts().iter().copied().chain(rest);
        all.map(|d| {
            let signal = (d - multiple).max(0.0) / alpha; // rounding may leave less
            (signal + multiple, -signal)
        })
        .collect()
    }

    /// Duals (T, n) in the task space from those along the directions and outside them.
    pub(super) fn to_tasks(
        &self,
        inside: ArrayView2<f64>,
        outside: Option<&Array2<f64>>,
    ) -> Array2<f64> {
        let mut whitened = linalg::matmul(self.congruence.vectors().t(), inside);
        if let Some(outside) = outside {
            whitened += outside;
        }
        self.congruence.whiten_transpose(whitened.view())
    }
}

/// Refuses lists that have not one number for each task.
pub(super) fn check_length(argument: &str, found: usize, n_tasks: usize) -> Result<()> {
    if found == n_tasks {
        return Ok(());
    }
    Err(Error::Shape {
        argument: argument.to_string(),
        found: format!("{found} values"),
        expected: format!("{n_tasks}, one for each task"),
    })
}

/// A task covariance whose values are in the units of the outputs.
fn bind(task: &Task, n_tasks: usize) -> Result<Box<dyn BoundTask>> {
    task.bind(&TaskScales { std: Array1::ones(n_tasks), pooled: 1.0, amplitude: 1.0 })
}
