//! Warped outputs in a fitted model: what is predicted of them, in the user's units.
//!
//! The posterior is of the warped outputs, normal there. Quantiles are mapped back as they are. The mean
//! of a prediction is that of a new observation, its noise included: that of the latent function alone
//! would be a mean of nothing that is measured. Standard deviations are those of the latent function mapped
//! back, or of a new observation, as asked.

use ndarray::{Array1, Array2, Array3, ArrayView2};

use super::fitted::FittedMultiTaskGp;
use super::multi_task_gp::MultiTaskGp;
use crate::analysis::metrics::normal_quantile;
use crate::error::{Error, Result};
use crate::gp::{Prediction, Uncertainty};
use crate::op::NoiseMatrix;
use crate::solve::{LeaveOut, LeftOut, group_rows};
use crate::warp::{FittedWarp, Warp};

impl MultiTaskGp {
    /// The warp of the outputs, the same kind for every task, each with parameters of its own. B, the noise
    /// and the means are then of the warped outputs; the likelihood, its Jacobian included, and all that is
    /// predicted are in the user's units.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[1.0, 0.3], [2.2, 0.7], [2.5, 1.1], [1.1, 0.4], [0.4, 0.2]];
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let logs = Dataset::new(x.view(), y.mapv(f64::ln).view())?;
    /// let of_logs = MultiTaskGp::new(Rbf::ard()).fit(&logs)?.log_marginal_likelihood();
    /// let jacobian = -y.mapv(f64::ln).sum();
    /// assert!((gp.log_marginal_likelihood() - of_logs - jacobian).abs() < 1e-9);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn warp(self, warp: Warp) -> Self {
        self.warps([warp])
    }

    /// One warp for each task.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[1.0, 0.3], [2.2, -0.7], [2.5, 1.1], [1.1, 0.4], [0.4, 0.2]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskGp::new(Rbf::ard());
    /// let gp = settings.clone().warps([Warp::box_cox(), Warp::yeo_johnson()]).fit(&data)?;
    /// assert!(gp.parameters().contains_key("warp[1].lambda"));
    /// let error = settings.warp(Warp::log()).fit(&data).unwrap_err();
    /// assert!(error.to_string().starts_with("y, task 'task 1': found -0.7 at row 1"));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn warps(mut self, warps: impl IntoIterator<Item = Warp>) -> Self {
        self.warps = warps.into_iter().collect();
        self
    }
}

/// The warps, one for each task where paths hold values that were given: described as held, for at an end
/// of its range a value is accepted only so.
pub(super) fn held(
    warps: &[Warp],
    n_tasks: usize,
    fixed: &[String],
    ties: &[(String, String)],
) -> Vec<Warp> {
    if !fixed.iter().any(|path| path.starts_with("warp[")) {
        return warps.to_vec();
    }
    let mut each = match warps {
        [all] => vec![all.clone(); n_tasks],
        each => each.to_vec(),
    };
    let tied = |path: &String| ties.iter().any(|(a, b)| [a, b].contains(&path));
    for (t, warp) in each.iter_mut().enumerate() {
        let start = format!("warp[{t}].");
        // Ties are of values that both are learned, and come first.
        for name in fixed.iter().filter(|p| !tied(p)).filter_map(|p| p.strip_prefix(&start)) {
            if warp.spec().get(name).is_some() {
                *warp = warp.clone().fix(name);
            }
        }
    }
    each
}

impl FittedMultiTaskGp {
    /// The warp of each task, with the values learned.
    pub fn warps(&self) -> Vec<FittedWarp> {
        self.posterior.model().warps().fitted(self.posterior.natural(), self.task_names())
    }

