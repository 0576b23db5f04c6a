//! The SDK's own threads, so that it works under any executor and a caller that goes away stops nothing.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Mutex, OnceLock, PoisonError},
    task::Poll,
};

use tokio::{runtime::Runtime, task::JoinHandle};

use crate::Error;

/// Runs `work` on the SDK's threads to its end, whether or not the caller waits for it.
pub(crate) async fn run<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    spawn(work)?.await.unwrap_or_else(|_| Err(internal()))
}

/// Runs `work` wherever its caller is, with the SDK's threads for its connections, timers and tasks. It ends when the caller
/// goes away, so this is for what may: a request of the app's own, which then needs no other thread to wait for it.
pub(crate) async fn run_here<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = runtime()?;
    let mut work = pin!(work);
    poll_fn(|context| {
        let _entered = runtime.enter();
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(internal())))
    })
    .await
}

/// Starts `work` on the SDK's threads.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    Ok(runtime()?.spawn(work))
}

/// Runs `work`, which may block, on a thread that may. Only from the SDK's own tasks.
pub(crate) async fn blocking<T: Send + 'static, E: From<Panicked> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Panicked.into()))
}

/// A task of ours panicked. The panic's message is in the app's panic hook; it must not unwind into the app.
#[derive(Debug)]
pub(crate) struct Panicked;

/// The error for what can't happen.
pub(crate) fn internal() -> Error {
    Error::refused("internal_error", "the SDK failed within itself; please report it")
}

/// Makes the threads at the first call. A system that refuses them once may grant them later.
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
        let mut work = pin!(run_here(async {
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
        let mut work = Box::pin(run(async move {
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
        assert_eq!(runtime.block_on(run(bug())), Err(internal()));
        assert_eq!(runtime.block_on(run_here(bug())), Err(internal()));
    }
}
