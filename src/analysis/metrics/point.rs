//! Errors of the predicted mean.

use super::{PerTask, average, check_point, check_tasks};
use crate::error::{Error, Result};
use ndarray::{Array1, ArrayView1, ArrayView2};

/// What the mean squared error of [`smse`] is divided by.
///
/// ```
/// use coregion::analysis::metrics::{Normalizer, smse};
/// use ndarray::{array, aview1};
/// let (truth, mean) = (array![[1.0], [3.0]], array![[2.0], [2.0]]);
/// let own = smse(truth.view(), mean.view(), Normalizer::TestMean)?;
/// let train = smse(truth.view(), mean.view(), Normalizer::TrainMean(aview1(&[5.0])))?;
/// assert_eq!((own.mean, train.mean), (1.0, 0.1));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Normalizer<'a> {
    /// Mean squared error on the test targets of predicting the mean of the training targets,
    /// given for each task (length `T`, unit of the task): `Σ_i (y_it − ȳ_t)² / n_t`.
    TrainMean(ArrayView1<'a, f64>),
    /// Variance of the test targets around their own mean (division by `n_t`), as in
    /// Rasmussen & Williams (2006), section 2.5.
    TestMean,
}

/// Root mean squared error: how far the mean is off, large errors weighted most.
///
/// `RMSE_t = √(Σ_i (y_it − μ_it)² / n_t)`
///
/// # Arguments
/// - `truth`: targets `y`, shape `(m, T)`; NaN means "not observed".
/// - `mean`: predictions `μ`, shape `(m, T)`.
///
/// The result has the unit of the task; its `mean` is sensible only for tasks of like unit.
///
/// # Errors
/// - [`Error::Shape`]: `mean` has not the shape of `truth`, or there are no tasks.
/// - [`Error::NotFinite`]: `truth` holds an infinity, or `mean` a NaN or an infinity.
/// - [`Error::InvalidValue`]: a task has no observed entry.
/// - [`Error::Numerical`]: a square overflows.
///
/// Time `O(m T)`, memory `O(T)`.
///
/// ```
/// use coregion::analysis::metrics::rmse;
/// use ndarray::array;
/// let truth = array![[0.0, 1.0], [0.0, f64::NAN]];
/// let mean = array![[3.0, 1.0], [-3.0, 7.0]];
/// assert_eq!(rmse(truth.view(), mean.view())?.values, array![3.0, 0.0]);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn rmse(truth: ArrayView2<'_, f64>, mean: ArrayView2<'_, f64>) -> Result<PerTask> {
    check_point(truth, mean)?;
    PerTask::new("rmse", mean_square(truth, mean)?.mapv_into(f64::sqrt))
}

/// Mean absolute error: how far the mean is off on average.
///
/// `MAE_t = Σ_i |y_it − μ_it| / n_t`
///
/// # Arguments
/// - `truth`: targets `y`, shape `(m, T)`; NaN means "not observed".
/// - `mean`: predictions `μ`, shape `(m, T)`.
///
/// The result has the unit of the task; its `mean` is sensible only for tasks of like unit.
///
/// # Errors
/// - [`Error::Shape`]: `mean` has not the shape of `truth`, or there are no tasks.
/// - [`Error::NotFinite`]: `truth` holds an infinity, or `mean` a NaN or an infinity.
/// - [`Error::InvalidValue`]: a task has no observed entry.
/// - [`Error::Numerical`]: a sum overflows.
///
/// Time `O(m T)`, memory `O(T)`.
///
/// ```
/// use coregion::analysis::metrics::mae;
/// use ndarray::array;
/// let truth = array![[0.0, 1.0], [0.0, f64::NAN]];
/// let mean = array![[3.0, 2.0], [-1.0, 7.0]];
/// assert_eq!(mae(truth.view(), mean.view())?.values, array![2.0, 1.0]);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn mae(truth: ArrayView2<'_, f64>, mean: ArrayView2<'_, f64>) -> Result<PerTask> {
    check_point(truth, mean)?;
    let values = average(truth, |row, task, y| (y - mean[[row, task]]).abs())?;
    PerTask::new("mae", values)
}

