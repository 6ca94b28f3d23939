//! Long work on a thread of its own, while the calling one passes progress on and listens for Ctrl-C.

use std::fmt::Display;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coregion::learn::{Observer, Progress};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{IntoPython, defect};
use crate::pool;

/// How long Ctrl-C may go unnoticed while no progress is made.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where the work tells of its progress, and learns whether it may go on.
pub(crate) struct Watch<P> {
    progress: Sender<P>,
    stopped: Arc<AtomicBool>,
}

impl<P> Watch<P> {
    /// Tells of progress.
    pub(crate) fn tell(&self, progress: P) -> ControlFlow<()> {
        let unheard = self.progress.send(progress).is_err();
        if unheard || self.is_stopped() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Whether the work is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Observer for Watch<Progress> {
    fn progress(&self, progress: &Progress) -> ControlFlow<()> {
        self.tell(*progress)
    }

    fn is_cancelled(&self) -> bool {
        self.is_stopped()
    }
}

/// Runs `work` to its end, telling `observer` of its progress. An exception of the observer, its `False`
/// and Ctrl-C stop the work where it next tells of progress; this returns when it has stopped.
pub(crate) fn watched<T, P, W>(
    py: Python<'_>,
    observer: Option<&Bound<'_, PyAny>>,
    describe: impl Fn(&P, &Bound<'_, PyDict>) -> PyResult<()>,
    work: W,
) -> PyResult<T>
where
    T: Send,
    P: Send,
    W: FnOnce(Watch<P>) -> coregion::Result<T> + Send,
{
    let pool = pool::of_this_process().map_err(|e| no_thread(&e))?;
    let (sender, receiver) = mpsc::channel();
    // Only this thread receives; without the lock it could not while the interpreter is free.
    let receiver = Mutex::new(receiver);
    let stopped = Arc::new(AtomicBool::new(false));
    let watch = Watch { progress: sender, stopped: stopped.clone() };
    let tell = |progress: &P| -> PyResult<bool> {
        let Some(observer) = observer else { return Ok(true) };
        let arguments = PyDict::new(py);
        describe(progress, &arguments)?;
        let answer = observer.call1((arguments,))?;
        Ok(!answer.is(false.into_pyobject(py)?))
    };
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new()
            .name("coregion".to_string())
            .spawn_scoped(scope, move || pool.install(|| work(watch)))
            .map_err(|e| no_thread(&e))?;
        let mut failure = None;
        loop {
            let received = py.detach(|| {
                receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(PATIENCE)
            });
            let heard = match &received {
                Ok(progress) if failure.is_none() => tell(progress),
                _ => Ok(true),
            };
            match heard.and_then(|go_on| py.check_signals().map(|()| go_on)) {
                Ok(true) => {}
                Ok(false) => stopped.store(true, Ordering::Relaxed),
                Err(error) => {
                    stopped.store(true, Ordering::Relaxed);
                    failure = Some(error);
                }
            }
            let ended = matches!(received, Err(RecvTimeoutError::Disconnected));
            if ended || (received.is_err() && worker.is_finished()) {
                break;
            }
        }
        let outcome = py.detach(|| worker.join());
        match (failure, outcome) {
            (Some(error), _) => Err(error),
            (None, Ok(result)) => result.into_python(py),
            (None, Err(panic)) => Err(defect(panic.as_ref())),
        }
    })
}

fn no_thread(error: &dyn Display) -> PyErr {
    PyRuntimeError::new_err(format!("no thread could be started: {error}"))
}

/// Runs `work` with the interpreter free for others.
pub(crate) fn freed<T, W>(py: Python<'_>, work: W) -> PyResult<T>
where
    T: Send,
    W: FnOnce() -> coregion::Result<T> + Send,
{
    let pool = pool::of_this_process().map_err(|e| no_thread(&e))?;
    let guarded = || pool.install(|| std::panic::catch_unwind(AssertUnwindSafe(work)));
    match py.detach(guarded) {
        Ok(result) => result.into_python(py),
        Err(panic) => Err(defect(panic.as_ref())),
    }
}
