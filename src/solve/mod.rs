//! Factorisations over structured operators; each reports what it did.

mod appended;
mod choleskys;
mod conditional;
mod congruence;
mod congruent;
mod dense;
mod fixed_effects;
mod iterative;
mod kronecker;
mod leave_out;
mod low_rank;
mod mixed;
mod mixed_gaps;
mod mixed_leave_out;
mod mixed_posterior;
mod observed;
mod resolvent;
mod schur;
mod select;
mod spectrum;

use std::borrow::Cow;
use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

pub(crate) use appended::{Added, AppendedFactor};
pub use choleskys::CholeskysFactor;
pub use congruence::Congruence;
pub use congruent::CongruentFactor;
pub use dense::DenseFactor;
pub use fixed_effects::FixedEffects;
use fixed_effects::solve_entries;
pub(crate) use fixed_effects::{Added as AddedCovariances, Rows, profiled};
pub use iterative::{CgSettings, CgState, IterativeFactor};
pub use kronecker::{FisherBlocks, KroneckerFactor};
pub(crate) use leave_out::{
    LN_TAU, fixed_effects, group_rows, leave_out, row_covariances, squares_times,
};
pub use leave_out::{LeaveOut, LeftOut, Precision, PrecisionDiagonals, Residuals, TaskMeans};
pub use low_rank::Truncation;
pub(crate) use low_rank::{RANK_TOL, check_rank_tol};
pub use mixed::MixedFactor;
pub(crate) use resolvent::{Combined, Resolvent};
pub use schur::SchurFactor;
pub use select::Solver;
pub(crate) use select::{Choice, Problem, select};
pub use spectrum::Spectrum;

use crate::error::Result;
use crate::op::{Adjoint, Pattern, TaskAdjoint};

/// A number with the standard error of its estimate, 0 where it is exact.
///
/// ```
/// use coregion::solve::{Estimate, Factor};
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let Estimate { value, std_err } = gp.posterior().factor().log_det();
/// assert!(value.is_finite() && std_err == 0.0); // exact
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub std_err: f64,
}

/// What a solver did, for the user to read.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let solve = &gp.report().solve;
/// assert_eq!((&*solve.solver, solve.exact, solve.jitter), ("kronecker", true, 0.0));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolveReport {
    /// Name of the solver.
    pub solver: Cow<'static, str>,
    /// Why it was chosen.
    pub why: Cow<'static, str>,
    /// True where the result is exact up to rounding.
    pub exact: bool,
    /// What was added to a diagonal to make a factorisation work.
    pub jitter: f64,
    /// Negative eigenvalues set to zero.
    pub clipped_eigenvalues: usize,
    /// Largest magnitude among them, relative to the largest eigenvalue.
    pub clipped_magnitude: f64,
    /// Iterations, 0 for a direct solver.
    pub iterations: usize,
    /// Rank of the preconditioner or of the Gram matrix, where there is one.
    #[serde(default)]
    pub rank: Option<usize>,
    /// Relative residual asked for, where the solver is iterative.
    #[serde(default)]
    pub tolerance: Option<f64>,
    /// Relative residual reached, where one was measured.
    pub relative_residual: Option<f64>,
    /// Standard error of the log-determinant, in nats; 0 where it is exact.
    #[serde(default)]
    pub log_det_std_err: f64,
    /// How far the log-likelihood may be from that of the exact model, in nats, where it was bounded: a
    /// certainty, up to rounding, and no estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_likelihood_bound: Option<f64>,
    /// Arithmetic and backend.
    pub precision: String,
}

impl SolveReport {
    /// The report of an exact solver that had nothing to mend.
    pub(crate) fn exact(solver: &'static str) -> Self {
        SolveReport {
            solver: solver.into(),
            why: "".into(),
            exact: true,
            jitter: 0.0,
            clipped_eigenvalues: 0,
            clipped_magnitude: 0.0,
            iterations: 0,
            rank: None,
            tolerance: None,
            relative_residual: None,
            log_det_std_err: 0.0,
            log_likelihood_bound: None,
            precision: format!("f64, {}", crate::linalg::BACKEND),
        }
    }
}

/// Logarithm of a Gaussian density from its quadratic form, the log-determinant and the number of values.
fn log_gaussian(quadratic: f64, log_det: f64, count: usize) -> f64 {
    -0.5 * (quadratic + log_det + count as f64 * LN_TAU)
}

/// Views of the matrices of each term.
pub(crate) fn views(matrices: &[Array2<f64>]) -> Vec<ArrayView2<'_, f64>> {
    matrices.iter().map(|m| m.view()).collect()
}

/// Adjoints of a log-likelihood with respect to the matrices of its covariance.
#[derive(Debug, Clone)]
pub struct Adjoints<'a> {
    /// With respect to the Gram matrix K of each term; empty unless asked for.
    pub kernels: Vec<Adjoint<'a>>,
    /// With respect to the B of each term at a held Sigma.
    pub tasks: Vec<TaskAdjoint>,
    /// With respect to Sigma at held B.
    pub noise: TaskAdjoint,
}

/// Posterior covariances of the latent functions between tasks, at each of some rows.
pub trait RowCovariances {
    /// Variances (m, T), and how many came out negative by rounding and were set to zero.
    fn variances(&self) -> (Array2<f64>, usize);

