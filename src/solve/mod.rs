//! Factorisations over structured operators; each reports what it did.

mod congruence;
mod kronecker;
mod leave_out;
mod resolvent;
mod spectrum;

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

pub use congruence::Congruence;
pub use kronecker::{FisherBlocks, KroneckerFactor};
pub(crate) use leave_out::{
    LN_TAU, fixed_effects, group_rows, leave_out, row_covariances, squares_times,
};
pub use leave_out::{LeaveOut, LeftOut, Precision, PrecisionDiagonals};
pub(crate) use resolvent::{Combined, Resolvent};
pub use spectrum::Spectrum;

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
    /// Relative residual reached, where one was measured.
    pub relative_residual: Option<f64>,
    /// Arithmetic and backend.
    pub precision: String,
}

/// The covariance of all observations, factored: solves with it and its log-determinant.
///
/// ```
/// use coregion::solve::Factor;
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let factor = gp.posterior().factor();
/// let mean = y.mean_axis(ndarray::Axis(0)).unwrap();
/// let alpha = factor.solve((&y - &mean).view());
/// assert!((alpha - factor.dual()).iter().all(|v| v.abs() < 1e-9));
/// assert!(factor.report().exact);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait Factor {
    /// The solution A (n, T) of `C vec(A) = vec(R)` for R (n, T).
    fn solve(&self, rhs: ArrayView2<f64>) -> Array2<f64>;

    /// The log-determinant of C.
    fn log_det(&self) -> Estimate;

    /// What was done.
    fn report(&self) -> SolveReport;
}
