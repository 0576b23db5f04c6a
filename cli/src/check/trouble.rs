//! Trouble that may pass: an outage, a captive portal, a server that asks to wait. It says nothing about the provider.

use std::fmt;

use moorline::Retry;

use super::document::Unreadable;
use super::probe::Answer;
use super::probe_error::ProbeError;
use crate::exit::Exit;
use crate::failure::whole;

/// Why there is no answer of the provider's own for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) exit: Exit,
    pub(super) retry: Retry,
    what: String,
}

impl Trouble {
    pub(super) fn offline(what: impl Into<String>) -> Self {
        Self { exit: Exit::Offline, retry: Retry::Now, what: what.into() }
    }

    /// `None` if the answer tells what the provider is: it has the document, or has none at this address.
    pub(super) fn in_answer(answer: &Answer) -> Option<Self> {
        let status = answer.status;
        if matches!(status, 0..=400 | 404 | 405 | 410) {
            return None;
        }
        Some(match answer.wait_asked() {
            Some(wait) => Self {
                exit: Exit::RateLimited,
                retry: Retry::After(wait),
                what: format!("it answers {status}; the next request may be sent in {} s", whole(wait)),
            },
            None => Self::offline(format!("it answers {status}")),
        })
    }

    /// `None` if the body is the provider's own, and not the document.
    pub(super) fn in_document(why: &Unreadable) -> Option<Self> {
        match why {
            Unreadable::NotJson => None,
            _ => Some(Self::offline(format!("it answers with {}", why.words()))),
        }
    }
}

impl From<&ProbeError> for Trouble {
    fn from(error: &ProbeError) -> Self {
        let passing = Self::offline(error.to_string());
        match error {
            ProbeError::Tls(_) => Self { exit: Exit::Untrusted, ..passing },
            ProbeError::Busy(_, Some(wait)) => {
                Self { exit: Exit::RateLimited, retry: Retry::After(*wait), ..passing }
            }
            ProbeError::NoProxy(_) => Self { exit: Exit::Misconfigured, retry: Retry::Never, ..passing },
            _ => passing,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::document::tests::answer;
    use super::*;

    fn of(status: u16, retry_after: &str) -> Option<(Exit, Retry)> {
        let trouble = Trouble::in_answer(&answer(status, &[("retry-after", retry_after)], b""))?;
        Some((trouble.exit, trouble.retry))
    }

    #[test]
    fn an_outage_passes_and_an_address_without_a_document_does_not() {
        for status in [200, 302, 400, 404, 405, 410] {
            assert_eq!(of(status, ""), None, "{status}");
        }
        for status in [401, 403, 407, 408, 451, 500, 502, 503, 504, 511] {
            assert_eq!(of(status, "soon"), Some((Exit::Offline, Retry::Now)), "{status}");
        }
    }

    #[test]
    fn a_server_that_asks_to_wait_is_given_the_time_that_the_sdk_gives_it() {
        let after = |seconds| Some((Exit::RateLimited, Retry::After(Duration::from_secs(seconds))));
        assert_eq!((of(429, "7"), of(503, " 7 "), of(500, "7")), (after(7), after(7), after(7)));
        assert_eq!(of(429, "99999999999999999999"), after(3_600), "an hour at most");
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(of(429, past), after(0));
        let dated = answer(429, &[("retry-after", past), ("date", "Sun, 06 Nov 1994 08:49:30 GMT")], b"");
        assert_eq!(dated.wait_asked(), Some(Duration::from_secs(7)));
        for odd in ["", "-1", "1.5", "+3", "tomorrow"] {
            assert_eq!(of(429, odd), after(10), "{odd}");
            assert_eq!(of(503, odd), Some((Exit::Offline, Retry::Now)), "{odd}");
        }
    }
}
