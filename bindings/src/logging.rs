//! The logger that an app brings.

use std::{fmt, sync::Arc, time::SystemTime};

use moorline::Logger;

use crate::{ClientError, Vocabulary};

/// How important an event is. Mirrors [`moorline::LogLevel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Something is lost, or a developer has to act.
    Error,
    /// Something is wrong, and the SDK goes on.
    Warn,
    /// What a developer wants to know about a failed call.
    Info,
    /// Details of the network.
    Debug,
    /// Everything.
    Trace,
}

/// One event. Mirrors [`moorline::LogEvent`].
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogEvent {
    /// When, by the device's clock.
    pub time: SystemTime,
    /// How important it is.
    pub level: LogLevel,
    /// The part of the SDK.
    pub target: String,
    /// What happened, in one line.
    pub message: String,
    /// Details, without secrets.
    pub fields: Vec<LogField>,
}

/// A detail of an event.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogField {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Receives events. Implemented in Kotlin or Swift, and called on a thread of its own, where it may block.
#[uniffi::export(rust, foreign)]
pub trait AppLogger: Send + Sync {
    /// Takes one event. An error is ignored.
    fn log(&self, event: LogEvent) -> Result<(), AppLoggerError>;
}

/// The app's logger threw; nothing comes of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppLoggerError {
    /// Whatever it threw.
    #[error("the app's logger threw")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for AppLoggerError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Sends events of this level and above to `logger`, in the place of an earlier one; see [`moorline::set_logger`].
///
/// # Errors
/// [`Misconfigured`](crate::ErrorKind::Misconfigured) if this process has another subscriber, which only a Rust program
/// can have.
#[uniffi::export]
pub fn set_logger(
    level: LogLevel,
    logger: Option<Arc<dyn AppLogger>>,
    vocabulary: Vocabulary,
) -> Result<(), ClientError> {
    let logger = logger.map(|app| Arc::new(ForeignLogger(app)) as _);
    moorline::set_logger(level.into(), logger).map_err(|error| ClientError::new(error, vocabulary))
}

/// Adapts the app's logger to the SDK's trait.
struct ForeignLogger(Arc<dyn AppLogger>);

impl Logger for ForeignLogger {
    fn log(&self, event: &moorline::LogEvent) {
        let field = |(name, value): &(String, String)| LogField { name: name.clone(), value: value.clone() };
        // Nobody could report it.
        let _ = self.0.log(LogEvent {
            time: event.time,
            level: event.level.into(),
            target: event.target.clone(),
            message: event.message.clone(),
            fields: event.fields.iter().map(field).collect(),
        });
    }
}

impl fmt::Debug for ForeignLogger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignLogger")
    }
}

impl From<LogLevel> for moorline::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

impl From<moorline::LogLevel> for LogLevel {
    fn from(level: moorline::LogLevel) -> Self {
        match level {
            moorline::LogLevel::Error => Self::Error,
            moorline::LogLevel::Warn => Self::Warn,
            moorline::LogLevel::Info => Self::Info,
            moorline::LogLevel::Debug => Self::Debug,
            _ => Self::Trace,
        }
    }
}
