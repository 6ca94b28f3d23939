//! Predicted Gaussians, and what needs no Gaussian process: the training mean, and least squares on
//! other metals.

use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

use crate::regression::Regression;

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

    /// Least squares of y (n) on the columns of z (n, p), at the rows of zs (m, p); the uncertainty
    /// of the coefficients is included.
    pub(crate) fn of_regression(
        z: ArrayView2<f64>,
        y: ArrayView1<f64>,
        zs: ArrayView2<f64>,
    ) -> coregion::Result<Self> {
        let regression = Regression::fit(z, y.insert_axis(Axis(1)))?;
        let (mean, leverage) = regression.predict(zs);
        let residual_std = regression.covariance[[0, 0]].sqrt();
        Ok(Gaussian {
            mean: mean.index_axis_move(Axis(1), 0),
            std: leverage.mapv(|h| residual_std * (1.0 + h).sqrt()),
        })
    }
}
