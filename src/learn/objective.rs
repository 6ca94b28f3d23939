//! What an optimiser is given, and what it gives back.

use crate::error::{Error, Result};

/// A smooth function of unconstrained variables that is to be minimised.
pub trait Objective {
    /// Value and gradient at a point.
    ///
    /// # Errors
    /// [`Error::Numerical`] or [`Error::NotPositive`] where the function cannot be computed at this
    /// point: optimisers step back from it. Any other error ends the optimisation.
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)>;
}

/// An objective whose Fisher information is known.
pub trait Scoring: Objective {
    /// The step `-(F + damping diag(F))^-1 gradient` at the point last evaluated; `None` where the
    /// information is too costly or not available.
    fn step(&mut self, point: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>>;
}

/// Why an optimiser stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TracePoint {
    /// Number of evaluations so far.
    pub evaluation: usize,
    /// Value there.
    pub value: f64,
}

/// Where an optimiser ended.
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
    matches!(error, Error::Numerical { .. } | Error::NotPositive { .. })
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
