//! Predictions of one task for each row, in the user's units.

use ndarray::{Array2, ArrayView2, Axis};

use super::FittedMultiTaskGp;
use super::warped::{of, scores};
use crate::error::Result;
use crate::gp::{Prediction, Uncertainty};

impl FittedMultiTaskGp {
    /// Means, and standard deviations where asked for, of `tasks[i]` at row i of xs (m, d): both (m, 1).
    ///
    /// What a list of observations asks: with the solvers `dense` and `cg` by a T-th of the operations and
    /// memory that [`FittedMultiTaskGp::predict`] takes for the standard deviations of all tasks.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let xs = array![[1.5], [2.5]];
    /// let one = gp.predict_at(xs.view(), &[1, 0], Uncertainty::Std)?;
    /// let all = gp.predict(xs.view(), Uncertainty::Std)?;
    /// assert!((one.mean[[0, 0]] - all.mean[[0, 1]]).abs() < 1e-12);
    /// assert!((one.std()?[[1, 0]] - all.std()?[[1, 0]]).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::predict`]; [`crate::Error::Shape`] for tasks of another number than there
    /// are rows, and [`crate::Error::InvalidValue`] for a task beyond the last.
    pub fn predict_at(
        &self,
        xs: ArrayView2<f64>,
        tasks: &[usize],
        uncertainty: Uncertainty,
    ) -> Result<Prediction> {
        let found = self.posterior.predict_at(xs, tasks, self.asked(uncertainty))?;
        self.in_units(found, None, uncertainty, |(i, _)| tasks[i])
    }

    /// Quantiles (m, q) of `tasks[i]` at row i of xs (m, d), of new observations or of the latent
    /// functions; see [`FittedMultiTaskGp::predict_quantiles`].
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[1.0, 0.3], [2.2, 0.7], [2.5, 1.1], [1.1, 0.4], [0.4, 0.2]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let q = gp.predict_quantiles_at(array![[1.5]].view(), &[1], &[0.05, 0.95], true)?;
    /// assert!(0.0 < q[[0, 0]] && q[[0, 0]] < q[[0, 1]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::predict_at`]; [`crate::Error::InvalidValue`] for other levels.
    pub fn predict_quantiles_at(
        &self,
        xs: ArrayView2<f64>,
        tasks: &[usize],
        levels: &[f64],
        include_noise: bool,
    ) -> Result<Array2<f64>> {
        let scores = scores(levels)?;
        let p = self.posterior.predict_at(xs, tasks, of(include_noise))?;
        let all = self.quantiles(&p, &scores, None, |(i, _)| tasks[i])?;
        Ok(all.index_axis_move(Axis(1), 0))
    }
}
