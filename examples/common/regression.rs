//! Ordinary least squares with an intercept, for one output or several.

use coregion::linalg;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// A linear regression of T outputs on p inputs, fitted.
pub(crate) struct Regression {
    /// (p + 1, T), the intercepts first.
    coefficients: Array2<f64>,
    /// Lower Cholesky factor of the matrix of the normal equations.
    factor: Array2<f64>,
    /// Covariance (T, T) of the residuals, free of the bias of the fit.
    pub(crate) covariance: Array2<f64>,
}

/// A column of ones and the columns of z (n, p).
fn design(z: ArrayView2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(
        (z.nrows(), z.ncols() + 1),
        |(i, j)| {
            if j == 0 { 1.0 } else { z[[i, j - 1]] }
        },
    )
}

impl Regression {
    /// Regresses y (n, T) on the columns of z (n, p).
    pub(crate) fn fit(z: ArrayView2<f64>, y: ArrayView2<f64>) -> coregion::Result<Self> {
        let a = design(z);
        let factor = linalg::cholesky(a.t().dot(&a).view())?;
        let half = linalg::solve_lower(factor.view(), a.t().dot(&y).view());
        let coefficients = linalg::solve_lower_transpose(factor.view(), half.view());
        let residuals = &y - &a.dot(&coefficients);
        let freedom = (a.nrows() - a.ncols()) as f64;
        let covariance = residuals.t().dot(&residuals) / freedom;
        Ok(Regression { coefficients, factor, covariance })
    }

    /// Means (m, T) at the rows of z (m, p), and the variances (m) that the uncertainty of the
    /// coefficients adds, in units of those of the residuals.
    pub(crate) fn predict(&self, z: ArrayView2<f64>) -> (Array2<f64>, Array1<f64>) {
        let a = design(z);
        let half = linalg::solve_lower(self.factor.view(), a.t());
        (a.dot(&self.coefficients), half.mapv(|v| v * v).sum_axis(Axis(0)))
    }
}
