//! One document of the provider's in memory, and when to ask for it again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A document, its age, and when it may be asked for again. All times are readings of the monotonic clock.
#[derive(Debug)]
pub(super) struct Cache<T> {
    state: Mutex<State<T>>,
    /// Held while the provider is asked: callers at the same time share one request.
    pub(super) asking: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State<T> {
    held: Option<Held<T>>,
    /// The provider did not answer; it is left alone until then if there is a document.
    retry_at: Duration,
}

#[derive(Debug)]
struct Held<T> {
    value: Arc<T>,
    /// How old it was at `since`.
    age: Duration,
    since: Duration,
}

/// What to do with a document of this age.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// Use it.
    Fresh(Arc<T>),
    /// Use it, and ask for it again meanwhile.
    Stale(Arc<T>),
    /// Ask first. If there is no answer, an old one is better than none.
    Ask,
}

impl<T> Cache<T> {
    /// Looks what there is.
    pub(super) fn find(&self, now: Duration) -> Found<T> {
        let state = self.state();
        let Some(held) = &state.held else { return Found::Ask };
        let waits = now < state.retry_at;
        match held.age(now) {
            age if age < FRESH || waits => Found::Fresh(held.value.clone()),
            age if age < USABLE => Found::Stale(held.value.clone()),
            _ => Found::Ask,
        }
    }

    /// The document and its age.
    pub(super) fn aged(&self, now: Duration) -> Option<(Arc<T>, Duration)> {
        let state = self.state();
        let held = state.held.as_ref()?;
        Some((held.value.clone(), held.age(now)))
    }

    /// Takes in a document of this age.
    pub(super) fn put(&self, value: T, age: Duration, now: Duration) -> Arc<T> {
        let value = Arc::new(value);
        *self.state() =
            State { held: Some(Held { value: value.clone(), age, since: now }), retry_at: Duration::ZERO };
        value
    }

    /// The provider did not answer. While there is a document, it is left alone for a minute, so that no call waits
    /// for it.
    pub(super) fn failed(&self, now: Duration) {
        self.state().retry_at = now.saturating_add(PAUSE);
    }

    /// Whether the provider is to be left alone.
    pub(super) fn pauses(&self, now: Duration) -> bool {
        now < self.state().retry_at
    }

    /// The network is another one: the provider may be asked again.
    pub(super) fn network_changed(&self) {
        self.state().retry_at = Duration::ZERO;
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Held<T> {
    fn age(&self, now: Duration) -> Duration {
        self.age.saturating_add(now.saturating_sub(self.since))
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { held: None, retry_at: Duration::ZERO }),
            asking: tokio::sync::Mutex::default(),
        }
    }
}

/// Younger documents are used as they are: an hour.
pub(super) const FRESH: Duration = Duration::from_secs(3600);
/// Younger ones are used at once, and asked for again in the background: a day.
pub(super) const USABLE: Duration = Duration::from_secs(86_400);
/// How long the provider is left alone after it did not answer.
const PAUSE: Duration = Duration::from_secs(60);
