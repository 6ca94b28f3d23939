//! Alternating (block-coordinate) learning: an inner problem that is cheap once something costly has
//! been prepared for the outer variables.
//!
//! The outer objective is the inner one at its optimum. By the envelope theorem its gradient is the
//! partial derivative with respect to the outer variables there, so that no derivative of the inner
//! optimum is needed (Golub & Pereyra 1973 call it variable projection).

use super::lbfgs::{LbfgsSettings, minimise};
use super::objective::{Objective, Outcome, Scoring};
use super::scoring::{ScoringSettings, score};
use crate::error::Result;

/// An objective of two blocks of variables.
pub trait Blocks {
    /// Prepares the inner problem for values of the outer variables: the costly step.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn prepare(&mut self, outer: &[f64]) -> Result<()>;

    /// The inner problem for the outer values last prepared.
    fn inner(&mut self) -> &mut dyn Scoring;

    /// The partial derivative with respect to the outer variables at an inner point, and what must
    /// be added to the inner value (terms of the outer variables alone).
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn outer_gradient(&mut self, inner: &[f64]) -> Result<(f64, Vec<f64>)>;
}

struct Profiled<'a> {
    blocks: &'a mut dyn Blocks,
    settings: &'a ScoringSettings,
    /// The inner optimum of the best outer point so far: the start of the next inner problem.
    inner: Vec<f64>,
    best: f64,
    /// Inner optimum of each outer point evaluated, in order.
    optima: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Objective for Profiled<'_> {
    fn evaluate(&mut self, outer: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.blocks.prepare(outer)?;
        let optimum = score(self.blocks.inner(), &self.inner, self.settings)?;
        let (own, gradient) = self.blocks.outer_gradient(&optimum.point)?;
        let value = optimum.value + own;
        if value < self.best {
            self.best = value;
            self.inner.clone_from(&optimum.point);
        }
        self.optima.push((outer.to_vec(), optimum.point));
        Ok((value, gradient))
    }
}

/// Minimises over both blocks: L-BFGS over the outer one, scoring over the inner one at each of its
/// points, warm-started. Returns the outer outcome and the inner point that belongs to it.
///
/// # Errors
/// As [`minimise`].
pub fn alternate(
    blocks: &mut dyn Blocks,
    outer: &[f64],
    inner: &[f64],
    outer_settings: &LbfgsSettings,
    inner_settings: &ScoringSettings,
) -> Result<(Outcome, Vec<f64>)> {
    let mut profiled = Profiled {
        blocks,
        settings: inner_settings,
        inner: inner.to_vec(),
        best: f64::INFINITY,
        optima: Vec::new(),
    };
    let outcome = minimise(&mut profiled, outer, outer_settings)?;
    let found = profiled.optima.into_iter().rev().find(|(point, _)| *point == outcome.point);
    let inner = found.map_or_else(|| inner.to_vec(), |(_, optimum)| optimum);
    Ok((outcome, inner))
}
