//! Where the SDK's work runs: on threads of its own, so that it works under any executor and a caller that goes away
//! stops nothing; or on a tokio runtime that the app passes in.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Mutex, OnceLock, PoisonError},
    task::Poll,
};

use tokio::{
    runtime::{Handle, Runtime, RuntimeFlavor},
    task::{JoinError, JoinHandle},
};

use crate::error::Error;

/// What runs the SDK's work.
#[derive(Debug, Clone)]
pub(crate) enum Executor {
    /// The SDK's own threads, which all sessions of the process share.
    Own,
    /// The app's. Connections are then driven by the threads that wait for them.
    Given(Handle),
}

impl Executor {
    /// The SDK's own, or the app's.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for a current-thread runtime: tasks that are spawned there may never run.
    pub(crate) fn of(given: Option<Handle>) -> Result<Self, Error> {
        match given {
            None => Ok(Self::Own),
            Some(handle) if handle.runtime_flavor() == RuntimeFlavor::CurrentThread => {
                Err(Error::Misconfigured(
                    "the SDK needs a runtime with threads of its own (new_multi_thread)".into(),
                ))
            }
            Some(handle) => Ok(Self::Given(handle)),
        }
    }

    /// Runs `work` to its end, whether or not the caller waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.spawn(work)?.await.unwrap_or_else(|error| Err(stopped(&error)))
    }

    /// Runs `work` wherever its caller is, with the executor for its connections, timers and tasks. It ends when the
    /// caller goes away, so this is for what may: a request of the app's own, which then needs no other thread to wait
    /// for it.
    pub(crate) async fn run_here<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let handle = self.handle()?;
        let mut work = pin!(work);
        poll_fn(|context| {
            let _entered = handle.enter();
            catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
                .unwrap_or_else(|_| Poll::Ready(Err(self.panicked())))
        })
        .await
    }

    /// What a panic in the caller's own thread is most likely to mean: tokio panics without a reactor, a timer or a
    /// runtime.
    fn panicked(&self) -> Error {
        match self {
            Self::Own => internal(),
            Self::Given(_) => Error::Misconfigured(
                "internal SDK error, or the runtime that the app passed in has been shut down, or was built \
                 without I/O or time"
                    .into(),
            ),
        }
    }

    /// Starts `work`.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinHandle<T>, Error> {
        Ok(self.handle()?.spawn(boxed(work)))
    }

    fn handle(&self) -> Result<&Handle, Error> {
        match self {
            Self::Own => Ok(runtime()?.handle()),
            Self::Given(handle) => Ok(handle),
        }
    }
}

/// Runs `work`, which may block, on a thread that may. Only from the SDK's own tasks.
pub(crate) async fn blocking<T: Send + 'static, E: From<Panicked> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let work: Box<dyn FnOnce() -> Result<T, E> + Send> = Box::new(work);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Panicked.into()))
}

/// All work with the same outcome has one type, so that tokio's code for a task is compiled once for it: half a hundred
/// copies are a visible part of an app's size.
fn boxed<T>(work: impl Future<Output = T> + Send + 'static) -> Pin<Box<dyn Future<Output = T> + Send>> {
    Box::pin(work)
}

/// A task of the SDK panicked. The app's panic hook has the message; the panic must not unwind into the app.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Why a task has no outcome. The SDK never cancels its own tasks: the app's runtime does when it is shut down.
fn stopped(error: &JoinError) -> Error {
    if error.is_cancelled() {
        Error::Misconfigured("the runtime that the app passed to the SDK has been shut down".into())
    } else {
        internal()
    }
}

/// The error for what cannot happen.
pub(crate) fn internal() -> Error {
    Error::refused("internal_error", "internal SDK error; please report this")
}

/// Starts the threads at the first call. A system that refuses them once may allow them later.
fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("moorline")
        .enable_all()
        .build()
        .map_err(|error| Error::Misconfigured(format!("the system refuses the SDK's threads: {error}")))?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_where_its_caller_is_needs_no_runtime_of_the_callers() {
        let executor = Executor::Own;
        let mut work = pin!(executor.run_here(async {
            tokio::spawn(tokio::time::sleep(std::time::Duration::from_millis(1)))
                .await
                .map_err(|_| internal())
        }));
        let thread = std::thread::current();
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = std::sync::Arc::new(Unpark(thread)).into();
        let mut context = std::task::Context::from_waker(&waker);
        while work.as_mut().poll(&mut context).is_pending() {
            std::thread::park();
        }
    }

    #[test]
    fn work_goes_on_when_its_caller_stops_waiting() {
        let (done, wait) = std::sync::mpsc::channel();
        let mut work = Box::pin(Executor::Own.run(async move {
            tokio::task::yield_now().await;
            done.send(()).map_err(|_| internal())
        }));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = work.as_mut().poll(&mut context);
        drop(work);
        wait.recv().unwrap();
    }

    #[test]
    fn a_panic_is_an_error_and_never_reaches_the_app() {
        async fn bug() -> Result<(), Error> {
            panic!("a bug")
        }
        let runtime = runtime().unwrap();
        let given = Executor::Given(runtime.handle().clone());
        for executor in [&Executor::Own, &given] {
            assert_eq!(runtime.block_on(executor.run(bug())), Err(internal()));
        }
        assert_eq!(runtime.block_on(Executor::Own.run_here(bug())), Err(internal()));
        assert!(matches!(runtime.block_on(given.run_here(bug())), Err(Error::Misconfigured(_))));
    }

    #[test]
    fn work_runs_on_the_runtime_that_was_handed_in_and_says_when_that_has_ended() {
        let given = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("an-app")
            .enable_all()
            .build()
            .unwrap();
        let executor = Executor::Given(given.handle().clone());
        let on = || async { Ok(std::thread::current().name().map(str::to_owned)) };
        let own = runtime().unwrap();
        assert_eq!(own.block_on(executor.run(on())).unwrap().as_deref(), Some("an-app"));
        assert_eq!(own.block_on(Executor::Own.run(on())).unwrap().as_deref(), Some("moorline"));
        let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(matches!(Executor::of(Some(one.handle().clone())), Err(Error::Misconfigured(_))));
        given.shutdown_background();
        let error = own.block_on(executor.run(on())).unwrap_err();
        assert!(matches!(&error, Error::Misconfigured(what) if what.contains("shut down")), "{error:?}");
    }
}
