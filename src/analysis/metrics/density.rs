//! Scores of the predicted Gaussian.

use super::normal::central_half_width;
use super::{PerTask, average, check_point, check_std, check_tasks};
use crate::error::{Error, Result};
use ndarray::{ArrayView1, ArrayView2};
use std::f64::consts::{PI, SQRT_2, TAU};

/// Mean negative log predictive density of the targets under the predicted Gaussians.
///
/// `NLPD_t = Σ_i [ln(2π σ_it²) / 2 + (y_it − μ_it)² / (2 σ_it²)] / n_t`
///
/// # Arguments
/// - `truth`: targets `y`, shape `(m, T)`; NaN means "not observed".
/// - `mean`, `std`: mean `μ` and standard deviation `σ` of the observation, each `(m, T)`, in the
///   unit of the task.
///
/// The result is in nats. A change of the unit of a task shifts its value by a constant; [`msll`]
/// does not depend on the unit.
///
/// # Errors
/// - [`Error::Shape`]: `mean` or `std` has not the shape of `truth`, or there are no tasks.
/// - [`Error::NotFinite`]: `truth` holds an infinity, or `mean` or `std` a NaN or an infinity.
/// - [`Error::InvalidValue`]: an entry of `std` is not positive, or a task has no observed entry.
/// - [`Error::Numerical`]: a square overflows.
///
/// Time `O(m T)`, memory `O(T)`. Source: Rasmussen & Williams, *Gaussian Processes for Machine
/// Learning*, MIT Press 2006, section 2.5.
///
/// ```
/// use coregion::analysis::metrics::nlpd;
/// use ndarray::array;
/// let (truth, mean, std) = (array![[3.0]], array![[1.0]], array![[2.0]]);
/// let expected = 0.5 * (std::f64::consts::TAU * 4.0).ln() + 0.5;
/// assert!((nlpd(truth.view(), mean.view(), std.view())?.mean - expected).abs() < 1e-15);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn nlpd(
    truth: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    std: ArrayView2<'_, f64>,
) -> Result<PerTask> {
    check_point(truth, mean)?;
    check_std(truth, std)?;
    let values = average(truth, |row, task, y| {
        negative_log_density(y, mean[[row, task]], std[[row, task]])
    })?;
    PerTask::new("nlpd", values)
}

/// Mean standardised log loss: the [`nlpd`] minus that of a trivial Gaussian, which has the mean
/// and the standard deviation of the training targets.
///
/// `MSLL_t = Σ_i [−ln N(y_it; μ_it, σ_it²) + ln N(y_it; ȳ_t, s_t²)] / n_t`
///
/// Zero is as good as the trivial Gaussian, negative is better.
///
/// # Arguments
/// - `truth`: targets `y`, shape `(m, T)`; NaN means "not observed".
/// - `mean`, `std`: mean `μ` and standard deviation `σ` of the observation, each `(m, T)`, in the
///   unit of the task.
/// - `train_mean`, `train_std`: mean `ȳ` and standard deviation `s` of the training targets, each
///   of length `T`, in the unit of the task.
///
/// The result is in nats and does not depend on the units of the tasks.
///
/// # Errors
/// - [`Error::Shape`]: `mean` or `std` has not the shape of `truth`, `train_mean` or `train_std`
///   not length `T`, or there are no tasks.
/// - [`Error::NotFinite`]: `truth` holds an infinity, or another argument a NaN or an infinity
///   (in `train_mean` and `train_std`: row 0, the task as the column).
/// - [`Error::InvalidValue`]: an entry of `std` or `train_std` is not positive, or a task has no
///   observed entry.
/// - [`Error::Numerical`]: a square overflows.
///
/// Time `O(m T)`, memory `O(T)`. Source: Rasmussen & Williams, *Gaussian Processes for Machine
/// Learning*, MIT Press 2006, section 2.5.
///
/// ```
/// use coregion::analysis::metrics::msll;
/// use ndarray::{array, aview1};
/// let (truth, mean, std) = (array![[2.0], [4.0]], array![[2.0], [4.0]], array![[0.5], [0.5]]);
/// let (train_mean, train_std) = (aview1(&[3.0]), aview1(&[1.0]));
/// let found = msll(truth.view(), mean.view(), std.view(), train_mean, train_std)?;
/// assert!((found.mean - (0.5_f64.ln() - 0.5)).abs() < 1e-15);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn msll(
    truth: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    std: ArrayView2<'_, f64>,
    train_mean: ArrayView1<'_, f64>,
    train_std: ArrayView1<'_, f64>,
) -> Result<PerTask> {
    check_point(truth, mean)?;
    check_std(truth, std)?;
    check_tasks("train_mean", train_mean, truth.ncols())?;
    check_tasks("train_std", train_std, truth.ncols())?;
    if let Some((task, value)) = train_std.iter().enumerate().find(|(_, s)| **s <= 0.0) {
        return Err(Error::InvalidValue {
            argument: "train_std".to_owned(),
            found: format!("{value} for task {task}"),
            expected: "positive standard deviations".to_owned(),
        });
    }
    let values = average(truth, |row, task, y| {
        negative_log_density(y, mean[[row, task]], std[[row, task]])
            - negative_log_density(y, train_mean[task], train_std[task])
    })?;
    PerTask::new("msll", values)
}

