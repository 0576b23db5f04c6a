//! A key store that answers in time or not at all.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use super::key_store::{KeyStore, KeyStoreError, SecretKey};

/// Calls a key store on a thread of its own, one call at a time, and waits for each for a limited time.
///
/// A key store may ask the user, wait for a service that hangs, or need the very thread that waits for it. A call that
/// takes too long fails with [`KeyStoreError::TimedOut`] and goes on by itself. Until it is over, every other call
/// fails in the same way, at once: so one thread at most is blocked, however often the SDK is called.
#[derive(Debug, Clone)]
pub(crate) struct BoundedKeyStore {
    key_store: Arc<dyn KeyStore>,
    limit: Duration,
    line: Arc<Line>,
}

/// Who may call the key store.
#[derive(Debug, Default)]
struct Line {
    /// When the call that is under way has to be over; `None` if there is none.
    deadline: Mutex<Option<Instant>>,
    free: Condvar,
}

impl BoundedKeyStore {
    pub(crate) fn new(key_store: Arc<dyn KeyStore>, limit: Duration) -> Self {
        Self { key_store, limit, line: Arc::default() }
    }

    /// The key of this name, or `None` if the key store has none.
    pub(crate) fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        let key_id = key_id.to_owned();
        self.call(move |store| store.load(&key_id))
    }

    /// Keeps a key, in place of any of the same name.
    pub(crate) fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        let (key_id, key) = (key_id.to_owned(), key.clone());
        self.call(move |store| store.store(&key_id, &key))
    }

    /// Deletes a key; one that is not there is not an error.
    pub(crate) fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        let key_id = key_id.to_owned();
        self.call(move |store| store.delete(&key_id))
    }

    fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn KeyStore) -> Result<T, KeyStoreError> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        let turn = self.line.take(self.limit)?;
        let key_store = self.key_store.clone();
        within(self.limit, move || {
            let outcome = call(&*key_store);
            drop(turn);
            outcome
        })
    }
}

/// The outcome of `call`, which runs on a thread of its own.
///
/// # Errors
/// [`KeyStoreError::TimedOut`] if it takes longer than `limit`; it goes on all the same. Those of the call.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> Result<T, KeyStoreError> + Send + 'static,
) -> Result<T, KeyStoreError> {
    let (answer, answered) = mpsc::sync_channel(1);
    // The Secret Service client blocks on a runtime of its own, which a thread of another runtime must not do.
    thread::Builder::new()
        .name("moorline-keys".into())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = answer.send(call());
        })
        .map_err(|error| KeyStoreError::Failed(error.to_string()))?;
    match answered.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Err(KeyStoreError::TimedOut),
        Err(RecvTimeoutError::Disconnected) => Err(KeyStoreError::Failed("its client panicked".into())),
    }
}

impl Line {
    /// Waits until no call is under way, no longer than that call may take.
    fn take(self: &Arc<Self>, limit: Duration) -> Result<Turn, KeyStoreError> {
        let mut deadline = self.deadline();
        while let Some(end) = *deadline {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(KeyStoreError::TimedOut);
            }
            (deadline, _) = self.free.wait_timeout(deadline, left).unwrap_or_else(PoisonError::into_inner);
        }
        *deadline = Some(Instant::now() + limit);
        Ok(Turn(self.clone()))
    }

    fn deadline(&self) -> MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to call; goes on when it is dropped, also by a panic.
struct Turn(Arc<Line>);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.deadline() = None;
        self.0.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::MemoryKeyStore;

    /// Answers when the test lets it.
    #[derive(Debug)]
    struct Slow {
        keys: MemoryKeyStore,
        gate: Mutex<mpsc::Receiver<()>>,
        calls: AtomicUsize,
    }

    fn slow(limit: Duration) -> (BoundedKeyStore, Arc<Slow>, mpsc::Sender<()>) {
        let (open, gate) = mpsc::channel();
        let slow = Slow { keys: MemoryKeyStore::new(), gate: Mutex::new(gate), calls: AtomicUsize::new(0) };
        let slow = Arc::new(slow);
        (BoundedKeyStore::new(slow.clone(), limit), slow, open)
    }

    impl KeyStore for Slow {
        fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let _ = self.gate.lock().unwrap().recv();
            self.keys.load(key_id)
        }

        fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
            self.keys.store(key_id, key)
        }

        fn delete(&self, _: &str) -> Result<(), KeyStoreError> {
            panic!("a bug in the key store")
        }
    }

    #[test]
    fn a_key_store_that_hangs_blocks_one_thread_and_no_caller() {
        let (bounded, slow, open) = slow(Duration::ZERO);
        for _ in 0..20 {
            assert_eq!(bounded.load("k1").err(), Some(KeyStoreError::TimedOut));
            assert_eq!(bounded.store("k1", &SecretKey::from_bytes([7; 32])), Err(KeyStoreError::TimedOut));
        }
        assert!(slow.calls.load(Ordering::SeqCst) <= 1, "one call is under way");
        drop(open);
    }

    #[test]
    fn a_key_store_that_answers_again_is_used_again() {
        let (mut bounded, _, open) = slow(Duration::ZERO);
        assert_eq!(bounded.load("k1").err(), Some(KeyStoreError::TimedOut));
        drop(open);
        let mut free = bounded.line.deadline();
        while free.is_some() {
            free = bounded.line.free.wait(free).unwrap();
        }
        drop(free);
        bounded.limit = LONG;
        bounded.store("k1", &SecretKey::from_bytes([7; 32])).unwrap();
        assert_eq!(bounded.load("k1").unwrap().unwrap().expose(), &[7; 32]);
    }

    #[test]
    fn calls_of_many_threads_wait_for_each_other() {
        let bounded = BoundedKeyStore::new(Arc::new(MemoryKeyStore::new()), LONG);
        thread::scope(|scope| {
            for thread in 0..8_u8 {
                let bounded = &bounded;
                scope.spawn(move || {
                    let name = format!("k{thread}");
                    bounded.store(&name, &SecretKey::from_bytes([thread; 32])).unwrap();
                    assert_eq!(bounded.load(&name).unwrap().unwrap().expose(), &[thread; 32]);
                });
            }
        });
    }

    #[test]
    fn a_key_store_that_panics_is_a_failure_and_can_be_called_again() {
        let (bounded, _, open) = slow(LONG);
        drop(open);
        for _ in 0..2 {
            assert!(matches!(bounded.delete("k1"), Err(KeyStoreError::Failed(_))));
        }
        assert!(bounded.load("k1").unwrap().is_none());
    }

    const LONG: Duration = Duration::from_secs(600);
}