/// Standardised mean squared error: the mean squared error in units of that of a trivial
/// prediction, so that tasks of different units can be compared.
///
/// `SMSE_t = (Σ_i (y_it − μ_it)² / n_t) / (Σ_i (y_it − c_t)² / n_t)`
///
/// where the [`Normalizer`] says what the constant `c_t` is: the mean of the training targets or
/// that of the test targets. Zero is perfect; one is as good as predicting the constant.
///
/// # Arguments
/// - `truth`: targets `y`, shape `(m, T)`; NaN means "not observed".
/// - `mean`: predictions `μ`, shape `(m, T)`.
/// - `normalizer`: the trivial prediction; training means have length `T`.
///
/// The result has no unit.
///
/// # Errors
/// - [`Error::Shape`]: `mean` has not the shape of `truth`, the training means have not length
///   `T`, or there are no tasks.
/// - [`Error::NotFinite`]: `truth` holds an infinity, or `mean` or the training means (argument
///   `train_mean`, row 0, the task as the column) a NaN or an infinity.
/// - [`Error::InvalidValue`]: a task has no observed entry, or its observed entries are all equal
///   to `c_t` (for [`Normalizer::TestMean`]: constant), so that there is nothing to divide by.
/// - [`Error::Numerical`]: a square or the quotient overflows.
///
/// Time `O(m T)`, memory `O(T)`. Source: Rasmussen & Williams, *Gaussian Processes for Machine
/// Learning*, MIT Press 2006, section 2.5.
///
/// ```
/// use coregion::analysis::metrics::{Normalizer, smse};
/// use ndarray::array;
/// let truth = array![[0.0], [2.0], [4.0]];
/// let mean = array![[0.0], [2.0], [2.0]];
/// let found = smse(truth.view(), mean.view(), Normalizer::TestMean)?;
/// assert!((found.mean - 0.5).abs() < 1e-15);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn smse(
    truth: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    normalizer: Normalizer<'_>,
) -> Result<PerTask> {
    check_point(truth, mean)?;
    let reference = match normalizer {
        Normalizer::TrainMean(train_mean) => {
            check_tasks("train_mean", train_mean, truth.ncols())?;
            train_mean.to_owned()
        }
        Normalizer::TestMean => observed_mean(truth)?,
    };
    let errors = mean_square(truth, mean)?;
    let trivial = average(truth, |_, task, y| (y - reference[task]).powi(2))?;
    if let Some(task) = trivial.iter().position(|&value| value == 0.0) {
        let (found, expected) = match normalizer {
            Normalizer::TrainMean(_) => (
                format!("only entries equal to the training mean for task {task}"),
                "an observed entry that differs from the training mean for each task",
            ),
            Normalizer::TestMean => (
                format!("a constant for task {task}"),
                "observed entries that are not all the same for each task",
            ),
        };
        return Err(Error::InvalidValue {
            argument: "truth".to_owned(),
            found,
            expected: expected.to_owned(),
        });
    }
    PerTask::new("smse", errors / trivial)
}

fn mean_square(truth: ArrayView2<'_, f64>, mean: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    average(truth, |row, task, y| (y - mean[[row, task]]).powi(2))
}

/// Mean of the observed entries of each task. The first observed entry is taken as the origin, so
/// that the mean of a constant is that constant, without rounding.
fn observed_mean(truth: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    let origin: Array1<f64> = truth
        .columns()
        .into_iter()
        .map(|column| column.iter().copied().find(|value| !value.is_nan()).unwrap_or(0.0))
        .collect();
    Ok(average(truth, |_, task, y| y - origin[task])? + &origin)
}
