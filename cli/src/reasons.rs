//! Why a server gave no answer. The SDK's errors do not say it, since an app could not act on it; its log does, and
//! the user of a terminal wants to know.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// The last reason that the SDK logged.
pub(crate) fn last() -> Option<String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Remembers the reasons in the SDK's log.
#[derive(Debug)]
pub(crate) struct Reasons;

impl<S: Subscriber> Layer<S> for Reasons {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut found = Found(None);
        event.record(&mut found);
        if let Some(reason) = found.0 {
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        }
    }
}

struct Found(Option<String>);

impl Found {
    fn take(&mut self, field: &Field, value: impl FnOnce() -> String) {
        if REASONS.contains(&field.name()) {
            self.0 = Some(value()).filter(|value| !value.is_empty());
        }
    }
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, || value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, || format!("{value:?}"));
    }
}

/// The fields in which the SDK logs why there was no answer.
const REASONS: [&str; 3] = ["error", "why", "causes"];
