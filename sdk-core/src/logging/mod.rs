//! What the SDK logs, for an app that has no `tracing` subscriber: events to a logger of the app's, and the latest ones
//! for a bug report.

mod delivery;
mod event;
mod recorder;

use std::sync::Arc;

pub use self::event::{LogEvent, LogLevel, Logger};
#[cfg(test)]
pub(crate) use self::recorder::observe;
pub(crate) use self::recorder::{is_recording, recent};
use crate::error::Error;

/// Sends the SDK's events of this level and above to `logger`, from now on and for all of this process, in the place of
/// an earlier logger. With `None`, events go nowhere; the latest ones are kept for a bug report in any case.
///
/// For an app without a `tracing` subscriber. An app that has one sees the SDK's events there, and needs none of this.
///
/// # Errors
/// [`Error::Misconfigured`] if this process has another `tracing` subscriber already.
pub fn set_logger(level: LogLevel, logger: Option<Arc<dyn Logger>>) -> Result<(), Error> {
    recorder::set(level, logger)
}

/// Keeps the latest events of this process for [`Moorline::diagnostics`](crate::Moorline::diagnostics), from now on.
/// Does nothing in a process that has a `tracing` subscriber of its own.
pub fn record_events() {
    recorder::install();
}
