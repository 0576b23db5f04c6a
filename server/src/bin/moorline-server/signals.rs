//! What the server does at a signal.

use moorline_server::http::Tls;

use crate::terminal::Failure;

/// Resolves on SIGTERM or SIGINT (Ctrl-C).
#[cfg(unix)]
pub(crate) fn stop() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves on Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn stop() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Reads the certificate again on each SIGHUP, which would end the server otherwise.
#[cfg(unix)]
pub(crate) fn reload_on_hangup(tls: Option<Tls>) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match &tls {
                Some(tls) => tls.reload(),
                None => tracing::info!("SIGHUP: there is no certificate to read again (http.plain)"),
            }
        }
    });
    Ok(())
}

/// There is no such signal: the files are read again every few seconds.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
pub(crate) fn reload_on_hangup(_: Option<Tls>) -> Result<(), Failure> {
    Ok(())
}
