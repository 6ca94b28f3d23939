//! Models compared by what they say of observations left out.

use std::fmt;
use std::time::Duration;

use ndarray::{Array1, Axis};

use super::{FittedMultiTaskGp, FittedMultiTaskKernelRidge, MultiTaskGp, MultiTaskKernelRidge};
use crate::data::{ColumnStatistics, Dataset};
use crate::error::{Error, Result};
use crate::solve::{LeaveOut, LeftOut};

/// Settings of either estimator.
///
/// ```
/// use coregion::estimator::Settings;
/// use coregion::prelude::*;
/// let settings: [Settings; 2] = [
///     MultiTaskGp::new(Rbf::ard()).into(),
///     MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).into(),
/// ];
/// assert!(matches!(settings, [Settings::Gp(_), Settings::Ridge(_)]));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Settings {
    /// A Gaussian process.
    Gp(Box<MultiTaskGp>),
    /// Kernel ridge regression.
    Ridge(Box<MultiTaskKernelRidge>),
}

impl From<MultiTaskGp> for Settings {
    fn from(gp: MultiTaskGp) -> Self {
        Settings::Gp(Box::new(gp))
    }
}

impl From<MultiTaskKernelRidge> for Settings {
    fn from(ridge: MultiTaskKernelRidge) -> Self {
        Settings::Ridge(Box::new(ridge))
    }
}

/// A fitted model of either kind.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// use coregion::estimator::{Fitted, compare};
/// let table = compare(&data, &LeaveOut::Row, [("smooth", MultiTaskGp::new(Rbf::ard()))])?;
/// let Fitted::Gp(gp) = table.best() else { unreachable!() };
/// assert!(gp.report().converged);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fitted {
    /// A Gaussian process.
    Gp(Box<FittedMultiTaskGp>),
    /// Kernel ridge regression.
    Ridge(Box<FittedMultiTaskKernelRidge>),
}

impl Settings {
    fn n_penalties_chosen(&self, n_tasks: usize) -> usize {
        match self {
            Settings::Gp(_) => 0,
            Settings::Ridge(ridge) => ridge.n_penalties_chosen(n_tasks),
        }
    }

    fn fit(&self, data: &Dataset) -> Result<Fitted> {
        match self {
            Settings::Gp(gp) => gp.fit(data).map(|gp| Fitted::Gp(Box::new(gp))),
            Settings::Ridge(ridge) => ridge.fit(data).map(|r| Fitted::Ridge(Box::new(r))),
        }
    }
}

impl Fitted {
    fn leave_one_out(&self, by: &LeaveOut) -> Result<LeftOut> {
        match self {
            Fitted::Gp(gp) => gp.leave_one_out(by),
            Fitted::Ridge(ridge) => ridge.leave_one_out(by),
        }
    }

    fn numbers(&self) -> (usize, Option<f64>, Duration) {
        match self {
            Fitted::Gp(gp) => {
                let free = gp.posterior().model().layout().n_free();
                (free, Some(gp.log_marginal_likelihood()), gp.report().wall_time)
            }
            Fitted::Ridge(ridge) => (0, None, ridge.wall_time),
        }
    }
}

/// One line of a comparison.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// let models = [Matern12::ard(), Rbf::ard()].map(|k| (k.to_string(), MultiTaskGp::new(k)));
/// let table = coregion::estimator::compare(&data, &LeaveOut::Row, models)?;
/// let [first, second] = table.models() else { unreachable!() };
/// assert!(first.log_density >= second.log_density && first.difference == 0.0);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ComparedModel {
    /// Its name.
    pub name: String,
    /// Sum of the log predictive densities of what was left out.
    pub log_density: f64,
    /// Standard error of that sum, what is left out at a time taken as independent.
    pub std_error: f64,
    /// The sum less that of the best model.
    pub difference: f64,
    /// Standard error of the difference, by pairs.
    pub difference_std_error: f64,
    /// Root mean square error of what was left out, each task in units of its standard deviation.
    pub error: f64,
    /// Parameters that were learned or chosen, means and intercepts apart.
    pub n_parameters: usize,
    /// Log marginal likelihood, for Gaussian processes.
    pub log_marginal_likelihood: Option<f64>,
    /// Wall time of the fit.
    pub wall_time: Duration,
    /// The predictions of what was left out.
    pub left_out: LeftOut,
}

