//! A key store that answers in time or not at all.

use std::{sync::Arc, time::Duration};

use super::{
    bounded::{Bounded, NoAnswer},
    key_store::{KeyStore, KeyStoreError, SecretKey},
};

/// Calls a key store as [`Bounded`] does.
#[derive(Debug, Clone)]
pub(crate) struct BoundedKeyStore(Bounded<dyn KeyStore>);

impl BoundedKeyStore {
    pub(crate) fn new(key_store: Arc<dyn KeyStore>, limit: Duration) -> Self {
        Self(Bounded::new(key_store, limit, KEYS))
    }

    /// The key of this name, or `None` if the key store has none.
    pub(crate) fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        let key_id = key_id.to_owned();
        self.0.call(move |store| store.load(&key_id))
    }

    /// Whether keys can be used at present.
    pub(crate) fn ready(&self) -> Result<(), KeyStoreError> {
        self.0.call(|store| store.ready())
    }

    /// Keeps a key, in place of any of the same name.
    pub(crate) fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        let (key_id, key) = (key_id.to_owned(), key.clone());
        self.0.call(move |store| store.store(&key_id, &key))
    }

    /// Deletes a key; one that is not there is not an error.
    pub(crate) fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        let key_id = key_id.to_owned();
        self.0.call(move |store| store.delete(&key_id))
    }
}

impl From<NoAnswer> for KeyStoreError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::TimedOut => Self::TimedOut,
            NoAnswer::NoThread(why) => Self::Failed(why),
            NoAnswer::Panicked => Self::Failed("its client panicked".into()),
        }
    }
}

/// The name of the threads that call a key store.
pub(super) const KEYS: &str = "moorline-keys";

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        thread,
    };

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
        let line = bounded.0.line.clone();
        let mut free = line.deadline();
        while free.is_some() {
            free = line.free.wait(free).unwrap();
        }
        drop(free);
        bounded.0.limit = LONG;
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
