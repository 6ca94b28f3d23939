//! Alternating (block-coordinate) learning: an inner problem that is cheap once something costly has
//! been prepared for the outer variables.
//!
//! The outer objective is the inner one at its optimum. By the envelope theorem its gradient is the
//! partial derivative with respect to the outer variables there, so that no derivative of the inner
//! optimum is needed (Golub & Pereyra 1973 call it variable projection).

use super::lbfgs::{LbfgsSettings, minimise};
use super::objective::{Objective, Outcome, Scoring, max_norm};
use super::scoring::{ScoringSettings, score};
use crate::error::Result;

/// An objective of two blocks of variables.
///
/// ```
/// use coregion::{Result, learn::*};
/// // (b - a)^2 + a^2 - 2 a, with b inside and a outside: least at a = b = 1.
/// struct Inner(f64);
/// impl Objective for Inner {
///     fn evaluate(&mut self, b: &[f64]) -> Result<(f64, Vec<f64>)> {
///         Ok(((b[0] - self.0).powi(2), vec![2.0 * (b[0] - self.0)]))
///     }
/// }
/// impl Scoring for Inner {
///     fn step(&mut self, _b: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>> {
///         Some(vec![-gradient[0] / (2.0 + 2.0 * damping)])
///     }
/// }
/// struct Both(Inner);
/// impl Blocks for Both {
///     fn prepare(&mut self, outer: &[f64]) -> Result<()> {
///         self.0.0 = outer[0];
///         Ok(())
///     }
///     fn inner(&mut self) -> &mut dyn Scoring {
///         &mut self.0
///     }
///     fn outer_gradient(&mut self, b: &[f64]) -> Result<(f64, Vec<f64>)> {
///         let a = self.0.0;
///         Ok((a * a - 2.0 * a, vec![2.0 * (a - b[0]) + 2.0 * a - 2.0]))
///     }
/// }
/// let (lbfgs, scoring) = (LbfgsSettings::default(), ScoringSettings::default());
/// let (outer, b) = alternate(&mut Both(Inner(0.0)), &[-3.0], &[5.0], &lbfgs, &scoring)?;
/// assert!((outer.point[0] - 1.0).abs() < 1e-4 && (b.point[0] - outer.point[0]).abs() < 1e-5);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait Blocks {
    /// Prepares the inner problem for values of the outer variables: the costly step.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn prepare(&mut self, outer: &[f64]) -> Result<()>;

    /// The inner problem for the outer values last prepared.
    fn inner(&mut self) -> &mut dyn Scoring;

    /// Where to start the inner problem, given its last optimum: the same point moved off boundaries
    /// that it could not leave.
    fn warm_start(&self, inner: &[f64]) -> Vec<f64> {
        inner.to_vec()
    }

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
    optima: Vec<(Vec<f64>, Inner)>,
}

/// The inner point that belongs to an outer one; see [`alternate`].
#[derive(Debug, Clone, PartialEq)]
pub struct Inner {
    /// The point.
    pub point: Vec<f64>,
    /// Largest magnitude of the inner gradient's entries there: above the inner tolerance where the
    /// inner problem was not solved to it.
    pub gradient_norm: f64,
}

impl Objective for Profiled<'_> {
    fn evaluate(&mut self, outer: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.blocks.prepare(outer)?;
        let start = self.blocks.warm_start(&self.inner);
        let optimum = score(self.blocks.inner(), &start, self.settings)?;
        let (own, gradient) = self.blocks.outer_gradient(&optimum.point)?;
        let value = optimum.value + own;
        if value < self.best {
            self.best = value;
            self.inner.clone_from(&optimum.point);
        }
        let gradient_norm = max_norm(&optimum.gradient);
        self.optima.push((outer.to_vec(), Inner { point: optimum.point, gradient_norm }));
        Ok((value, gradient))
    }
}

/// Minimises over both blocks: L-BFGS over the outer one, scoring over the inner one at each of its
/// points, warm-started. Returns the outer outcome and the inner point that belongs to it.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::learn::{LbfgsSettings, ScoringSettings, alternate};
/// let model = gp.posterior().model();
/// let (start, spectral) = model.start(&model.layout().initial())?;
/// let free = model.layout().pack(&start);
/// let (kernel, tasks) = free.split_at(1);
/// let mut blocks = coregion::gp::AlternatingBlocks::new(model, start, spectral, |_| Ok(()))?;
/// let (lbfgs, scoring) = (LbfgsSettings::default(), ScoringSettings::default());
/// let (outcome, inner) = alternate(&mut blocks, kernel, tasks, &lbfgs, &scoring)?;
/// assert!(outcome.gradient_norm() < 1e-5 && inner.point.len() == tasks.len());
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// As [`minimise`].
pub fn alternate(
    blocks: &mut dyn Blocks,
    outer: &[f64],
    inner: &[f64],
    outer_settings: &LbfgsSettings,
    inner_settings: &ScoringSettings,
) -> Result<(Outcome, Inner)> {
    let mut profiled = Profiled {
        blocks,
        settings: inner_settings,
        inner: inner.to_vec(),
        best: f64::INFINITY,
        optima: Vec::new(),
    };
    let outcome = minimise(&mut profiled, outer, outer_settings)?;
    let found = profiled.optima.into_iter().rev().find(|(point, _)| *point == outcome.point);
    let unknown = || Inner { point: inner.to_vec(), gradient_norm: f64::INFINITY };
    let inner = found.map_or_else(unknown, |(_, optimum)| optimum);
    Ok((outcome, inner))
}