/// Models in the order of their log predictive density, the best first.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// let gp = MultiTaskGp::new(Rbf::ard()).mean(Mean::Training);
/// let table = coregion::estimator::compare(&data, &LeaveOut::Entry, [
///     ("independent", gp.clone().task(Diagonal::new())),
///     ("rank 1", gp.task(LowRank::new(1))),
/// ])?;
/// assert_eq!(table.models()[0].name, "rank 1");
/// assert!(table.to_string().contains("independent"));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Comparison {
    by: LeaveOut,
    models: Vec<ComparedModel>,
    best: Fitted,
    failures: Vec<(String, Error)>,
}

impl Comparison {
    /// The models, best first.
    pub fn models(&self) -> &[ComparedModel] {
        &self.models
    }

    /// The fitted model of the first line.
    pub fn best(&self) -> &Fitted {
        &self.best
    }

    /// Models that could not be fitted or judged, with the reason.
    pub fn failures(&self) -> &[(String, Error)] {
        &self.failures
    }
}

/// Fits models to the same data and orders them by the log predictive density of what is left out, in
/// closed form: kernels, ranks, noise forms and ridge regressions in one table.
///
/// A comparison costs its fits: leaving out costs products. Parameters are those learned from all
/// data, what is left out included, so that every log density is too good: by two to five nats for each
/// parameter in the example `choose_by_leave_out`, which is more in all than the standard errors of the
/// differences. Between models whose numbers of parameters differ much, learn the parameters anew
/// without each fold, or prefer the smaller. The means of Gaussian processes are held too; intercepts of
/// ridge regressions are learned anew. Standard errors take what is left out at a time as independent.
/// Only the best model is kept in memory.
///
/// ```
/// use coregion::estimator::{Settings, compare};
/// use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// let gp = MultiTaskGp::new(Matern52::ard());
/// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alphas(vec![0.01, 0.1, 1.0]);
/// let models: Vec<(&str, Settings)> = vec![
///     ("noise for each task", gp.clone().into()),
///     ("full noise", gp.noise(Noise::Full).into()),
///     ("ridge", ridge.criterion(Criterion::LogDensity(LeaveOut::Row)).into()),
/// ];
/// println!("{}", compare(&data, &LeaveOut::Row, models)?);
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidValue`] without models; where none can be fitted, the error of the first; a
/// cancellation. Models that do not serve the data, as ridge regression does not serve gaps, are
/// [`Comparison::failures`].
pub fn compare<N: Into<String>, S: Into<Settings>>(
    data: &Dataset,
    by: &LeaveOut,
    models: impl IntoIterator<Item = (N, S)>,
) -> Result<Comparison> {
    let mut compared: Vec<ComparedModel> = Vec::new();
    let mut failures: Vec<(String, Error)> = Vec::new();
    let mut best: Option<(f64, Fitted)> = None;
    for (name, settings) in models {
        let name = name.into();
        let settings: Settings = settings.into();
        let judged = settings.fit(data).and_then(|fitted| {
            let left_out = fitted.leave_one_out(by)?;
            Ok((fitted, left_out))
        });
        match judged {
            Err(error @ Error::Cancelled { .. }) => return Err(error),
            Err(error) => failures.push((name, error)),
            Ok((fitted, left_out)) => {
                let (learned, log_marginal_likelihood, wall_time) = fitted.numbers();
                let n_parameters = learned + settings.n_penalties_chosen(data.n_tasks());
                let log_density = densities(&left_out).sum();
                compared.push(ComparedModel {
                    name,
                    log_density,
                    std_error: total_std_error(&densities(&left_out)),
                    difference: 0.0,
                    difference_std_error: 0.0,
                    error: standardised_error(data, &left_out),
                    n_parameters,
                    log_marginal_likelihood,
                    wall_time,
                    left_out,
                });
                if best.as_ref().is_none_or(|(value, _)| log_density > *value) {
                    best = Some((log_density, fitted));
                }
            }
        }
    }
    let Some((_, best)) = best else {
        return Err(failures.into_iter().next().map_or_else(
            || Error::InvalidValue {
                argument: "models".to_string(),
                found: "none".to_string(),
                expected: "at least one".to_string(),
            },
            |(_, error)| error,
        ));
    };
    compared.sort_by(|a, b| b.log_density.total_cmp(&a.log_density));
    if let Some((first, others)) = compared.split_first_mut() {
        for model in others {
            model.difference = model.log_density - first.log_density;
            let gains = densities(&model.left_out) - densities(&first.left_out);
            model.difference_std_error = total_std_error(&gains);
        }
    }
    Ok(Comparison { by: by.clone(), models: compared, best, failures })
}

/// The densities of what was observed, which is the same for all models.
fn densities(left_out: &LeftOut) -> Array1<f64> {
    left_out.log_density.iter().copied().filter(|v| !v.is_nan()).collect()
}

/// Standard error of a sum of independent terms; 0 for one.
fn total_std_error(terms: &Array1<f64>) -> f64 {
    let n = terms.len() as f64;
    if n < 2.0 { 0.0 } else { (n * terms.var(1.0)).sqrt() }
}

/// Root mean square error over tasks that vary, each in units of its standard deviation.
fn standardised_error(data: &Dataset, left_out: &LeftOut) -> f64 {
    let squares = (&data.y() - &left_out.mean).mapv(|e| if e.is_nan() { 0.0 } else { e * e });
    let each: Vec<f64> = data
        .y()
        .columns()
        .into_iter()
        .zip(squares.sum_axis(Axis(0)))
        .map(|(column, sum)| (ColumnStatistics::of_observed(column), sum))
        .filter(|((s, _), _)| !s.constant)
        .map(|((s, count), sum)| sum / count as f64 / (s.scale * s.scale))
        .collect();
    if each.is_empty() { 0.0 } else { (each.iter().sum::<f64>() / each.len() as f64).sqrt() }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Left out by {}: log predictive density, differences to the best", self.by)?;
        let names = self.models.iter().map(|m| m.name.chars().count());
        let width = names.max().unwrap_or(0).max(5);
        writeln!(
            f,
            "  {:width$} {:>12} {:>9} {:>11} {:>9} {:>7} {:>10} {:>14} {:>8}",
            "model",
            "log density",
            "std err",
            "difference",
            "std err",
            "error",
            "parameters",
            "log likelihood",
            "seconds"
        )?;
        for m in &self.models {
            let likelihood =
                m.log_marginal_likelihood.map_or_else(|| "-".to_string(), |v| format!("{v:.2}"));
            // One block alone says nothing of the spread.
            let spread = |v: f64| match m.left_out.log_density.len() {
                1 => "-".to_string(),
                _ => format!("{v:.2}"),
            };
            writeln!(
                f,
                "  {:width$} {:>12.2} {:>9} {:>11.2} {:>9} {:>7.4} {:>10} {:>14} {:>8.2}",
                m.name,
                m.log_density,
                spread(m.std_error),
                m.difference,
                spread(m.difference_std_error),
                m.error,
                m.n_parameters,
                likelihood,
                m.wall_time.as_secs_f64()
            )?;
        }
        for (name, error) in &self.failures {
            writeln!(f, "  {name}: {error}")?;
        }
        Ok(())
    }
}
