//! The threads that compute: a pool for each process.
//!
//! A process made by a fork has its parent's memory and none of its threads: work given to the parent's
//! pool would wait forever. Such a process makes a pool of its own at its first call.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The pool, and the process that made it.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// The pool of the calling process, with as many threads as cores or as `RAYON_NUM_THREADS` says.
///
/// # Errors
/// Where the system gives no threads.
pub(crate) fn of_this_process() -> Result<Arc<ThreadPool>, ThreadPoolBuildError> {
    let mut place = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let own = process::id();
    if let Some((maker, pool)) = place.as_ref()
        && *maker == own
    {
        return Ok(Arc::clone(pool));
    }
    let pool = Arc::new(ThreadPoolBuilder::new().build()?);
    // The threads of a parent's pool are not here to be ended.
    std::mem::forget(place.replace((own, Arc::clone(&pool))));
    Ok(pool)
}
