//! The app's part of what must not be interrupted.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use moorline::CriticalSections;

/// Keeps the process running for a while. Implemented in Kotlin or Swift. Mirrors [`moorline::CriticalSections`].
#[uniffi::export(rust, foreign)]
pub trait AppCriticalSections: Send + Sync {
    /// Begins a section and returns its name.
    fn begin_critical(&self, expiry: Arc<Expiry>) -> Result<u64, AppCriticalSectionsError>;

    /// Ends the section of this name.
    fn end_critical(&self, section: u64) -> Result<(), AppCriticalSectionsError>;
}

/// The app's code threw an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppCriticalSectionsError {
    /// The section was not begun, or not ended.
    #[error("the app's critical sections threw an exception")]
    Failed,
}

/// An exception that the trait does not declare.
impl From<uniffi::UnexpectedUniFFICallbackError> for AppCriticalSectionsError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Tells the SDK that the time of a section is over.
#[derive(Debug, uniffi::Object)]
pub struct Expiry(moorline::Expiry);

#[uniffi::export]
impl Expiry {
    /// Releases every lock that is held in this section; it has happened when this returns. A second call, or one
    /// after the section has ended, does nothing.
    pub fn expire(&self) {
        self.0.expire();
    }
}

/// Adapts the app's sections to the SDK's trait.
pub(crate) struct ForeignCriticalSections {
    app: Arc<dyn AppCriticalSections>,
    begun: Mutex<Begun>,
}

/// The sections that the app has begun and not ended: by the SDK's name, the app's.
#[derive(Default)]
struct Begun {
    names: HashMap<u64, u64>,
    last: u64,
}

impl ForeignCriticalSections {
    pub(crate) fn new(app: Arc<dyn AppCriticalSections>) -> Self {
        Self { app, begun: Mutex::default() }
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CriticalSections for ForeignCriticalSections {
    /// A section that the app could not begin grants no time, and the app is not asked to end it.
    fn begin_critical(&self, expiry: moorline::Expiry) -> u64 {
        let of_app = self.app.begin_critical(Arc::new(Expiry(expiry.clone())));
        if of_app.is_err() {
            expiry.expire();
        }
        let mut begun = self.begun();
        begun.last += 1;
        let section = begun.last;
        begun.names.extend(of_app.ok().map(|name| (section, name)));
        section
    }

    fn end_critical(&self, section: u64) {
        let of_app = self.begun().names.remove(&section);
        if let Some(name) = of_app {
            // Nothing is left to do about an exception: the work is over.
            let _ = self.app.end_critical(name);
        }
    }
}

impl fmt::Debug for ForeignCriticalSections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignCriticalSections")
    }
}