    /// The covariance between two lists of tasks at row i.
    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64>;
}

/// The covariance of all observations, factored, with the solution for one set of data.
///
/// Tables are (n, T); entries that were not observed are ignored in what comes in, and 0 in what
/// goes out.
///
/// ```
/// use coregion::solve::Factor;
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// # let gp = MultiTaskGp::new(Rbf::ard()).mean(Mean::Training).fit(&data)?;
/// let factor = gp.posterior().factor();
/// let mean = y.mean_axis(ndarray::Axis(0)).unwrap();
/// let alpha = factor.solve((&y - &mean).view())?;
/// assert!((alpha - factor.dual()).iter().all(|v| v.abs() < 1e-9));
/// assert!(factor.report().exact);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait Factor: std::fmt::Debug + Send + Sync {
    /// The solution A of `C vec(A) = vec(R)` for R.
    ///
    /// # Errors
    /// [`crate::Error::Numerical`] where an iterative solver does not converge.
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>>;

    /// The log-determinant of C.
    fn log_det(&self) -> Estimate;

    /// Logarithm of the Gaussian density of the data.
    fn log_likelihood(&self) -> f64;

    /// The dual coefficients alpha: the posterior mean is `sum_q k_q(x, X) alpha B_q`.
    fn dual(&self) -> Array2<f64>;

    /// `alpha B` for the B of each term.
    fn weights(&self) -> Vec<Array2<f64>>;

    /// Adjoints of the log-likelihood; those of K cost most, and are left out unless asked for.
    ///
    /// # Errors
    /// As [`Factor::solve`].
    fn adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>>;

    /// Posterior covariances between tasks at rows with cross-kernels `k(x, X)` (m, n) and priors
    /// `k(x, x)` (m), one for each term.
    ///
    /// # Errors
    /// As [`Factor::solve`].
    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>>;

    /// Posterior variances (m) of the latent function of one task at each row, with cross-kernels and
    /// prior variances as of [`Factor::at`], and how many came out negative by rounding.
    ///
    /// # Errors
    /// As [`Factor::solve`].
    fn variances_at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
        tasks: &[usize],
    ) -> Result<(Array1<f64>, usize)> {
        let (all, clipped) = self.at(cross, prior)?.variances();
        Ok((tasks.iter().enumerate().map(|(i, &t)| all[[i, t]]).collect(), clipped))
    }

    /// Doubles that [`Factor::at`] takes for each row.
    fn row_doubles(&self) -> usize;

    /// Doubles that [`Factor::variances_at`] takes for each row.
    fn row_doubles_of_one(&self) -> usize {
        self.row_doubles()
    }

    /// The joint posterior covariance `[i, t, j, s]` of the latent functions at rows with cross-kernels
    /// (m, n) and priors `k(x, x')` (m, m), one for each term.
    ///
    /// # Errors
    /// As [`Factor::solve`].
    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>>;

    /// Variances of the observations at entries (row, task) that were not observed, noise included.
    ///
    /// # Errors
    /// As [`Factor::solve`].
    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>>;

    /// True where the covariance was not factored as a whole, and adjoints, leave-out and variances of
    /// missing entries need that.
    fn is_partial(&self) -> bool {
        false
    }

    /// What the next factor of an iterative solver starts from.
    fn state(&self) -> Option<CgState> {
        None
    }

    /// The factor that draws of posteriors by pathwise conditioning need, where it is one.
    fn as_iterative(&self) -> Option<&IterativeFactor> {
        None
    }

    /// The factor of a complete table, where it is one.
    fn as_kronecker(&self) -> Option<&KroneckerFactor> {
        None
    }

    /// The factor of mixed latent functions, where it is one.
    fn as_mixed(&self) -> Option<&MixedFactor> {
        None
    }

    /// What is left out at a time, less what all other observations say of it; kernel, B and noise
    /// are held.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for labels of another number than there are rows;
    /// [`crate::Error::NotPositive`] where signal and noise are so far apart that a block has no
    /// Cholesky factor; [`crate::Error::Numerical`] where a prediction overflows;
    /// [`crate::Error::Incompatible`] where nothing is left to learn the mean of a task from, and for
    /// solvers that do not hold an inverse covariance.
    fn leave_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        let _ = (by, means);
        Err(leave_out::not_exact(&self.report().solver))
    }

    /// Covariances (n, T, T) between the observations of a row given all other rows; NaN where nothing
    /// was observed.
    ///
    /// # Errors
    /// As [`Factor::leave_out`].
    fn leave_out_row_covariances(&self, means: TaskMeans) -> Result<Array3<f64>> {
        let _ = means;
        Err(leave_out::not_exact(&self.report().solver))
    }

    /// The coefficients of a linear mean with columns F (n, p) at the rows, by generalised least squares,
    /// for a table with that pattern.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where the columns cannot be told apart; as [`Factor::solve`].
    fn fixed_effects(
        &self,
        basis: ArrayView2<f64>,
        pattern: &Arc<Pattern>,
    ) -> Result<FixedEffects> {
        fixed_effects::one_by_one(self, basis, pattern)
    }

    /// The same covariance with the solution for other data less their mean (n, T).
    ///
    /// # Errors
    /// As [`Factor::solve`].
    fn with_data(self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>>;

    /// What was done.
    fn report(&self) -> SolveReport;
}
