//! Means that are known or not when something is left out.

use std::sync::Arc;

use ndarray::{Array1, Array3, Axis};

use super::{LeaveOut, Residuals, fixed_effects};
use crate::error::{Error, Result};
use crate::solve::KroneckerFactor;

/// What the predictions of what is left out take for the means of the tasks.
///
/// ```
/// use coregion::solve::{Factor, LeaveOut, TaskMeans};
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let factor = gp.posterior().factor();
/// let held = factor.leave_out(&LeaveOut::Row, TaskMeans::Held)?;
/// let free = factor.leave_out(&LeaveOut::Row, TaskMeans::Free)?;
/// assert!(free.std[[0, 0]] > held.std[[0, 0]]);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaskMeans {
    /// Those the factored data are less of: nothing is added to them.
    #[default]
    Held,
    /// A constant for each task beside them, learned anew from what is left by generalised least
    /// squares; its uncertainty is part of the prediction.
    Free,
}

/// `U' 1`.
fn ones(factor: &KroneckerFactor) -> Array1<f64> {
    factor.spectrum().vectors.sum_axis(Axis(0))
}

/// Leave-out of a complete table.
pub(in crate::solve) fn complete(
    factor: &KroneckerFactor,
    by: &LeaveOut,
    means: TaskMeans,
) -> Result<Residuals> {
    if means == TaskMeans::Held {
        return super::leave_out(factor, None, by);
    }
    let ones = ones(factor);
    let constants = fixed_effects(factor, ones.view());
    let data = factor.rotated_data() - &ones.view().insert_axis(Axis(1)) * &constants;
    let spectrum = Arc::clone(factor.spectrum());
    let freed = KroneckerFactor::new(spectrum, factor.congruence().clone(), data.view());
    super::leave_out(&freed, Some(ones.view()), by)
}

/// [`super::row_covariances`] of a complete table.
pub(in crate::solve) fn complete_row_covariances(
    factor: &KroneckerFactor,
    means: TaskMeans,
) -> Result<Array3<f64>> {
    let fixed = (means == TaskMeans::Free).then(|| ones(factor));
    super::check_fixed(factor.spectrum().len(), fixed.is_some(), &LeaveOut::Row)?;
    Ok(super::row_covariances(factor, fixed.as_ref().map(|u| u.view())))
}

/// The refusal of a factor that has no precision to take blocks of.
pub(in crate::solve) fn not_exact(solver: &str) -> Error {
    Error::Incompatible {
        options: format!("closed-form leave-out and the solver {solver} for this data"),
        advice:
            "it reads blocks of the inverse covariance: choose the solver dense where the data are \
                 few enough, or leave groups of rows out by `FittedMultiTaskGp::k_fold`"
                .to_string(),
    }
}
