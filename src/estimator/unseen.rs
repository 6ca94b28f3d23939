//! Tasks that a fitted model has not seen.

use ndarray::ArrayView2;

use super::fitted::FittedMultiTaskGp;
use crate::error::{Error, Result};
use crate::gp::{Prediction, Uncertainty};

impl FittedMultiTaskGp {
    /// Means, and standard deviations where asked for, at xs (m, d) for tasks that were not seen, of
    /// descriptors `task_features` (S, q) in the columns that the task covariance has: both (m, S).
    ///
    /// Exact where the solver is; the mean of a new task is that of the training tasks by ordinary kriging,
    /// whose error is part of the standard deviations. See [`crate::gp::Posterior::predict_tasks`].
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::{Array2, array};
    /// let x = Array2::from_shape_fn((12, 1), |(i, _)| i as f64);
    /// let places = array![[0.0], [1.0], [2.0], [4.0]]; // of four stations
    /// let y = Array2::from_shape_fn((12, 4), |(i, t)| {
    ///     (0.7 * i as f64 + 0.5 * places[[t, 0]]).sin() + 0.02 * ((7 * i + 3 * t) % 5) as f64
    /// });
    /// let gp = MultiTaskGp::new(Rbf::ard())
    ///     .task(DescriptorKernel::new(Rbf::ard(), places.view()))
    ///     .noise(Noise::Shared)
    ///     .fit(&Dataset::new(x.view(), y.view())?)?;
    /// let between = gp.predict_tasks(x.view(), array![[3.0]].view(), Uncertainty::Std)?;
    /// assert!((between.mean[[5, 0]] - (0.7 * 5.0 + 1.5f64).sin()).abs() < 0.15);
    /// let far = gp.predict_tasks(x.view(), array![[40.0]].view(), Uncertainty::Std)?;
    /// assert!(far.std()?[[5, 0]] > 2.0 * between.std()?[[5, 0]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`crate::gp::Posterior::predict_tasks`].
    pub fn predict_tasks(
        &self,
        xs: ArrayView2<f64>,
        task_features: ArrayView2<f64>,
        uncertainty: Uncertainty,
    ) -> Result<Prediction> {
        if self.is_warped() {
            return Err(Error::Incompatible {
                options: "tasks that were not seen and a warp of the outputs".to_string(),
                advice: "a task has a warp of its own: transform the outputs before".to_string(),
            });
        }
        self.posterior.predict_tasks(xs, task_features, uncertainty)
    }
}
