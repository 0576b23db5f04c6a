//! An event, and who receives it.

use std::{
    fmt::{self, Debug},
    time::SystemTime,
};

use serde_json::{Value, json};

use crate::time::unix_millis;

/// How important an event is, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
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

/// One event that the SDK has logged. It holds no token, code, verifier or key at any level: the SDK's types for these
/// have no text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEvent {
    /// When, by the device's clock.
    pub time: SystemTime,
    /// How important it is.
    pub level: LogLevel,
    /// The part of the SDK: `moorline::vault`, for example.
    pub target: String,
    /// What happened, in one line.
    pub message: String,
    /// Details by name, each at most 1,000 bytes long.
    pub fields: Vec<(String, String)>,
}

/// Receives what the SDK logs. See [`set_logger`](crate::set_logger).
pub trait Logger: Send + Sync + Debug {
    /// Takes one event. It is called on a thread of its own, one event at a time, in their order. It may block: the SDK
    /// waits for it nowhere, and drops events if too many wait. A panic is caught.
    fn log(&self, event: &LogEvent);
}

impl LogLevel {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl LogEvent {
    /// As an entry of a bug report.
    pub(crate) fn to_json(&self) -> Value {
        let fields: serde_json::Map<_, _> =
            self.fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "at": unix_millis(self.time),
            "level": self.level.name(),
            "target": self.target,
            "message": self.message,
            "fields": fields,
        })
    }
}

/// The event without its time, in one line: `WARN moorline::vault: the vault is not available details="…"`.
impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level, self.target, self.message)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value:?}"))
    }
}

/// The longest value of a field, in bytes.
pub(super) const LONGEST: usize = 1_000;
