//! Why the provider gave no answer.

use std::fmt;
use std::time::Duration;

use crate::failure::whole;
use crate::signal::Signal;

/// No check sends more requests than this.
pub(super) const MOST_REQUESTS: u32 = 90;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProbeError {
    /// No name, no route, no connection, or it broke before an answer came. In the SDK's words.
    Unreachable(String),
    /// It took longer than `--timeout`. In the SDK's words.
    Timeout(String),
    /// The certificate is not trusted, or TLS failed otherwise.
    Tls(String),
    /// The answer is larger than any answer of its kind should be.
    TooLarge,
    /// The connection broke in the middle of an answer. In the SDK's words.
    Cut(String),
    /// Nothing may be sent to this address.
    NotAllowed(String),
    /// The environment names a proxy that cannot be used.
    NoProxy(String),
    /// The provider is busy (429, or a gateway's 502, 503, 504), and may say for how long.
    Busy(u16, Option<Duration>),
    /// All requests of one check are used up.
    OutOfRequests,
    /// The program is about to end by this signal.
    Interrupted(Signal),
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(why) => write!(f, "{why} (--timeout)"),
            Self::Unreachable(why)
            | Self::Cut(why)
            | Self::Tls(why)
            | Self::NotAllowed(why)
            | Self::NoProxy(why) => f.write_str(why),
            Self::TooLarge => f.write_str("the answer is larger than 1 MiB"),
            Self::Busy(status, Some(wait)) => {
                write!(f, "the server answered {status}; the next request may be sent in {} s", whole(*wait))
            }
            Self::Busy(status, None) => write!(f, "the server answered {status}"),
            Self::OutOfRequests => write!(f, "the check has used its {MOST_REQUESTS} requests"),
            Self::Interrupted(signal) => write!(f, "interrupted ({})", signal.name()),
        }
    }
}
