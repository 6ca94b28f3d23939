//! Factorisations over structured operators; each reports what it did.

mod congruence;
mod kronecker;
mod spectrum;

use ndarray::{Array2, ArrayView2};

pub use congruence::Congruence;
pub use kronecker::{FisherBlocks, KroneckerFactor};
pub use spectrum::Spectrum;

/// A number with the standard error of its estimate, 0 where it is exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub std_err: f64,
}

/// What a solver did, for the user to read.
#[derive(Debug, Clone, PartialEq)]
pub struct SolveReport {
    /// Name of the solver.
    pub solver: &'static str,
    /// Why it was chosen.
    pub why: &'static str,
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
pub trait Factor {
    /// The solution A (n, T) of `C vec(A) = vec(R)` for R (n, T).
    fn solve(&self, rhs: ArrayView2<f64>) -> Array2<f64>;

    /// The log-determinant of C.
    fn log_det(&self) -> Estimate;

    /// What was done.
    fn report(&self) -> SolveReport;
}
