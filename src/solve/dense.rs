//! The covariance of the observed entries, formed and factored by Cholesky.
//!
//! Exact for every pattern of gaps and every noise. With `A = L L'` and `a = A^-1 (y - mean)` the
//! log-likelihood is `-1/2 a' (y - mean) - sum log L_ii - N/2 log 2 pi`, and every gradient is read off
//! `G = a a' - A^-1` (Rasmussen & Williams 2006, eq. 5.9).

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis};

use super::leave_out::{self, DensePrecision};
use super::observed::{RowBlocks, joint_of, variances_at, variances_of, weights_of};
use super::{
    Adjoints, Estimate, Factor, FixedEffects, LeaveOut, Residuals, RowCovariances, SolveReport,
    TaskMeans, log_gaussian, solve_entries,
};
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{Adjoint, MaskedKronecker, Pattern, TaskAdjoint};

/// `A = L L'` for the covariance of N observed entries, with the solution for one set of data: N^3 / 3
/// multiply-adds and N^2 doubles; the gradient N^3 more, and N^2 doubles more.
///
/// ```
/// use coregion::op::{MaskedKronecker, NoiseMatrix, Pattern};
/// use coregion::solve::{DenseFactor, Factor};
/// use ndarray::array;
/// let y = array![[1.0, f64::NAN], [2.0, 3.0]];
/// let (k, b) = (array![[1.0, 0.5], [0.5, 1.0]], array![[2.0, 1.0], [1.0, 3.0]]);
/// let noise = NoiseMatrix::Diagonal(array![0.1, 0.2]);
/// let a = MaskedKronecker::new(k.into(), b, noise, None, Pattern::of(y.view()).into());
/// let factor = DenseFactor::new(a, y.view(), "an example")?;
/// assert_eq!(factor.dual()[[0, 1]], 0.0); // where nothing was observed
/// assert!(factor.report().exact && factor.log_likelihood() < 0.0);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DenseFactor {
    covariance: MaskedKronecker,
    lower: Array2<f64>,
    solution: Array1<f64>,
    quadratic: f64,
    why: String,
}

impl DenseFactor {
    /// The diagonal of `C' A^-1 C`.
    fn explained(&self, c: &Array2<f64>) -> Array1<f64> {
        let half = linalg::solve_lower(self.lower.view(), c.view());
        half.mapv(|v| v * v).sum_axis(Axis(0))
    }

    /// Factors the covariance and solves for the observed entries of `residuals` (n, T), data less
    /// their mean. `why` is what the report says of the choice.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where the covariance has no Cholesky factor, or one that is rounding.
    pub fn new(covariance: MaskedKronecker, residuals: ArrayView2<f64>, why: &str) -> Result<Self> {
        let lower = linalg::cholesky_of(covariance.to_dense()).map_err(|_| Error::NotPositive {
            matrix: "the covariance of the observations".to_string(),
            what: "definite",
            detail:
                "some are known from others without noise, as two at one input: it needs more noise"
                    .to_string(),
        })?;
        check_pivots(&lower, &covariance)?;
        let (solution, why) = (Array1::zeros(0), why.to_string());
        let mut factor = DenseFactor { covariance, lower, solution, quadratic: 0.0, why };
        factor.set_data(residuals);
        Ok(factor)
    }

    /// Solves for the observed entries of data less their mean (n, T).
    fn set_data(&mut self, residuals: ArrayView2<f64>) {
        let (half, solution) = solved(&self.lower, self.covariance.pattern().gather(residuals));
        self.quadratic = half.iter().map(|v| v * v).sum();
        self.solution = solution;
    }

    /// The covariance of the observed entries.
    pub fn covariance(&self) -> &MaskedKronecker {
        &self.covariance
    }

    /// `A^-1` (N, N).
    pub(super) fn inverse(&self) -> Array2<f64> {
        linalg::cholesky_inverse(self.lower.view())
    }

    /// The solution over the observed entries (N).
    pub(super) fn solution(&self) -> &Array1<f64> {
        &self.solution
    }
}

/// `L^-1 y` and `L^-T L^-1 y`.
fn solved(lower: &Array2<f64>, data: Array1<f64>) -> (Array2<f64>, Array1<f64>) {
    let half = linalg::solve_lower(lower.view(), data.insert_axis(Axis(1)).view());
    let solution = linalg::solve_lower_transpose(lower.view(), half.view());
    (half, solution.remove_axis(Axis(1)))
}

