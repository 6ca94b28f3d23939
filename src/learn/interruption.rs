//! Ending long work between two factorisations, whichever of several starts notices first.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::observer::{Observer, Progress};
use crate::error::{Error, Result};

/// What all starts of one fit share: its observer, and whether the work is to end.
#[derive(Default)]
pub(crate) struct Interruption {
    observer: Option<Arc<dyn Observer>>,
    stopped: AtomicBool,
    evaluations: AtomicUsize,
}

impl fmt::Debug for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interruption").field("stopped", &self.stopped).finish_non_exhaustive()
    }
}

impl Interruption {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        Interruption { observer, ..Interruption::default() }
    }

    /// Refuses to go on once a start was told to stop, or the observer says so.
    ///
    /// # Errors
    /// [`Error::Cancelled`] with the evaluations of all starts.
    pub(crate) fn check(&self) -> Result<()> {
        let asked = || self.observer.as_ref().is_some_and(|o| o.is_cancelled());
        if self.stopped.load(Ordering::Relaxed) || asked() {
            self.stopped.store(true, Ordering::Relaxed);
            return Err(Error::Cancelled { evaluations: self.evaluations.load(Ordering::Relaxed) });
        }
        Ok(())
    }

    /// Tells the observer of an evaluation, and every start of its answer.
    ///
    /// # Errors
    /// As [`Interruption::check`].
    pub(crate) fn tell(&self, progress: &Progress) -> Result<()> {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.check()?;
        let answer = self.observer.as_ref().map(|observer| observer.progress(progress));
        if answer == Some(ControlFlow::Break(())) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        self.check()
    }
}
