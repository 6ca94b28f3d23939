//! Gaussians over all stations, one for each day.

use coregion::linalg;
use coregion::prelude::*;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};

/// What a model says of m days: the mean (m, T) and the covariance between the stations (m, T, T)
/// of what is to be measured.
pub(crate) struct Joint {
    pub(crate) mean: Array2<f64>,
    covariance: Array3<f64>,
}

impl Joint {
    /// The same covariance on every day, but for a factor.
    pub(crate) fn scaled(
        mean: Array2<f64>,
        covariance: &Array2<f64>,
        factors: &Array1<f64>,
    ) -> Self {
        let size = (mean.nrows(), mean.ncols(), mean.ncols());
        let of = |(i, t, s)| factors[i] * covariance[[t, s]];
        Joint { covariance: Array3::from_shape_fn(size, of), mean }
    }

    /// The same covariance on every day.
    pub(crate) fn constant(mean: Array2<f64>, covariance: &Array2<f64>) -> Self {
        let ones = Array1::ones(mean.nrows());
        Self::scaled(mean, covariance, &ones)
    }

    /// Of a multi-task process.
    pub(crate) fn of_tasks(gp: &FittedMultiTaskGp, xs: ArrayView2<f64>) -> coregion::Result<Self> {
        let mean = gp.predict(xs, Uncertainty::None)?.mean;
        Ok(Joint { mean, covariance: gp.predict_task_covariances(xs)? + gp.noise_covariance() })
    }

    /// Of single-task processes, which know nothing of each other.
    pub(crate) fn of_single(gps: &SingleTaskGps, xs: ArrayView2<f64>) -> coregion::Result<Self> {
        let p = gps.predict(xs, Uncertainty::Observation)?;
        let std = p.std()?;
        let size = (xs.nrows(), std.ncols(), std.ncols());
        let of = |(i, t, s)| if t == s { std[[i, t]].powi(2) } else { 0.0 };
        Ok(Joint { covariance: Array3::from_shape_fn(size, of), mean: p.mean })
    }

    /// Parts, each with the places of its days among all m.
    pub(crate) fn gathered(m: usize, tasks: usize, parts: &[(Joint, Vec<usize>)]) -> Self {
        let mut all =
            Joint { mean: Array2::zeros((m, tasks)), covariance: Array3::zeros((m, tasks, tasks)) };
        for (part, places) in parts {
            for (k, &i) in places.iter().enumerate() {
                all.mean.row_mut(i).assign(&part.mean.row(k));
                let from = part.covariance.index_axis(Axis(0), k);
                all.covariance.index_axis_mut(Axis(0), i).assign(&from);
            }
        }
        all
    }

    /// The same with something known added.
    pub(crate) fn plus(mut self, known: &Array2<f64>) -> Self {
        self.mean += known;
        self
    }

    /// Standard deviations (m, T).
    pub(crate) fn std(&self) -> Array2<f64> {
        Array2::from_shape_fn(self.mean.dim(), |(i, t)| self.covariance[[i, t, t]].sqrt())
    }

    /// Means and standard deviations of the mean over the stations (m, 1).
    pub(crate) fn of_mean(&self) -> (Array2<f64>, Array2<f64>) {
        let n = self.mean.ncols() as f64;
        let mean = self.mean.sum_axis(Axis(1)) / n;
        let variance = self.covariance.sum_axis(Axis(2)).sum_axis(Axis(1)) / (n * n);
        (mean.insert_axis(Axis(1)), variance.mapv(f64::sqrt).insert_axis(Axis(1)))
    }

    /// Negative log density in nats of what was measured on each day at all stations together.
    pub(crate) fn losses(&self, truth: ArrayView2<f64>) -> coregion::Result<Array1<f64>> {
        let days = truth.outer_iter().zip(self.mean.outer_iter()).zip(self.covariance.outer_iter());
        days.map(|((y, m), c)| loss((&y - &m).view(), c)).collect()
    }
}

/// `(r' C^-1 r + ln det C + T ln 2 pi) / 2`.
fn loss(residual: ArrayView1<f64>, covariance: ArrayView2<f64>) -> coregion::Result<f64> {
    let factor = linalg::cholesky(covariance)?;
    let white = linalg::solve_lower(factor.view(), residual.insert_axis(Axis(1)));
    let log_det = 2.0 * factor.diag().mapv(f64::ln).sum();
    let constant = residual.len() as f64 * std::f64::consts::TAU.ln();
    Ok(0.5 * (white.mapv(|v| v * v).sum() + log_det + constant))
}

/// Covariance (T, T) of errors (n, T) around zero.
pub(crate) fn second_moment(errors: &Array2<f64>) -> Array2<f64> {
    errors.t().dot(errors) / errors.nrows() as f64
}
