//! Watching and cancelling long work.

use std::ops::ControlFlow;

/// How far learning has come.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// use coregion::learn::Progress;
/// use std::{ops::ControlFlow, sync::mpsc};
/// let (sender, receiver) = mpsc::channel();
/// let watch = move |p: &Progress| match sender.send(*p) {
///     Ok(()) => ControlFlow::Continue(()),
///     Err(_) => ControlFlow::Break(()),
/// };
/// let gp = MultiTaskGp::new(Rbf::ard()).observer(watch).fit(&data)?;
/// let seen: Vec<Progress> = receiver.try_iter().collect();
/// assert_eq!(seen.len(), gp.report().evaluations);
/// # Ok::<(), coregion::Error>(())
/// ```
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

/// Is told of every evaluation and may end the work by [`ControlFlow::Break`], all restarts of it; by
/// [`Observer::is_cancelled`] it may also end between two evaluations. What was begun is brought to an
/// end first: at most one factorisation on each thread.
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

    /// Asked before each factorisation, from any thread: where it is true no other one is begun, and the
    /// work ends.
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl<F: Fn(&Progress) -> ControlFlow<()> + Send + Sync> Observer for F {
    fn progress(&self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}
