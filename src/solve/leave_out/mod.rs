//! Closed-form leave-out: what a model says of observations from the others, for every observation
//! in turn, at the price of matrix products with one factorisation.
//!
//! With the precision `P` of all observations (the inverse of their covariance) and the dual
//! coefficients `C = P (Y - mean)`, the observations of a block S, given all others, are Gaussian
//! with covariance `P_SS^-1` and differ from their mean by `P_SS^-1 C_S` (Sundararajan & Keerthi
//! 2001; Dubrule 1983; for blocks Ginsbourger & Schaerer 2021). In the common eigenbasis of
//! [`KroneckerFactor`] the blocks of P are sums over few directions, so that no block is inverted that
//! has not the size of what is left out. Of a table with gaps P is the precision of what was observed
//! ([`observed`]).
//!
//! An unpenalised column `h` (an intercept for each task) turns P into the precision of contrasts,
//! `A^-1 - A^-1 H (H' A^-1 H)^-1 H' A^-1`: the intercepts are learned anew from what is left. Kernel,
//! task covariance, noise and any other mean are held.

mod blocks;
mod by;
mod means;
pub(super) mod observed;
mod observed_precision;
mod precision;

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};

pub use by::LeaveOut;
pub(crate) use by::rows as group_rows;
pub use means::TaskMeans;
pub(super) use means::{complete, complete_row_covariances, not_exact};
pub(super) use observed_precision::{DensePrecision, SchurPrecision};
pub(crate) use precision::squares_times;
pub use precision::{Precision, PrecisionDiagonals};

use super::KroneckerFactor;
use crate::error::{Error, Result};
use crate::linalg;

/// `log 2 pi`.
pub(crate) const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// What is left out and predicted from the rest, against the observations; NaN where nothing was
/// observed.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let left_out = gp.leave_one_out(&LeaveOut::Row)?;
/// assert_eq!((left_out.mean.dim(), left_out.std.dim()), ((5, 2), (5, 2)));
/// assert_eq!(left_out.log_density.dim(), (5, 1)); // of each row, all tasks together
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// Predicted means of the observations (n, T).
    pub mean: Array2<f64>,
    /// Standard deviations of the observations, noise included (n, T).
    pub std: Array2<f64>,
    /// Log predictive densities of what is left out together: (n, T) for entries, (n, 1) for rows,
    /// (1, T) for tasks, (G, 1) for G groups of rows, (G, T) for groups by task; groups in the order
    /// of their labels. NaN where what is left out together holds no observed entry.
    pub log_density: Array2<f64>,
}

/// What is left out less its prediction, with the shapes of [`LeftOut`]; the units are those of the
/// factored data, and NaN stands where nothing was observed.
///
/// ```
/// use coregion::solve::{Factor, LeaveOut, Residuals, TaskMeans};
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// # let gp = MultiTaskGp::new(Rbf::ard()).mean(Mean::Training).fit(&data)?;
/// let factor = gp.posterior().factor();
/// let left_out: Residuals = factor.leave_out(&LeaveOut::Row, TaskMeans::Held)?;
/// let means = gp.leave_one_out(&LeaveOut::Row)?.mean;
/// assert!((&y - &means - &left_out.residual).iter().all(|v| v.abs() < 1e-12));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Residuals {
    /// Observations less their predicted means (n, T).
    pub residual: Array2<f64>,
    /// Standard deviations of the observations, noise included (n, T).
    pub std: Array2<f64>,
    /// Log predictive densities of what is left out together.
    pub log_density: Array2<f64>,
}

impl Residuals {
    /// The residuals of data whose rows had been multiplied by `root_weights`, in their own units.
    pub(crate) fn unweighted(mut self, root_weights: ArrayView1<f64>, by: &LeaveOut) -> Self {
        let column = root_weights.insert_axis(Axis(1));
        self.residual /= &column;
        self.std /= &column;
        let n_tasks = self.residual.ncols() as f64;
        let logs = root_weights.mapv(f64::ln);
        match by {
            LeaveOut::Entry => self.log_density += &logs.insert_axis(Axis(1)),
            LeaveOut::Row => self.log_density += &(logs * n_tasks).insert_axis(Axis(1)),
            LeaveOut::Task => self.log_density += logs.sum(),
            LeaveOut::Groups(labels) | LeaveOut::GroupsByTask(labels) => {
                let each = if matches!(by, LeaveOut::Groups(_)) { n_tasks } else { 1.0 };
                for (mut row, rows) in
                    self.log_density.rows_mut().into_iter().zip(group_rows(labels))
                {
                    row += each * rows.iter().map(|&i| logs[i]).sum::<f64>();
                }
            }
        }
        self
    }

