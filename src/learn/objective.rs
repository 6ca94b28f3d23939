//! What an optimiser is given, and what it gives back.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A smooth function of unconstrained variables that is to be minimised.
///
/// ```
/// use coregion::learn::Objective;
/// struct Bowl;
/// impl Objective for Bowl {
///     fn evaluate(&mut self, p: &[f64]) -> coregion::Result<(f64, Vec<f64>)> {
///         Ok((p.iter().map(|v| v * v).sum(), p.iter().map(|v| 2.0 * v).collect()))
///     }
/// }
/// assert_eq!(Bowl.evaluate(&[1.0, -2.0])?, (5.0, vec![2.0, -4.0]));
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait Objective {
    /// Value and gradient at a point.
    ///
    /// # Errors
    /// [`Error::Numerical`] or [`Error::NotPositive`] where the function cannot be computed at this
    /// point: optimisers step back from it. Any other error ends the optimisation.
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)>;
}

/// An objective whose Fisher information is known.
///
/// ```
/// use coregion::learn::{Objective, Scoring, ScoringSettings, score};
/// struct Bowl; // (p - 3)^2, whose second derivative is 2
/// impl Objective for Bowl {
///     fn evaluate(&mut self, p: &[f64]) -> coregion::Result<(f64, Vec<f64>)> {
///         Ok(((p[0] - 3.0).powi(2), vec![2.0 * (p[0] - 3.0)]))
///     }
/// }
/// impl Scoring for Bowl {
///     fn step(&mut self, _point: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>> {
///         Some(vec![-gradient[0] / (2.0 * (1.0 + damping))])
///     }
/// }
/// assert!((score(&mut Bowl, &[2.0], &ScoringSettings::default())?.point[0] - 3.0).abs() < 1e-6);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait Scoring: Objective {
    /// The step `-(F + damping diag(F))^-1 gradient` at the point last evaluated; `None` where the
    /// information is too costly or not available.
    fn step(&mut self, point: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>>;
}

/// Why an optimiser stopped.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// use coregion::learn::Stop;
/// let stop = |s: MultiTaskGp| Ok::<_, Error>(s.fit(&data)?.report().stop);
/// assert_eq!(stop(MultiTaskGp::new(Rbf::ard()))?, Stop::Converged);
/// assert_eq!(stop(MultiTaskGp::new(Rbf::ard()).max_iterations(1))?, Stop::Limit);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The largest entry of the gradient is below the tolerance.
    Converged,
    /// No further decrease could be found although the gradient is above the tolerance.
    Stalled,
    /// The allowed number of iterations or evaluations was used.
    Limit,
    /// There was nothing to learn.
    NothingFree,
}

/// One evaluation on the way.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::learn::TracePoint;
/// let trace: &[TracePoint] = &gp.report().trace;
/// assert_eq!(trace[0].evaluation, 1);
/// assert!(trace[trace.len() - 1].value > trace[0].value); // log posterior density
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracePoint {
    /// Number of evaluations so far.
    pub evaluation: usize,
    /// Value there.
    pub value: f64,
}

/// Where an optimiser ended.
///
/// ```
/// use coregion::learn::{LbfgsSettings, Objective, Outcome, minimise};
/// struct Bowl;
/// impl Objective for Bowl {
///     fn evaluate(&mut self, p: &[f64]) -> coregion::Result<(f64, Vec<f64>)> {
///         Ok(((p[0] - 3.0).powi(2), vec![2.0 * (p[0] - 3.0)]))
///     }
/// }
/// let found: Outcome = minimise(&mut Bowl, &[1.0], &LbfgsSettings::default())?;
/// assert!(found.value < 1e-9 && found.gradient_norm() < 1e-5);
/// assert_eq!((found.trace[0].value, found.trace.len()), (4.0, found.evaluations));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Best point seen.
    pub point: Vec<f64>,
    /// Value there.
    pub value: f64,
    /// Gradient there.
    pub gradient: Vec<f64>,
    /// Why it stopped.
    pub stop: Stop,
    /// Iterations.
    pub iterations: usize,
    /// Evaluations of value and gradient.
    pub evaluations: usize,
    /// Values in the order of evaluation.
    pub trace: Vec<TracePoint>,
}

impl Outcome {
    /// Largest magnitude of the gradient's entries.
    pub fn gradient_norm(&self) -> f64 {
        max_norm(&self.gradient)
    }
}

pub(super) fn max_norm(v: &[f64]) -> f64 {
    v.iter().fold(0.0f64, |m, x| m.max(x.abs()))
}

/// True for the errors an optimiser steps back from.
pub(super) fn recoverable(error: &Error) -> bool {
    error.is_numerical()
}

/// An evaluation whose NaN or infinite results are errors.
pub(super) fn checked(objective: &mut dyn Objective, point: &[f64]) -> Result<(f64, Vec<f64>)> {
    let (value, gradient) = objective.evaluate(point)?;
    if value.is_finite() && gradient.iter().all(|g| g.is_finite()) {
        Ok((value, gradient))
    } else {
        Err(Error::Numerical {
            operation: "the objective".to_string(),
            detail: "its value or gradient is not finite".to_string(),
        })
    }
}