/// Refuses pivots below what rounding leaves of them: N times the precision of their diagonal entry
/// (Higham 2002, theorem 10.3). Their logarithm and inverse mean nothing.
fn check_pivots(lower: &Array2<f64>, covariance: &MaskedKronecker) -> Result<()> {
    let share = lower.nrows() as f64 * f64::EPSILON;
    let variances = covariance.signal_diagonal() + covariance.noise_diagonal();
    let places = covariance.pattern().observed();
    for ((l, variance), (row, task)) in lower.diag().iter().zip(&variances).zip(places) {
        if l * l <= share * variance {
            return Err(Error::NotPositive {
                matrix: "the covariance of the observations".to_string(),
                what: "definite",
                detail: format!(
                    "up to rounding, that of task {task} at row {row} is known from others: it needs \
                     more noise"
                ),
            });
        }
    }
    Ok(())
}

impl Factor for DenseFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        let pattern = self.covariance.pattern();
        let (_, solution) = solved(&self.lower, pattern.gather(rhs));
        Ok(pattern.scatter(solution.view()))
    }

    fn log_det(&self) -> Estimate {
        let value = 2.0 * self.lower.diag().iter().map(|v| v.ln()).sum::<f64>();
        Estimate { value, std_err: 0.0 }
    }

    fn log_likelihood(&self) -> f64 {
        log_gaussian(self.quadratic, self.log_det().value, self.solution.len())
    }

    fn dual(&self) -> Array2<f64> {
        self.covariance.pattern().scatter(self.solution.view())
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        weights_of(&self.covariance, self.dual().view())
    }

    fn adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>> {
        let mut g = self.inverse();
        for (mut row, a) in g.rows_mut().into_iter().zip(&self.solution) {
            row.zip_mut_with(&self.solution, |v, b| *v = 0.5 * (a * b - *v));
        }
        let sigma = self.covariance.noise();
        let adjoint = |matrix: Array2<f64>| TaskAdjoint::of_dense(matrix, sigma);
        let terms = self.covariance.terms();
        let with = if with_kernels { terms } else { &[] };
        let folded_kernels = with.iter().map(|q| self.covariance.fold_kernel(q, g.view()));
        Ok(Adjoints {
            kernels: folded_kernels.map(Adjoint::Dense).collect(),
            tasks: terms.iter().map(|q| adjoint(self.covariance.fold_task(q, g.view()))).collect(),
            noise: adjoint(self.covariance.fold_noise(|a, b| g[[a, b]])),
        })
    }

    fn row_doubles(&self) -> usize {
        self.row_doubles_of_one() * self.covariance.pattern().n_tasks()
    }

    fn row_doubles_of_one(&self) -> usize {
        3 * self.lower.nrows()
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        Ok(Box::new(RowBlocks::new(&self.covariance, cross, prior, |c| {
            let half = linalg::solve_lower(self.lower.view(), c.view());
            Ok((half.clone(), half))
        })?))
    }

    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        joint_of(&self.covariance, cross, &prior, |c| {
            let half = linalg::solve_lower(self.lower.view(), c.view());
            Ok(linalg::matmul(half.t(), half.view()))
        })
    }

    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        variances_of(&self.covariance, entries, |c| Ok(self.explained(c)))
    }

    fn variances_at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
        tasks: &[usize],
    ) -> Result<(Array1<f64>, usize)> {
        variances_at(&self.covariance, cross, prior, tasks, |c| Ok(self.explained(c)))
    }

    fn fixed_effects(
        &self,
        basis: ArrayView2<f64>,
        pattern: &Arc<Pattern>,
    ) -> Result<FixedEffects> {
        let all = |columns: Array2<f64>| {
            let columns = columns.t().as_standard_layout().into_owned();
            let half = linalg::solve_lower(self.lower.view(), columns.view());
            let whole = linalg::solve_lower_transpose(self.lower.view(), half.view());
            Ok(whole.reversed_axes().as_standard_layout().into_owned())
        };
        solve_entries(all, self.dual().view(), basis, pattern)
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        self.set_data(residuals);
        Ok(self)
    }

    fn leave_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        leave_out::observed::leave_out(&DensePrecision::new(self), by, means)
    }

    fn leave_out_row_covariances(&self, means: TaskMeans) -> Result<Array3<f64>> {
        leave_out::observed::row_covariances(&DensePrecision::new(self), means)
    }

    fn report(&self) -> SolveReport {
        SolveReport { why: self.why.clone().into(), ..SolveReport::exact("dense") }
    }
}
