//! A key store that the user unlocks: the session is locked and comes back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    Error, KeyStore, KeyStoreError, MemoryKeyStore, Platform, SecretKey, SessionState, SignedOutReason,
    StorageUnavailableReason,
    session::Session,
    testing::{Device, Fault, any, open, refreshing_held},
};

const LOCKED: Error = Error::StorageUnavailable(StorageUnavailableReason::Locked);

/// Answers while it is unlocked.
#[derive(Debug, Default)]
struct Lockable {
    keys: MemoryKeyStore,
    locked: AtomicBool,
}

impl Lockable {
    fn check(&self) -> Result<(), KeyStoreError> {
        if self.locked.load(Ordering::SeqCst) { Err(KeyStoreError::Locked) } else { Ok(()) }
    }

    fn lock(&self, locked: bool) {
        self.locked.store(locked, Ordering::SeqCst);
    }
}

impl KeyStore for Lockable {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        self.check()?;
        self.keys.load(key_id)
    }

    fn ready(&self) -> Result<(), KeyStoreError> {
        self.check()
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.keys.store(key_id, key)
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.keys.delete(key_id)
    }
}

fn process(device: &Device, keys: &Arc<Lockable>) -> Arc<Session> {
    open(device.configuration(), Platform { key_store: keys.clone(), ..device.platform() })
}

#[tokio::test]
async fn a_locked_session_gives_no_token_and_comes_back_once_the_key_store_is_unlocked() {
    let (device, keys) = (Device::new().await, Arc::<Lockable>::default());
    let session = process(&device, &keys);
    device.sign_in(&session).await.unwrap();
    let token = session.access_token(any()).await.unwrap();

    keys.lock(true);
    session.store.stored_state().await.expect("the key is still in memory");
    session.refresher.lock().await.unwrap();
    assert_eq!(session.state(), SessionState::Locked);
    assert!(session.latest().is_none() && session.info().is_none());
    assert_eq!(session.access_token(any()).await.err(), Some(LOCKED));
    assert_eq!(session.store.stored_state().await.err(), Some(LOCKED));
    assert_eq!(session.state(), SessionState::Locked);

    keys.lock(false);
    session.store.stored_state().await.unwrap();
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    assert_eq!(session.access_token(any()).await.unwrap().secret(), token.secret());
}

#[tokio::test]
async fn a_refresh_that_is_under_way_is_stored_before_the_session_is_locked() {
    let (device, keys) = (Device::new().await, Arc::<Lockable>::default());
    let session = process(&device, &keys);
    device.sign_in(&session).await.unwrap();
    let (gate, refresh) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    keys.lock(true);
    let locking = tokio::spawn({
        let session = session.clone();
        async move { session.refresher.lock().await }
    });
    gate.open();
    let token = refresh.await.unwrap().unwrap();
    locking.await.unwrap().unwrap();
    assert_eq!(session.state(), SessionState::Locked);

    keys.lock(false);
    assert_eq!(session.access_token(any()).await.unwrap().secret(), token.secret());
}

#[tokio::test]
async fn without_a_vault_a_device_that_was_never_unlocked_is_locked_and_not_signed_out() {
    let (device, keys) = (Device::new().await, Arc::<Lockable>::default());
    keys.lock(true);
    let session = process(&device, &keys);
    assert_eq!(session.state(), SessionState::Locked);
    assert_eq!(session.access_token(any()).await.err(), Some(LOCKED));
    keys.lock(false);
    let never = SignedOutReason::NeverSignedIn;
    assert_eq!(session.access_token(any()).await.err(), Some(Error::SignedOut(never)));
    assert_eq!(session.state(), SessionState::SignedOut(never));
}
