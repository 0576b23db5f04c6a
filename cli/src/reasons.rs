//! Why a server gave no answer, or the vault could not be used. The SDK's errors do not say it, since an app could not
//! act on it; its log does, and the user of a terminal wants to know.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer};

#[derive(Debug)]
struct Seen {
    network: Option<String>,
    storage: Option<String>,
    /// The folder of the profile.
    folder: Option<PathBuf>,
    warnings: Vec<Warning>,
    /// The errors that were shown: each reading of a damaged vault reports it.
    errors: Vec<Warning>,
}

/// A warning with a reason, which the error that ends the program may say as well.
#[derive(Debug, PartialEq, Eq)]
struct Warning {
    message: String,
    reason: String,
}

impl Warning {
    /// The innermost part of the reason: an error may say the same with another beginning.
    fn cause(&self) -> &str {
        let innermost = self.reason.rsplit(": ").next().unwrap_or_default();
        if innermost.len() < SHORTEST_CAUSE { &self.reason } else { innermost }
    }
}

/// A shorter part, such as a number, may be in a text about something else.
const SHORTEST_CAUSE: usize = 16;

static SEEN: Mutex<Seen> =
    Mutex::new(Seen { network: None, storage: None, folder: None, warnings: Vec::new(), errors: Vec::new() });

fn seen() -> MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last reason why there was no answer.
pub(crate) fn of_network() -> Option<String> {
    seen().network.clone()
}

/// The last reason why the vault could not be used.
pub(crate) fn of_storage() -> Option<String> {
    seen().storage.clone()
}

/// Notes where the vault, and perhaps its key, are stored.
pub(crate) fn storage_is_in(folder: &Path) {
    seen().folder = Some(folder.to_owned());
}

/// Where they are stored.
pub(crate) fn storage_folder() -> Option<PathBuf> {
    seen().folder.clone()
}

/// The warnings that were held back and that `said` does not say, each once.
pub(crate) fn warnings_beside(said: &str) -> Vec<String> {
    let warnings = std::mem::take(&mut seen().warnings);
    let unsaid = warnings.into_iter().filter(|warning| !said.contains(warning.cause()));
    unsaid.map(|Warning { message, reason }| format!("{message}: {reason}")).collect()
}

/// Drops the warnings that were held back.
pub(crate) fn forget_warnings() {
    seen().warnings.clear();
}

/// The SDK's log names options as Rust does.
fn spelt(text: String) -> String {
    moorline::Vocabulary::CommandLine.translate(&text)
}

/// Remembers the reasons in the SDK's log.
#[derive(Debug)]
pub(crate) struct Reasons;

impl<S: Subscriber> Layer<S> for Reasons {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let found = Found::of(event);
        let mut seen = seen();
        if let Some(reason) = found.full_reason() {
            seen.network = Some(reason);
        }
        if found.details.is_some() {
            seen.storage = found.details;
        }
    }
}

/// Holds warnings with a reason back until the command has ended, unless the user has asked for the log.
#[derive(Debug)]
pub(crate) struct HoldBack(pub(crate) bool);

impl<S> Filter<S> for HoldBack {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if !self.0 || *event.metadata().level() > Level::WARN {
            return true;
        }
        let found = Found::of(event);
        if *event.metadata().level() == Level::ERROR {
            let error = Warning { message: found.message, reason: found.details.unwrap_or_default() };
            let mut seen = seen();
            let is_new = !seen.errors.contains(&error);
            if is_new {
                seen.errors.push(error);
            }
            return is_new;
        }
        let Some(reason) = found.full_reason().or_else(|| found.details.clone()) else { return true };
        let warning = Warning { message: found.message, reason };
        let mut seen = seen();
        if !seen.warnings.contains(&warning) {
            seen.warnings.push(warning);
        }
        false
    }
}

/// What the fields of an event say.
#[derive(Debug, Default)]
struct Found {
    message: String,
    reason: Option<String>,
    address: Option<String>,
    details: Option<String>,
}

impl Found {
    fn of(event: &Event<'_>) -> Self {
        let mut found = Self::default();
        event.record(&mut found);
        found
    }

    fn full_reason(&self) -> Option<String> {
        let reason = self.reason.as_deref()?;
        match &self.address {
            Some(address) if !reason.contains(address) => Some(format!("{reason} ({address})")),
            _ => Some(reason.to_owned()),
        }
    }

    fn take(&mut self, field: &Field, value: impl FnOnce() -> String) {
        let said = |value: String| Some(value).filter(|value| !value.is_empty());
        match field.name() {
            "message" => self.message = spelt(value()),
            "address" => self.address = said(value()),
            "error" | "why" | "causes" => self.reason = said(spelt(value())),
            "details" => self.details = said(spelt(value())),
            _ => {}
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
