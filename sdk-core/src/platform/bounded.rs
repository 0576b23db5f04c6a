//! Calls to code of the platform's or the app's that may hang.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

/// Calls `T` on a thread of its own, one call at a time, and waits for each for a limited time.
///
/// Such code may ask the user, wait for a service that hangs, or need the very thread that waits for it. A call that
/// takes too long fails with [`NoAnswer::TimedOut`] and goes on by itself. Until it is over, every other call fails in
/// the same way, at once: so one thread at most is blocked, however often the SDK calls.
#[derive(Debug)]
pub(crate) struct Bounded<T: ?Sized> {
    callee: Arc<T>,
    pub(super) limit: Duration,
    pub(super) line: Arc<Line>,
    thread: &'static str,
}

/// Why a call has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// It takes longer than the limit, or an earlier one does.
    TimedOut,
    /// There is no thread for it.
    NoThread(String),
    Panicked,
}

/// Who may call.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// When the call that is under way has to be over; `None` if there is none.
    deadline: Mutex<Option<Instant>>,
    pub(super) free: Condvar,
}

impl<T: ?Sized + Send + Sync + 'static> Bounded<T> {
    /// `thread` is the name of the threads that call.
    pub(crate) fn new(callee: Arc<T>, limit: Duration, thread: &'static str) -> Self {
        Self { callee, limit, line: Arc::default(), thread }
    }

    /// The outcome of `call`.
    pub(crate) fn call<A: Send + 'static, E: From<NoAnswer> + Send + 'static>(
        &self,
        call: impl FnOnce(&T) -> Result<A, E> + Send + 'static,
    ) -> Result<A, E> {
        let turn = self.line.take(self.limit)?;
        let callee = self.callee.clone();
        within(self.limit, self.thread, move || {
            let outcome = call(&callee);
            drop(turn);
            outcome
        })
    }
}

impl<T: ?Sized> Clone for Bounded<T> {
    fn clone(&self) -> Self {
        Self { callee: self.callee.clone(), line: self.line.clone(), ..*self }
    }
}

/// The outcome of `call`, which runs on a thread of its own.
///
/// # Errors
/// [`NoAnswer::TimedOut`] if it takes longer than `limit`; it goes on all the same. Those of the call.
pub(super) fn within<T: Send + 'static, E: From<NoAnswer> + Send + 'static>(
    limit: Duration,
    thread: &str,
    call: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let (answer, answered) = mpsc::sync_channel(1);
    // The Secret Service client blocks on a runtime of its own, which a thread of another runtime must not do.
    thread::Builder::new()
        .name(thread.into())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = answer.send(call());
        })
        .map_err(|error| NoAnswer::NoThread(error.to_string()))?;
    match answered.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Err(NoAnswer::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(NoAnswer::Panicked.into()),
    }
}

impl Line {
    /// Waits until no call is under way, no longer than that call may take.
    fn take(self: &Arc<Self>, limit: Duration) -> Result<Turn, NoAnswer> {
        let mut deadline = self.deadline();
        while let Some(end) = *deadline {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoAnswer::TimedOut);
            }
            (deadline, _) = self.free.wait_timeout(deadline, left).unwrap_or_else(PoisonError::into_inner);
        }
        *deadline = Some(Instant::now() + limit);
        Ok(Turn(self.clone()))
    }

    pub(super) fn deadline(&self) -> MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to call; goes on when it is dropped, also by a panic.
struct Turn(Arc<Line>);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.deadline() = None;
        self.0.free.notify_one();
    }
}