    /// Whether the outputs of a task are warped: B and the noise are then of the warped outputs.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let (x, y) = (array![[0.0], [1.0], [2.0]], array![[1.0, 0.3], [2.2, 0.2], [2.5, 0.6]]);
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warps([Warp::log(), Warp::identity()]).fit(&data)?;
    /// assert!(gp.is_warped() && gp.to_string().contains("of the warped outputs"));
    /// assert!(!MultiTaskGp::new(Rbf::ard()).fit(&data)?.is_warped());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn is_warped(&self) -> bool {
        !self.posterior.model().warps().is_identity()
    }

    /// Refuses outputs (m, T) outside the domain of the warps; NaN is none.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] naming the task and the first of them.
    pub(super) fn check_outputs(&self, argument: &str, y: ArrayView2<f64>) -> Result<()> {
        if !self.is_warped() || y.ncols() != self.task_names().len() {
            return Ok(());
        }
        let each = self.warps();
        let mut columns = y.columns().into_iter().zip(&each);
        columns.try_for_each(|(column, warp)| {
            let mut observed = column.iter().filter(|v| !v.is_nan());
            observed.try_for_each(|v| warp.check(argument, *v))
        })
    }

    /// Outputs (m, T) on the warped scale; NaN stays.
    pub(super) fn to_warped(&self, y: ArrayView2<f64>) -> Array2<f64> {
        let model = self.posterior.model();
        model.warps().forward(self.posterior.natural(), y.to_owned())
    }

    /// The uncertainty that a prediction of warped outputs is asked for: its means are integrals.
    pub(super) fn asked(&self, uncertainty: Uncertainty) -> Uncertainty {
        match uncertainty {
            Uncertainty::None if self.is_warped() => Uncertainty::Observation,
            other => other,
        }
    }

    /// Predictions in the user's units of those of the warped outputs, made with what
    /// [`FittedMultiTaskGp::asked`] says; what was `given` (m, T), NaN where wanted, comes back as it is.
    /// `task_of` is the task of an entry (row, column).
    ///
    /// # Errors
    /// [`Error::Numerical`] where a mean or a standard deviation overflows.
    pub(super) fn in_units(
        &self,
        mut p: Prediction,
        given: Option<ArrayView2<f64>>,
        uncertainty: Uncertainty,
        task_of: impl Fn((usize, usize)) -> usize,
    ) -> Result<Prediction> {
        if !self.is_warped() {
            return Ok(p);
        }
        let (warps, noise) = (self.warps(), self.noise_matrix().diagonal());
        for (at, mean) in p.mean.indexed_iter_mut() {
            if let Some(value) = given.map(|g| g[at]).filter(|v| !v.is_nan()) {
                *mean = value;
                continue;
            }
            let task = task_of(at);
            if warps[task].is_identity() {
                continue;
            }
            let std = p.std.as_ref().map_or(0.0, |s| s[at]);
            let (centre, spread) = warps[task].moments(*mean, std);
            *mean = match uncertainty {
                Uncertainty::Std => warps[task].moments(*mean, std.hypot(noise[task].sqrt())).0,
                _ => centre,
            };
            if let Some(all) = &mut p.std {
                all[at] = spread;
            }
        }
        if uncertainty == Uncertainty::None {
            p.std = None;
        }
        finite("the means", &p.mean)?;
        p.std.iter().try_for_each(|std| finite("the standard deviations", std))?;
        Ok(p)
    }

    /// Refuses latent functions beside what was measured where warped tasks have correlated noises: the
    /// means at hand are those of the observations.
    pub(super) fn check_latent(&self, uncertainty: Uncertainty) -> Result<()> {
        let diagonal = matches!(self.noise_matrix(), NoiseMatrix::Diagonal(_));
        if uncertainty != Uncertainty::Std || diagonal || !self.is_warped() {
            return Ok(());
        }
        Err(Error::Incompatible {
            options: "latent functions of warped outputs beside measurements, and noise that is \
                      correlated between tasks"
                .to_string(),
            advice: "ask for observations: `Uncertainty::Observation`".to_string(),
        })
    }

    /// Refuses covariances of warped outputs.
    ///
    /// # Errors
    /// [`Error::Incompatible`] where a task is warped.
    pub(super) fn check_covariances(&self) -> Result<()> {
        if !self.is_warped() {
            return Ok(());
        }
        Err(Error::Incompatible {
            options: "covariances of predictions and a warp of the outputs".to_string(),
            advice: "draw samples, which are in the units of y, or take quantiles; \
                     `FittedMultiTaskGp::posterior` has the covariances of the warped outputs"
                .to_string(),
        })
    }

    /// Quantiles (m, T, q) at xs (m, d) for q levels between 0 and 1, of new observations or of the latent
    /// functions, in the user's units. The median is the quantile at 0.5: of warped outputs the prediction
    /// of least absolute error.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[1.0], [2.2], [2.5], [1.1], [0.4]];
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log());
    /// let gp = gp.fit(&Dataset::new(x.view(), y.view())?)?;
    /// let xs = array![[1.5]];
    /// let q = gp.predict_quantiles(xs.view(), &[0.05, 0.5, 0.95], true)?;
    /// let mean = gp.predict(xs.view(), Uncertainty::None)?.mean[[0, 0]];
    /// assert!(0.0 < q[[0, 0, 0]] && q[[0, 0, 1]] < mean && mean < q[[0, 0, 2]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::predict`]; [`Error::InvalidValue`] for other levels.
    pub fn predict_quantiles(
        &self,
        xs: ArrayView2<f64>,
        levels: &[f64],
        include_noise: bool,
    ) -> Result<Array3<f64>> {
        let scores = scores(levels)?;
        self.quantiles(&self.posterior.predict(xs, of(include_noise))?, &scores, None, |(_, t)| t)
    }

    /// The same where some tasks were measured at xs: `given` (m, T), NaN where wanted; what was given comes
    /// back as it is.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[1.0, 0.3], [2.2, 0.7], [2.5, 1.1], [1.1, 0.4], [0.4, 0.2]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let (xs, given) = (array![[2.5]], array![[1.9, f64::NAN]]);
    /// let q = gp.predict_given_quantiles(xs.view(), given.view(), &[0.5], true)?;
    /// assert_eq!((q[[0, 0, 0]], q.dim()), (1.9, (1, 2, 1)));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::predict_given`]; [`Error::InvalidValue`] for other levels;
    /// [`Error::Incompatible`] for latent functions with noise that is correlated between tasks: their means
    /// are not those of the observations.
    pub fn predict_given_quantiles(
        &self,
        xs: ArrayView2<f64>,
        given: ArrayView2<f64>,
        levels: &[f64],
        include_noise: bool,
    ) -> Result<Array3<f64>> {
        let scores = scores(levels)?;
        self.check_one_mean(include_noise)?;
        self.check_outputs("given", given)?;
        let warped = self.to_warped(given);
        let p = self.posterior.predict_given(xs, warped.view(), of(include_noise))?;
        self.quantiles(&p, &scores, Some(given), |(_, t)| t)
    }

    /// Quantiles (n, T, q) of the gaps of the training table, as [`FittedMultiTaskGp::impute`] fills them;
    /// what was observed comes back as it is.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[1.0, 0.3], [2.2, 0.7], [2.5, f64::NAN], [1.1, 0.4], [0.4, 0.2]];
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let q = gp.impute_quantiles(&[0.25, 0.75], true)?;
    /// assert_eq!((q[[0, 0, 0]], q[[0, 0, 1]]), (1.0, 1.0));
    /// assert!(q[[2, 1, 0]] < q[[2, 1, 1]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::predict_given_quantiles`].
    pub fn impute_quantiles(&self, levels: &[f64], include_noise: bool) -> Result<Array3<f64>> {
        let scores = scores(levels)?;
        self.check_one_mean(include_noise)?;
        self.quantiles(&self.filled(of(include_noise))?, &scores, Some(self.data.y()), |(_, t)| t)
    }

    /// Quantiles (n, T, q) of the training observations, each from what is left of the others, as
    /// [`FittedMultiTaskGp::leave_one_out`]; NaN where nothing was observed.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[1.0, 0.3], [2.2, 0.7], [2.5, 1.1], [1.1, 0.4], [0.4, 0.2]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let q = gp.leave_one_out_quantiles(&LeaveOut::Row, &[0.5])?;
    /// let mean = gp.leave_one_out(&LeaveOut::Row)?.mean;
    /// assert!(q[[2, 0, 0]] < mean[[2, 0]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::leave_one_out`]; [`Error::InvalidValue`] for other levels.
    pub fn leave_one_out_quantiles(&self, by: &LeaveOut, levels: &[f64]) -> Result<Array3<f64>> {
        let scores = scores(levels)?;
        let found = self.leave_one_out_warped(by)?;
        let p = Prediction { mean: found.mean, std: Some(found.std), clipped_variances: 0 };
        self.quantiles(&p, &scores, None, |(_, t)| t)
    }

    /// As [`FittedMultiTaskGp::leave_one_out`], of the warped outputs: where they are normal.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[1.0], [2.2], [2.5], [1.1], [0.4]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let logs = gp.leave_one_out_warped(&LeaveOut::Row)?;
    /// let medians = gp.leave_one_out_quantiles(&LeaveOut::Row, &[0.5])?;
    /// assert!((logs.mean[[2, 0]].exp() - medians[[2, 0, 0]]).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::leave_one_out`].
    pub fn leave_one_out_warped(&self, by: &LeaveOut) -> Result<LeftOut> {
        self.leave_one_out_by(by, |by| self.posterior.leave_out(by))
    }

    /// What is left out and predicted, in the user's units: the log densities have the Jacobian.
    pub(super) fn left_out(&self, by: &LeaveOut) -> Result<LeftOut> {
        let mut found = self.posterior.leave_out(by)?;
        if !self.is_warped() {
            return Ok(found);
        }
        let slopes = self.posterior.model().log_slopes(self.posterior.natural());
        let known = slopes.mapv(|v| if v.is_nan() { 0.0 } else { v });
        found.log_density += &match by {
            LeaveOut::Entry => slopes,
            LeaveOut::Row => known.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1)),
            LeaveOut::Task => known.sum_axis(ndarray::Axis(0)).insert_axis(ndarray::Axis(0)),
            LeaveOut::Groups(labels) | LeaveOut::GroupsByTask(labels) => {
                let whole = matches!(by, LeaveOut::Groups(_));
                let mut sums = Array2::zeros(found.log_density.raw_dim());
                for (mut sum, rows) in sums.rows_mut().into_iter().zip(group_rows(labels)) {
                    for row in rows.iter().map(|&i| known.row(i)) {
                        if whole { sum += row.sum() } else { sum += &row }
                    }
                }
                sums
            }
        };
        let p = Prediction { mean: found.mean, std: Some(found.std), clipped_variances: 0 };
        let p = self.outputs_of(p)?;
        Ok(LeftOut { mean: p.mean, std: p.std.unwrap_or_default(), ..found })
    }

    /// Means and standard deviations of outputs whose warped values are normal; NaN stays.
    pub(super) fn outputs_of(&self, mut p: Prediction) -> Result<Prediction> {
        for (t, warp) in self.warps().iter().enumerate().filter(|(_, w)| !w.is_identity()) {
            for i in 0..p.mean.nrows() {
                let (mean, std) = (p.mean[[i, t]], p.std.as_ref().map_or(0.0, |s| s[[i, t]]));
                if mean.is_nan() {
                    continue;
                }
                let (centre, spread) = warp.moments(mean, std);
                finite("the predictions", [&centre, &spread])?;
                p.mean[[i, t]] = centre;
                if let Some(all) = &mut p.std {
                    all[[i, t]] = spread;
                }
            }
        }
        Ok(p)
    }

    /// Maps draws (m, T, n_samples) of the warped outputs back.
    pub(super) fn unwarp(&self, mut draws: Array3<f64>) -> Result<Array3<f64>> {
        for (t, warp) in self.warps().iter().enumerate().filter(|(_, w)| !w.is_identity()) {
            draws.index_axis_mut(ndarray::Axis(1), t).mapv_inplace(|z| warp.inverse(z));
        }
        finite("the draws", &draws)?;
        Ok(draws)
    }

    /// Quantiles of outputs whose warped values are normal; NaN stays. `task_of` is the task of an entry
    /// (row, column).
    pub(super) fn quantiles(
        &self,
        p: &Prediction,
        scores: &Array1<f64>,
        given: Option<ArrayView2<f64>>,
        task_of: impl Fn((usize, usize)) -> usize,
    ) -> Result<Array3<f64>> {
        let std = p.std()?;
        let warps = self.warps();
        let (m, columns) = p.mean.dim();
        let at = |(i, c, q): (usize, usize, usize)| match given.map(|g| g[[i, c]]) {
            Some(value) if !value.is_nan() => value,
            _ => warps[task_of((i, c))].inverse(p.mean[[i, c]] + scores[q] * std[[i, c]]),
        };
        let out = Array3::from_shape_fn((m, columns, scores.len()), at);
        finite("the quantiles", out.iter().filter(|v| !v.is_nan()))?;
        Ok(out)
    }

    /// Refuses quantiles of latent functions around the means of observations, where these differ.
    fn check_one_mean(&self, include_noise: bool) -> Result<()> {
        if include_noise || matches!(self.noise_matrix(), NoiseMatrix::Diagonal(_)) {
            return Ok(());
        }
        Err(Error::Incompatible {
            options: "quantiles of latent functions, given, and noise that is correlated between \
                      tasks"
                .to_string(),
            advice: "ask for quantiles of observations".to_string(),
        })
    }
}

/// The uncertainty of new observations, or of the latent functions.
pub(super) fn of(include_noise: bool) -> Uncertainty {
    if include_noise { Uncertainty::Observation } else { Uncertainty::Std }
}

/// Quantiles of the standard normal distribution.
pub(super) fn scores(levels: &[f64]) -> Result<Array1<f64>> {
    let found = levels.iter().map(|&p| {
        normal_quantile(p).map_err(|_| Error::InvalidValue {
            argument: "levels".to_string(),
            found: p.to_string(),
            expected: "levels above 0 and below 1".to_string(),
        })
    });
    found.collect()
}

/// Refuses results that overflowed on their way back from the warped scale.
fn finite<'a>(what: &str, values: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match values.into_iter().find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::Numerical {
            operation: "prediction".to_string(),
            detail: format!(
                "{what} hold {value} in the units of y: what is predicted of the warped outputs is too \
                 uncertain to be mapped back"
            ),
        }),
    }
}
