//! Watching and cancelling long work.

use std::ops::ControlFlow;

/// How far learning has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Number of the restart, 0 for the first start.
    pub restart: usize,
    /// Evaluations of the outer objective so far in this restart.
    pub evaluations: usize,
    /// Eigendecompositions so far in all restarts.
    pub eigendecompositions: usize,
    /// Log marginal likelihood, priors included, of the last evaluation.
    pub log_posterior: f64,
}

/// Is told of every evaluation and may end the work by [`ControlFlow::Break`].
///
/// Implemented for closures.
///
/// ```
/// use std::ops::ControlFlow;
/// use coregion::learn::{Observer, Progress};
/// let observer = |p: &Progress| {
///     if p.evaluations < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
/// };
/// let p = Progress { restart: 0, evaluations: 50, eigendecompositions: 50, log_posterior: 0.0 };
/// assert!(observer.progress(&p).is_break());
/// ```
pub trait Observer: Send + Sync {
    /// Called after each evaluation, from the thread that made it.
    fn progress(&self, progress: &Progress) -> ControlFlow<()>;
}

impl<F: Fn(&Progress) -> ControlFlow<()> + Send + Sync> Observer for F {
    fn progress(&self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}
