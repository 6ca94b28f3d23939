//! Log densities, and what their differences are worth.

use coregion::{Result, linalg};
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

/// Log density of a residual under a Gaussian with that covariance.
pub(crate) fn log_density(residual: ArrayView1<f64>, covariance: ArrayView2<f64>) -> Result<f64> {
    let factor = linalg::cholesky(covariance)?;
    let half = linalg::solve_lower(factor.view(), residual.insert_axis(Axis(1)));
    let log_det: f64 = factor.diag().iter().map(|v| v.ln()).sum();
    let constant = 0.5 * factor.nrows() as f64 * std::f64::consts::TAU.ln();
    Ok(-0.5 * half.iter().map(|v| v * v).sum::<f64>() - log_det - constant)
}

/// A difference of sums of log densities of the same things.
#[derive(Clone, Copy)]
pub(crate) struct Gap {
    pub(crate) sum: f64,
    /// Its standard error, paired.
    pub(crate) error: f64,
}

impl Gap {
    /// What the first says more than the second.
    pub(crate) fn of(a: &Array1<f64>, b: &Array1<f64>) -> Self {
        let differences = a - b;
        let n = differences.len() as f64;
        Gap { sum: differences.sum(), error: (n * differences.var(1.0)).sqrt() }
    }

    /// Whether it is at least two standard errors from zero.
    pub(crate) fn is_clear(&self) -> bool {
        self.sum.abs() >= 2.0 * self.error
    }
}