    /// The predictions for observations `y`, NaN where nothing was observed.
    pub(crate) fn of(self, y: ArrayView2<f64>) -> Result<LeftOut> {
        let Residuals { residual, std, log_density } = self;
        let out = LeftOut { mean: &y - &residual, std, log_density };
        let complete = !y.iter().any(|v| v.is_nan());
        let observed = out.mean.iter().zip(&out.std).zip(&y).filter(|(_, y)| !y.is_nan());
        let entries = observed.flat_map(|((mean, std), _)| [mean, std]);
        // Of tables with gaps a block without an observation has no density.
        let densities = out.log_density.iter().filter(|v| complete || !v.is_nan());
        let beyond = entries.chain(densities).find(|v| !v.is_finite()).copied();
        match beyond {
            None => Ok(out),
            Some(value) => Err(too_far_apart("prediction", value)),
        }
    }
}

/// The refusal of a result that is no number.
fn too_far_apart(what: &str, value: f64) -> Error {
    Error::Numerical {
        operation: "leave-out".to_string(),
        detail: format!("a {what} is {value}: signal and noise are too far apart"),
    }
}

/// Leaves out what `by` says from the data of a factor. `fixed` is `U' h` for an unpenalised column h
/// (n), whose coefficients the factor's data have been freed of.
///
/// Time: entries and rows 4 n^2 T + 2 n T^2 operations, tasks 4 n^2 T, groups of g rows
/// T g (g n + g^2 / 3) each, groups by task the same. Memory n^2 / 8 + O(nT) beside the factor.
pub(crate) fn leave_out(
    factor: &KroneckerFactor,
    fixed: Option<ArrayView1<f64>>,
    by: &LeaveOut,
) -> Result<Residuals> {
    let n = factor.spectrum().len();
    by.check(n)?;
    check_fixed(n, fixed.is_some(), by)?;
    let precision = Precision::new(factor, fixed);
    match by {
        LeaveOut::Entry => Ok(entries(&precision)),
        LeaveOut::Row => Ok(rows(&precision)),
        LeaveOut::Task => Ok(tasks(&precision)),
        LeaveOut::Groups(labels) => blocks::groups(&precision, &group_rows(labels)),
        LeaveOut::GroupsByTask(labels) => blocks::groups_by_task(&precision, &group_rows(labels)),
    }
}

/// Refuses to learn intercepts from no row.
fn check_fixed(n: usize, fixed: bool, by: &LeaveOut) -> Result<()> {
    if !fixed || !by.takes_every_row(n) {
        return Ok(());
    }
    Err(Error::Incompatible {
        options: format!("an intercept for each task and leaving out by {by}"),
        advice:
            "no row is left to learn the intercept from: leave out by rows, entries or smaller \
                 groups, or fit without intercepts"
                .to_string(),
    })
}

/// Log density of residuals with variance 1 / precision and dual coefficient c.
fn log_density(precision: f64, dual: f64) -> f64 {
    0.5 * (precision.ln() - LN_TAU - dual * dual / precision)
}

/// `e = C / g`, variance `1 / g`, with g the diagonal of P.
fn entries(precision: &Precision<'_>) -> Residuals {
    let dual = precision.dual();
    let g = precision.entries(&precision.diagonals());
    let mut log_densities = g.clone();
    log_densities.zip_mut_with(&dual, |g, c| *g = log_density(*g, *c));
    Residuals { residual: dual / &g, std: g.mapv(|g| g.sqrt().recip()), log_density: log_densities }
}

