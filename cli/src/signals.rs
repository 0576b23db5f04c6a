//! Signals: the first one lets an exchange finish, a second one ends the program at once.

use std::process::exit;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::failure::Failure;
use crate::signal::Signal;

/// The signals that have come.
#[derive(Debug)]
pub(crate) struct Signals(watch::Sender<Option<Signal>>);

impl Signals {
    /// Listens to none yet: a signal ends the program at once.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Listens from now on, on a thread of its own: the program's own may wait for a reader of its output.
    ///
    /// # Errors
    /// [`Failure::Local`] if the system refuses it.
    pub(crate) fn listen(&self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::local("listening for signals", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut sources = {
            let _entered = runtime.enter();
            sources::Sources::new().map_err(failed)?
        };
        let sender = self.0.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let signal = sources.next().await;
                    sender.send_replace(Some(signal));
                    // The command ends within this time, unless it waits for the reader of its output.
                    let second = tokio::time::timeout(LIMIT + MARGIN, sources.next()).await;
                    exit(second.unwrap_or(signal).code().into());
                });
            })
            .map_err(failed)?;
        Ok(())
    }

    /// Waits for the first signal.
    pub(crate) async fn first(&self) -> Signal {
        let mut received = self.0.subscribe();
        let first = received.wait_for(Option::is_some).await.map(|signal| *signal);
        match first {
            Ok(Some(signal)) => signal,
            _ => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
mod sources {
    use std::io;

    use tokio::signal::unix::{Signal as Source, SignalKind, signal};

    use super::Signal;

    /// The signals that are not ignored: `nohup` and a shell's `&` ask for that.
    pub(super) struct Sources(Vec<(Signal, Source)>);

    impl Sources {
        pub(super) fn new() -> io::Result<Self> {
            let all = [
                (Signal::Interrupt, SignalKind::interrupt()),
                (Signal::Terminate, SignalKind::terminate()),
                (Signal::HangUp, SignalKind::hangup()),
            ];
            let ignored = ignored();
            let heard = all.into_iter().filter(|(_, kind)| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
            heard.map(|(name, kind)| Ok((name, signal(kind)?))).collect::<io::Result<_>>().map(Self)
        }

        pub(super) async fn next(&mut self) -> Signal {
            std::future::poll_fn(|context| {
                for (signal, source) in &mut self.0 {
                    if source.poll_recv(context).is_ready() {
                        return std::task::Poll::Ready(*signal);
                    }
                }
                std::task::Poll::Pending
            })
            .await
        }
    }

    /// The set of ignored signals, as Linux shows it. Elsewhere, none counts as ignored.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
    }
}

#[cfg(not(unix))]
mod sources {
    use super::Signal;

    pub(super) struct Sources;

    impl Sources {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn next(&mut self) -> Signal {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Signal::Interrupt
        }
    }
}

/// Makes a write over the file size limit (`ulimit -f`) an error, which the SDK handles. By default, it kills the
/// program.
///
/// # Errors
/// [`Failure::Local`] if the system refuses it.
#[cfg(unix)]
pub(crate) fn survive_file_size_limit(runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
    let _entered = runtime.enter();
    // A handler that does nothing: it stays in place when the listener is dropped.
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(libc::SIGXFSZ))
        .map(drop)
        .map_err(|error| Failure::local("ignoring SIGXFSZ", error))
}

#[cfg(not(unix))]
pub(crate) fn survive_file_size_limit(_: &tokio::runtime::Runtime) -> Result<(), Failure> {
    Ok(())
}

/// How long an exchange may take to finish when the program ends.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
const MARGIN: Duration = Duration::from_secs(2);
