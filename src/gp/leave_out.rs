//! Closed-form leave-out of the training data.

use ndarray::Array3;

use super::Posterior;
use crate::error::Result;
use crate::solve::{LeaveOut, LeftOut, leave_out, row_covariances};

impl Posterior {
    /// What the model says of the training observations, each block of them from all others; every
    /// parameter and the mean are held at their values.
    ///
    /// Exact. Entries, rows and tasks cost 4 n^2 T operations, a group of g rows
    /// T g (g n + g^2 / 3).
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for labels of another number than there are rows;
    /// [`crate::Error::NotPositive`] where signal and noise are so far apart that a block has no
    /// Cholesky factor; [`crate::Error::Numerical`] where a prediction overflows.
    pub fn leave_out(&self, by: &LeaveOut) -> Result<LeftOut> {
        leave_out(&self.factor, None, by)?.of(self.model.y())
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
        Ok(row_covariances(&self.factor, None))
    }
}
