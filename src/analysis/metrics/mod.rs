//! Metrics of multi-task predictions, per task and averaged over the tasks.
//!
//! # Conventions
//!
//! - Arrays have shape `(m, T)`: one row for each of `m` test inputs, one column for each of `T`
//!   tasks. The index `i` runs over the test inputs, `t` over the tasks.
//! - NaN in `truth` means "not observed": that entry is left out of every average. Below, `n_t` is
//!   the number of observed entries of task `t`, and `Σ_i` runs over these alone. A task without
//!   an observed entry is an error, because its metric is not defined.
//! - `mean` and `std` must be finite everywhere, also where `truth` is not observed. `std` is the
//!   standard deviation of the *observation* (it includes the noise) and must be positive.
//! - Each function returns a [`PerTask`]: the `T` values and their unweighted mean. Each task
//!   counts the same there, however many of its entries are observed.
//! - A result that is not finite because a square overflows is an [`Error::Numerical`], never a
//!   silent infinity or NaN.
//!
//! # Choice
//!
//! | Metric | Judges | Best | Unit |
//! |---|---|---|---|
//! | [`rmse`], [`mae`] | the mean | 0 | that of the task |
//! | [`smse`] | the mean, against a trivial mean | 0 (trivial: 1) | none |
//! | [`nlpd`] | the Gaussian | lower is better | nats |
//! | [`msll`] | the Gaussian, against a trivial one | lower is better (trivial: 0) | nats |
//! | [`coverage`] | the width of the intervals | the level asked for | none |
//! | [`crps`] | the Gaussian | 0 | that of the task |
//!
//! ```
//! use coregion::analysis::metrics::{coverage, rmse};
//! use ndarray::array;
//! let truth = array![[1.0, 10.0], [2.0, f64::NAN], [3.0, 30.0]];
//! let mean = array![[1.5, 10.0], [2.0, 20.0], [3.0, 34.0]];
//! let std = array![[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]];
//! let error = rmse(truth.view(), mean.view())?;
//! assert!((error.values[1] - 8.0_f64.sqrt()).abs() < 1e-15); // two observed entries
//! assert_eq!(coverage(truth.view(), mean.view(), std.view(), 0.95)?.values, array![1.0, 0.5]);
//! # Ok::<(), coregion::Error>(())
//! ```

mod density;
mod normal;
mod point;
#[cfg(test)]
mod tests;

pub use density::{coverage, crps, msll, nlpd};
pub use normal::{normal_cdf, normal_quantile};
pub use point::{Normalizer, mae, rmse, smse};

use crate::error::{Error, Result};
use ndarray::{Array1, ArrayView1, ArrayView2};

/// A metric for each task, and its unweighted mean over the tasks.
///
/// `values` has length `T`, in the order of the columns of `truth`; `mean` is `Σ_t values_t / T`.
/// The unit is that of the metric. All numbers are finite.
///
/// ```
/// use coregion::analysis::metrics::{PerTask, mae};
/// use ndarray::array;
/// let truth = array![[0.0, 0.0], [0.0, 0.0]];
/// let mean = array![[1.0, 2.0], [-1.0, 4.0]];
/// let found = mae(truth.view(), mean.view())?;
/// assert_eq!(found, PerTask { values: array![1.0, 3.0], mean: 2.0 });
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PerTask {
    /// The metric of each task, of length `T`.
    pub values: Array1<f64>,
    /// The unweighted mean of `values`.
    pub mean: f64,
}

impl PerTask {
    /// Takes the values of `metric` and averages them, if all of that is finite.
    fn new(metric: &str, values: Array1<f64>) -> Result<Self> {
        let overflow = |detail: String| Error::Numerical { operation: metric.to_owned(), detail };
        if let Some((task, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(overflow(format!("found {value} for task {task} from finite arguments")));
        }
        let mean = values.sum() / values.len() as f64;
        if !mean.is_finite() {
            return Err(overflow(format!("found {mean} as the mean over the tasks")));
        }
        Ok(Self { values, mean })
    }
}

/// Checks `truth` (NaN allowed, infinities not) and that `mean` is finite and of the same shape.
fn check_point(truth: ArrayView2<'_, f64>, mean: ArrayView2<'_, f64>) -> Result<()> {
    if truth.ncols() == 0 {
        return Err(Error::Shape {
            argument: "truth".to_owned(),
            found: "0 columns".to_owned(),
            expected: "at least one column, one for each task".to_owned(),
        });
    }
    check_shape("mean", mean, truth)?;
    check_entries("truth", truth, |value| !value.is_infinite())?;
    check_entries("mean", mean, f64::is_finite)
}

/// Checks `std`: the shape of `truth`, finite and positive.
fn check_std(truth: ArrayView2<'_, f64>, std: ArrayView2<'_, f64>) -> Result<()> {
    check_shape("std", std, truth)?;
    check_entries("std", std, f64::is_finite)?;
    match std.indexed_iter().find(|(_, value)| **value <= 0.0) {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::InvalidValue {
            argument: "std".to_owned(),
            found: format!("{value} at row {row}, column {column}"),
            expected: "positive standard deviations".to_owned(),
        }),
    }
}

/// Checks an argument with one finite number for each task.
fn check_tasks(argument: &str, values: ArrayView1<'_, f64>, tasks: usize) -> Result<()> {
    if values.len() != tasks {
        return Err(Error::Shape {
            argument: argument.to_owned(),
            found: format!("length {}", values.len()),
            expected: format!("length {tasks}, one for each task"),
        });
    }
    check_entries(argument, values.insert_axis(ndarray::Axis(0)), f64::is_finite)
}

fn check_shape(
    argument: &str,
    values: ArrayView2<'_, f64>,
    truth: ArrayView2<'_, f64>,
) -> Result<()> {
    if values.dim() == truth.dim() {
        return Ok(());
    }
    Err(Error::Shape {
        argument: argument.to_owned(),
        found: format!("shape {:?}", values.dim()),
        expected: format!("shape {:?}, that of truth", truth.dim()),
    })
}

fn check_entries(
    argument: &str,
    values: ArrayView2<'_, f64>,
    accepts: impl Fn(f64) -> bool,
) -> Result<()> {
    match values.indexed_iter().find(|(_, value)| !accepts(**value)) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            Err(Error::NotFinite { argument: argument.to_owned(), row, column, value })
        }
    }
}

/// For each task the average of `term(row, task, truth)` over the observed entries.
fn average(
    truth: ArrayView2<'_, f64>,
    mut term: impl FnMut(usize, usize, f64) -> f64,
) -> Result<Array1<f64>> {
    let mut sums = Array1::<f64>::zeros(truth.ncols());
    let mut counts = Array1::<f64>::zeros(truth.ncols());
    for ((row, task), &value) in truth.indexed_iter() {
        if !value.is_nan() {
            sums[task] += term(row, task, value);
            counts[task] += 1.0;
        }
    }
    if let Some(task) = counts.iter().position(|&count| count == 0.0) {
        return Err(Error::InvalidValue {
            argument: "truth".to_owned(),
            found: format!("no observed entry for task {task}"),
            expected: "at least one entry that is not NaN for each task".to_owned(),
        });
    }
    Ok(sums / counts)
}
