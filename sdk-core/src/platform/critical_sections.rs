//! Work that the system must not interrupt: a refresh token is spent, and its successor is not stored yet.

use std::{
    fmt::{self, Debug},
    sync::{Arc, Mutex, PoisonError},
};

/// Keeps the process running for a while, on a system that suspends apps. Implement it with `beginBackgroundTask` on
/// iOS; desktops and servers need none.
///
/// The SDK begins a section before it sends a refresh token or an authorization code, and before it takes a lock in the
/// vault's folder (iOS ends an app that is suspended while it holds a lock in a shared container). It ends the section
/// when the answer is stored and the locks are released. Sections overlap, and both functions are called on any thread:
/// they return at once, and call nothing of the SDK but [`Expiry::expire`].
pub trait CriticalSections: Send + Sync + Debug {
    /// Begins a section and returns its name. The system may grant only so much time: call [`Expiry::expire`] when it
    /// is over, before the process is suspended.
    fn begin_critical(&self, expiry: Expiry) -> u64;

    /// Ends the section of this name, once; also one that has expired.
    fn end_critical(&self, section: u64);
}

/// Tells the SDK that the time of a section is over.
#[derive(Clone)]
pub struct Expiry(Arc<State>);

type OnExpiry = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State(Mutex<Progress>);

#[derive(Default)]
enum Progress {
    #[default]
    Running,
    /// With what has to be done if it expires.
    Guarded(OnExpiry),
    Expired,
    Ended,
}

impl Expiry {
    /// Releases every lock that is held in this section, and notes for other processes that a request of this one is
    /// under way. It has happened when this returns, which takes one small write to the disk. The request itself goes
    /// on: if the process is suspended and resumed, its answer is still stored.
    ///
    /// A second call, or one after the section has ended, does nothing.
    pub fn expire(&self) {
        let mut progress = self.0.lock();
        if let Progress::Ended | Progress::Expired = *progress {
            return;
        }
        // Under the lock: a second caller must not return before the first has released the lock.
        if let Progress::Guarded(on_expiry) = std::mem::replace(&mut *progress, Progress::Expired) {
            on_expiry();
        }
    }
}

impl Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expiry")
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A section that ends when this is dropped.
pub(crate) struct CriticalSection {
    begun: Option<(Arc<dyn CriticalSections>, u64)>,
    state: Arc<State>,
}

impl CriticalSection {
    /// Begins a section, if the platform has them.
    pub(crate) fn begin(sections: Option<&Arc<dyn CriticalSections>>) -> Self {
        let state: Arc<State> = Arc::default();
        let begun = sections.map(|sections| {
            let section = sections.begin_critical(Expiry(state.clone()));
            (sections.clone(), section)
        });
        Self { begun, state }
    }

    /// Sets what to do if the section expires. Returns `false`, and does nothing, if it has expired.
    pub(crate) fn on_expiry(&self, on_expiry: impl FnOnce() + Send + 'static) -> bool {
        let mut progress = self.state.lock();
        if let Progress::Expired = *progress {
            return false;
        }
        *progress = Progress::Guarded(Box::new(on_expiry));
        true
    }
}

impl Drop for CriticalSection {
    fn drop(&mut self) {
        *self.state.lock() = Progress::Ended;
        if let Some((sections, section)) = self.begun.take() {
            sections.end_critical(section);
        }
    }
}

impl Debug for CriticalSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CriticalSection")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Recorded {
        begun: Mutex<Vec<Expiry>>,
        ended: Mutex<Vec<u64>>,
    }

    impl CriticalSections for Recorded {
        fn begin_critical(&self, expiry: Expiry) -> u64 {
            let mut begun = self.begun.lock().unwrap();
            begun.push(expiry);
            begun.len() as u64
        }

        fn end_critical(&self, section: u64) {
            self.ended.lock().unwrap().push(section);
        }
    }

    fn recorded() -> (Arc<Recorded>, Arc<dyn CriticalSections>) {
        let recorded: Arc<Recorded> = Arc::default();
        (recorded.clone(), recorded)
    }

    #[test]
    fn each_section_ends_once_and_under_its_own_name() {
        let (recorded, sections) = recorded();
        let first = CriticalSection::begin(Some(&sections));
        let second = CriticalSection::begin(Some(&sections));
        drop(first);
        recorded.begun.lock().unwrap()[1].expire();
        drop(second);
        assert_eq!(*recorded.ended.lock().unwrap(), [1, 2]);
    }

    #[test]
    fn what_has_to_happen_at_the_expiry_happens_once_and_before_it_returns() {
        let (recorded, sections) = recorded();
        let section = CriticalSection::begin(Some(&sections));
        let released: Arc<AtomicUsize> = Arc::default();
        let count = released.clone();
        let on_expiry = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        assert!(section.on_expiry(on_expiry));
        let expiry = recorded.begun.lock().unwrap()[0].clone();
        expiry.expire();
        expiry.expire();
        assert_eq!(released.load(Ordering::SeqCst), 1);
        assert!(!section.on_expiry(|| unreachable!("it is too late")));
    }

    #[test]
    fn an_expiry_after_the_end_does_nothing() {
        let (recorded, sections) = recorded();
        let section = CriticalSection::begin(Some(&sections));
        assert!(section.on_expiry(|| unreachable!("it has ended")));
        drop(section);
        recorded.begun.lock().unwrap()[0].expire();
    }

    #[test]
    fn without_sections_nothing_ever_expires() {
        let section = CriticalSection::begin(None);
        assert!(section.on_expiry(|| unreachable!("nobody calls it")));
    }
}
