//! The bounded queue of jobs before the threads of an engine.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use super::StoreError;

/// More requests than this do not wait: the last of them would wait for seconds, and its caller has given up by then.
pub(super) const QUEUE: usize = 1024;

/// Queues a job for `whom`. Refuses it at once if too many wait, and with `gone` if the threads have stopped.
pub(super) fn send<J>(
    jobs: &SyncSender<J>,
    job: J,
    whom: &str,
    gone: impl FnOnce() -> StoreError,
) -> Result<(), StoreError> {
    jobs.try_send(job).map_err(|error| match error {
        TrySendError::Full(_) => StoreError::Unavailable(format!("too many requests wait for {whom}")),
        TrySendError::Disconnected(_) => gone(),
    })
}

/// The next job for one of several threads; `None` once the queue is closed and empty.
pub(super) fn next<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Waits for threads whose queue is closed. The last clone of a store may go on one of them: that one ends by itself.
pub(super) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}