/// A T x T block of P for each row, diagonal in the directions of the congruence.
fn rows(precision: &Precision<'_>) -> Residuals {
    let congruence = precision.factor().congruence();
    let diagonals = precision.diagonals();
    let inside = precision.inside();
    let parts = &inside / &diagonals.stored;
    let mut log_density =
        (&diagonals.stored.mapv(f64::ln) - &(&inside * &parts)).sum_axis(Axis(1)) * 0.5;
    log_density -= 0.5 * LN_TAU * congruence.n_tasks() as f64 + congruence.half_log_det_noise();
    let mut residual = linalg::matmul(parts.view(), congruence.vectors());
    if let (Some(rest), Some(outside)) = (&diagonals.rest, precision.outside(&inside)) {
        let outside = outside / rest.view().insert_axis(Axis(1));
        let count = congruence.n_rest() as f64;
        for (i, row) in outside.rows().into_iter().enumerate() {
            log_density[i] += 0.5 * (count * rest[i].ln() - rest[i] * row.dot(&row));
        }
        residual += &outside;
    }
    residual = congruence.color_rows(residual.view());
    let std = precision.variances(&diagonals.stored, diagonals.rest.as_ref()).mapv(f64::sqrt);
    Residuals { residual, std, log_density: log_density.insert_axis(Axis(1)) }
}

/// Covariances (n, T, T) of the observations of each row given all others.
pub(crate) fn row_covariances(
    factor: &KroneckerFactor,
    fixed: Option<ArrayView1<f64>>,
) -> Array3<f64> {
    let precision = Precision::new(factor, fixed);
    let diagonals = precision.diagonals();
    let congruence = factor.congruence();
    let primal = congruence.primal_vectors();
    let noise = diagonals.rest.as_ref().map(|_| congruence.noise());
    let (n, t) = (diagonals.stored.nrows(), congruence.n_tasks());
    let mut out = Array3::zeros((n, t, t));
    for (i, mut block) in out.axis_iter_mut(Axis(0)).enumerate() {
        let rest = diagonals.rest.as_ref().map_or(0.0, |r| r[i].recip());
        let c = diagonals.stored.row(i).mapv(|q| q.recip() - rest);
        block.assign(&linalg::matmul((&primal * &c).view(), primal.t()));
        if let Some(noise) = &noise {
            block.scaled_add(rest, noise);
        }
    }
    out
}

/// Each column given all others: its block of P is `U diag(h) U'`, where U spans everything.
fn tasks(precision: &Precision<'_>) -> Residuals {
    let factor = precision.factor();
    let h = precision.task_weights();
    let rotated = factor.rotated_dual();
    let explained = &rotated / &h;
    let terms = &h.mapv(f64::ln) - &(&rotated * &explained) - LN_TAU;
    let mut log_density = terms.sum_axis(Axis(0)) * 0.5;
    let u = factor.spectrum().vectors.view();
    let mut variances = squares_times(u, h.mapv(f64::recip).view());
    if let Some(outside) = factor.spectrum().outside() {
        let h = precision.outside_weights();
        variances += &(&outside.insert_axis(Axis(1)) / &h);
        log_density += &((h.mapv(f64::ln) - LN_TAU) * (0.5 * factor.spectrum().hidden() as f64));
    }
    Residuals {
        residual: linalg::matmul(u, explained.view()),
        std: variances.mapv(f64::sqrt),
        log_density: log_density.insert_axis(Axis(0)),
    }
}

/// The coefficients (T) of an unpenalised column h, given as `U' h`, by generalised least squares in
/// the data of a factor: those that leave `H' P Y = 0`.
pub(crate) fn fixed_effects(factor: &KroneckerFactor, fixed: ArrayView1<f64>) -> Array1<f64> {
    let congruence = factor.congruence();
    let (inverse, inverse_rest) = factor.inverse_shifts();
    let squares = fixed.mapv(|v| v * v);
    let sums = fixed.dot(factor.whitened_solution());
    let inside = congruence.vectors().dot(&sums);
    let mut whitened = congruence.vectors().t().dot(&(&inside / &squares.dot(inverse)));
    if let Some(rest) = inverse_rest {
        let outside = &sums - &congruence.vectors().t().dot(&inside);
        whitened += &(outside / squares.dot(rest));
    }
    congruence.color_rows(whitened.insert_axis(Axis(0)).view()).remove_axis(Axis(0))
}
