//! Closed-form leave-out of the training data.

use ndarray::Array3;

use super::Posterior;
use crate::error::{Error, Result};
use crate::solve::{LeaveOut, LeftOut, TaskMeans};

impl Posterior {
    /// What the model says of the training observations, each block of them from all others, with every
    /// parameter held at its value. So is the mean, unless it is a constant for each task that is
    /// estimated ([`super::Mean::Constant`]): this is estimated anew from what is left, and its uncertainty
    /// is part of the prediction, except where leaving out would leave no observation of some task.
    ///
    /// Exact. Entries, rows and tasks cost 4 n^2 T operations, a group of g rows
    /// T g (g n + g^2 / 3).
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for labels of another number than there are rows;
    /// [`crate::Error::NotPositive`] where signal and noise are so far apart that a block has no
    /// Cholesky factor; [`crate::Error::Numerical`] where a prediction overflows;
    /// [`crate::Error::Incompatible`] where the solver is `mixed`, for anything but rows or entries of a
    /// complete table.
    pub fn leave_out(&self, by: &LeaveOut) -> Result<LeftOut> {
        self.fits_inverse()?;
        let whole = self.whole()?;
        let found = match self.with_free_constants() {
            true => match whole.leave_out(by, TaskMeans::Free) {
                // Nothing is left of a task to estimate its constant from.
                Err(Error::Incompatible { .. }) if whole.as_mixed().is_none() => {
                    whole.leave_out(by, TaskMeans::Held)
                }
                other => other,
            },
            false => whole.leave_out(by, TaskMeans::Held),
        };
        found?.of(self.model.warped_outputs(&self.natural).view())
    }

    /// Whether the mean is a constant for each task that is estimated.
    fn with_free_constants(&self) -> bool {
        self.estimated.is_some() && self.model.linear_mean.as_ref().is_some_and(|m| m.is_constant())
    }

    /// The same with constant means that are not known: each task's constant is learned anew from what
    /// is left, by generalised least squares, and its uncertainty is part of the prediction (ordinary
    /// kriging). Kernel, B and noise are held.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// # let gp = MultiTaskGp::new(Rbf::ard()).mean(Mean::Training).fit(&data)?;
    /// let held = gp.posterior().leave_out(&LeaveOut::Row)?;
    /// let free = gp.posterior().leave_out_with_free_means(&LeaveOut::Row)?;
    /// assert!(free.std[[0, 0]] > held.std[[0, 0]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::leave_out`]; [`crate::Error::Incompatible`] where a task is left out at every
    /// row: nothing is left to learn its mean from.
    pub fn leave_out_with_free_means(&self, by: &LeaveOut) -> Result<LeftOut> {
        self.fits_inverse()?;
        let outputs = self.model.warped_outputs(&self.natural);
        self.whole()?.leave_out(by, TaskMeans::Free)?.of(outputs.view())
    }

    /// Covariances (n, T, T) between the observations of a row given all other rows: what
    /// [`LeaveOut::Row`] has the diagonals of.
    ///
    /// # Errors
    /// [`crate::Error::Memory`] beyond the memory budget.
    pub fn leave_out_row_covariances(&self) -> Result<Array3<f64>> {
        let (n, t) = (self.model.n_rows(), self.model.n_tasks());
        let doubles = n.saturating_mul(t).saturating_mul(t);
        self.fits("the covariances of the rows left out", doubles)?;
        self.fits_inverse()?;
        let whole = self.whole()?;
        match self.with_free_constants() {
            true => match whole.leave_out_row_covariances(TaskMeans::Free) {
                Err(Error::Incompatible { .. }) => whole.leave_out_row_covariances(TaskMeans::Held),
                other => other,
            },
            false => whole.leave_out_row_covariances(TaskMeans::Held),
        }
    }

    /// Checks that an iterative solver may be replaced by a dense one.
    fn fits_inverse(&self) -> Result<()> {
        if self.factor.as_iterative().is_none() {
            return Ok(());
        }
        let n = self.model.n_observations();
        self.fits(
            "the inverse covariance of the observations",
            n.saturating_mul(n).saturating_mul(3),
        )
    }
}