/// Share of the targets inside the central interval of the predicted Gaussian.
///
/// `coverage_t = Σ_i [|y_it − μ_it| ≤ h σ_it] / n_t`, where `Φ(h) = (1 + level) / 2`
///
/// A calibrated prediction has a coverage near `level`; a smaller one means that the standard
/// deviations are too small.
///
/// # Arguments
/// - `truth`: targets `y`, shape `(m, T)`; NaN means "not observed".
/// - `mean`, `std`: mean `μ` and standard deviation `σ` of the observation, each `(m, T)`, in the
///   unit of the task.
/// - `level`: probability of the interval, strictly between 0 and 1, such as 0.95.
///
/// The result has no unit and lies between 0 and 1.
///
/// # Errors
/// - [`Error::Shape`]: `mean` or `std` has not the shape of `truth`, or there are no tasks.
/// - [`Error::NotFinite`]: `truth` holds an infinity, or `mean` or `std` a NaN or an infinity.
/// - [`Error::InvalidValue`]: an entry of `std` is not positive, `level` is not strictly between 0
///   and 1, or a task has no observed entry.
///
/// Time `O(m T)`, memory `O(T)`.
///
/// ```
/// use coregion::analysis::metrics::coverage;
/// use ndarray::array;
/// let truth = array![[0.0], [1.0], [-1.9], [2.1]];
/// let (mean, std) = (array![[0.0], [0.0], [0.0], [0.0]], array![[1.0], [1.0], [1.0], [1.0]]);
/// assert_eq!(coverage(truth.view(), mean.view(), std.view(), 0.95)?.mean, 0.75);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn coverage(
    truth: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    std: ArrayView2<'_, f64>,
    level: f64,
) -> Result<PerTask> {
    check_point(truth, mean)?;
    check_std(truth, std)?;
    let half_width = central_half_width(level)?;
    let values = average(truth, |row, task, y| {
        let inside = (y - mean[[row, task]]).abs() <= half_width * std[[row, task]];
        f64::from(u8::from(inside))
    })?;
    PerTask::new("coverage", values)
}

/// Mean continuous ranked probability score of the predicted Gaussians: a distance between the
/// predicted distribution and the target that becomes the absolute error as `σ` goes to zero.
///
/// `CRPS_t = Σ_i σ_it [z (2 Φ(z) − 1) + 2 φ(z) − 1 / √π] / n_t`, with `z = (y_it − μ_it) / σ_it`
/// and `φ`, `Φ` the density and the distribution function of the standard Gaussian: the closed
/// form of `∫ (F(x) − [x ≥ y])² dx` for a Gaussian distribution function `F`.
///
/// # Arguments
/// - `truth`: targets `y`, shape `(m, T)`; NaN means "not observed".
/// - `mean`, `std`: mean `μ` and standard deviation `σ` of the observation, each `(m, T)`, in the
///   unit of the task.
///
/// The result has the unit of the task (lower is better); its `mean` is sensible only for tasks of
/// like unit.
///
/// # Errors
/// - [`Error::Shape`]: `mean` or `std` has not the shape of `truth`, or there are no tasks.
/// - [`Error::NotFinite`]: `truth` holds an infinity, or `mean` or `std` a NaN or an infinity.
/// - [`Error::InvalidValue`]: an entry of `std` is not positive, or a task has no observed entry.
/// - [`Error::Numerical`]: a product overflows.
///
/// Time `O(m T)`, memory `O(T)`. Source: Gneiting, Raftery, Westveld & Goldman, *Calibrated
/// probabilistic forecasting using ensemble model output statistics and minimum CRPS estimation*,
/// Monthly Weather Review 133 (2005), eq. 5; with its properties in Gneiting & Raftery, *Strictly
/// proper scoring rules, prediction, and estimation*, JASA 102 (2007), section 4.2.
///
/// ```
/// use coregion::analysis::metrics::crps;
/// use ndarray::array;
/// let (truth, mean, std) = (array![[-3.0]], array![[0.0]], array![[1.0]]);
/// let found = crps(truth.view(), mean.view(), std.view())?;
/// assert!((found.mean - 2.436_574_73).abs() < 1e-8);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn crps(
    truth: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    std: ArrayView2<'_, f64>,
) -> Result<PerTask> {
    check_point(truth, mean)?;
    check_std(truth, std)?;
    let values = average(truth, |row, task, y| {
        let (error, sigma) = (y - mean[[row, task]], std[[row, task]]);
        let z = error / sigma;
        let density = (-0.5 * z * z).exp() / TAU.sqrt();
        // 2 Φ(z) − 1 = erf(z / √2)
        error * libm::erf(z / SQRT_2) + sigma * (2.0 * density - 1.0 / PI.sqrt())
    })?;
    PerTask::new("crps", values)
}

/// `−ln N(y; mean, std²)`.
fn negative_log_density(y: f64, mean: f64, std: f64) -> f64 {
    let z = (y - mean) / std;
    0.5 * TAU.ln() + std.ln() + 0.5 * z * z
}
