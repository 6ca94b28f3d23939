//! What needs no Gaussian process: the training mean, and least squares on other metals.

use coregion::linalg;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Means and standard deviations of new observations.
pub(crate) struct Gaussian {
    pub(crate) mean: Array1<f64>,
    pub(crate) std: Array1<f64>,
}

impl Gaussian {
    /// The mean and the standard deviation of some training values, for each of m rows.
    pub(crate) fn of_training(values: ArrayView1<f64>, m: usize) -> Self {
        let mean = values.sum() / values.len() as f64;
        Gaussian { mean: Array1::from_elem(m, mean), std: Array1::from_elem(m, values.std(1.0)) }
    }
}

/// Ordinary least squares with an intercept.
pub(crate) struct Regression {
    coefficients: Array1<f64>,
    /// Lower Cholesky factor of the matrix of the normal equations.
    factor: Array2<f64>,
    residual_std: f64,
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
    /// Regresses y (n) on the columns of z (n, p).
    pub(crate) fn fit(z: ArrayView2<f64>, y: ArrayView1<f64>) -> coregion::Result<Self> {
        let a = design(z);
        let factor = linalg::cholesky(a.t().dot(&a).view())?;
        let moments = a.t().dot(&y).insert_axis(Axis(1));
        let half = linalg::solve_lower(factor.view(), moments.view());
        let solved = linalg::solve_lower_transpose(factor.view(), half.view());
        let coefficients = solved.index_axis_move(Axis(1), 0);
        let residuals = &y - &a.dot(&coefficients);
        let freedom = (a.nrows() - a.ncols()) as f64;
        let residual_std = (residuals.dot(&residuals) / freedom).sqrt();
        Ok(Regression { coefficients, factor, residual_std })
    }

    /// Predictions at the rows of z (m, p); the uncertainty of the coefficients is included.
    pub(crate) fn predict(&self, z: ArrayView2<f64>) -> Gaussian {
        let a = design(z);
        let half = linalg::solve_lower(self.factor.view(), a.t());
        let leverage = half.mapv(|v| v * v).sum_axis(Axis(0));
        Gaussian {
            mean: a.dot(&self.coefficients),
            std: leverage.mapv(|h| self.residual_std * (1.0 + h).sqrt()),
        }
    }
}
