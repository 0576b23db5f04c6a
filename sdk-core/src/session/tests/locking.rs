//! A key store that the user unlocks: the session is locked and comes back.

use std::{sync::Arc, time::Duration};

use crate::{
    Error, KeyStore, KeyStoreError, Platform, ReauthReason, SecretKey, SessionState, SignedOutReason,
    StorageLostReason, StorageUnavailableReason,
    session::Session,
    testing::{Device, Fault, Lockable, a_new_one, any, open, put, refreshing_held},
};

const LOCKED: Error = Error::StorageUnavailable(StorageUnavailableReason::Locked);
const GONE: StorageLostReason = StorageLostReason::KeyGone;

/// A device, and the key store of one of its processes.
async fn device() -> (Device, Arc<Lockable>) {
    let device = Device::new().await;
    let keys = Lockable::over(device.key_store.clone());
    (device, keys)
}

fn process(device: &Device, keys: &Arc<Lockable>) -> Arc<Session> {
    open(device.configuration(), Platform { key_store: keys.clone(), ..device.platform() })
}

#[tokio::test]
async fn a_locked_session_gives_no_token_and_comes_back_once_the_key_store_is_unlocked() {
    let (device, keys) = device().await;
    let session = process(&device, &keys);
    device.sign_in(&session).await.unwrap();
    let token = session.access_token(any()).await.unwrap();

    keys.lock(true);
    session.store.stored_state().await.expect("the key is still in memory");
    session.lock().await.unwrap();
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
    let (device, keys) = device().await;
    let session = process(&device, &keys);
    device.sign_in(&session).await.unwrap();
    let (gate, refresh) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    keys.lock(true);
    let locking = tokio::spawn({
        let session = session.clone();
        async move { session.lock().await }
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
    let (device, keys) = device().await;
    keys.lock(true);
    let session = process(&device, &keys);
    assert_eq!(session.state(), SessionState::Locked);
    assert_eq!(session.access_token(any()).await.err(), Some(LOCKED));
    keys.lock(false);
    let never = SignedOutReason::NeverSignedIn;
    assert_eq!(session.access_token(any()).await.err(), Some(Error::SignedOut(never)));
    assert_eq!(session.state(), SessionState::SignedOut(never));
}

/// A process whose vault has lost its key.
async fn lost(device: &Device, keys: &Arc<Lockable>) -> Arc<Session> {
    let session = process(device, keys);
    device.sign_in(&session).await.unwrap();
    device.lose_the_key();
    session.lock().await.unwrap();
    assert_eq!(session.access_token(any()).await.err(), Some(Error::StorageLost(GONE)));
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::StorageLost(GONE)));
    session
}

#[tokio::test]
async fn a_loss_that_a_sign_in_of_another_process_has_mended_is_locked_and_then_the_new_session() {
    let (device, keys) = device().await;
    let session = lost(&device, &keys).await;
    device.provider.state().claims = serde_json::json!({ "sub": "eve" });
    device.sign_in(&device.process()).await.unwrap();
    keys.lock(true);
    assert_eq!(session.store.stored_state().await.err(), Some(LOCKED));
    assert_eq!(session.state(), SessionState::Locked);

    keys.lock(false);
    session.store.stored_state().await.unwrap();
    let SessionState::SignedIn(user) = session.state() else { panic!("{:?}", session.state()) };
    assert_eq!(user.subject, "eve");
    session.access_token(a_new_one(&session)).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_gone_is_so_again_once_the_key_store_is_unlocked() {
    let (device, keys) = device().await;
    let session = lost(&device, &keys).await;
    keys.lock(true);
    assert_eq!(session.access_token(any()).await.err(), Some(LOCKED));
    assert_eq!(session.state(), SessionState::Locked);
    keys.lock(false);
    assert_eq!(session.access_token(any()).await.err(), Some(Error::StorageLost(GONE)));
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::StorageLost(GONE)));
}

/// Brings a process into the state that its name says.
type Before = (&'static str, fn(&Device));

#[tokio::test]
async fn whatever_was_known_of_the_vault_before_gives_way_to_a_locked_one_in_its_place() {
    let cases: [Before; 4] = [
        ("SignedIn", |_| {}),
        ("NeedsReauth(Revoked)", |device| device.provider.state().sessions[0].revoked = true),
        ("NeedsReauth(StorageLost(Damaged))", |device| put(&device.files("vault.moorline")[0], b"damaged")),
        ("SignedOut(NeverSignedIn)", |device| std::fs::remove_dir_all(device.folder()).unwrap()),
    ];
    for (before, happens) in cases {
        let (device, keys) = device().await;
        let session = process(&device, &keys);
        device.sign_in(&session).await.unwrap();
        happens(&device);
        drop(session.access_token(a_new_one(&session)).await);
        assert!(format!("{:?}", session.state()).starts_with(before), "{before}: {:?}", session.state());
        // What it reads in the background later on could bring it the key of the vault to come.
        session.revocations.idle(Duration::from_secs(600)).await;

        // Another process finds the key lost, and begins a new vault.
        if device.folder().join("vault.moorline").exists() {
            device.lose_the_key();
        }
        device.sign_in(&device.process()).await.unwrap();
        keys.lock(true);
        assert_eq!(session.store.stored_state().await.err(), Some(LOCKED), "{before}");
        assert_eq!(session.state(), SessionState::Locked, "{before}");
        assert!(session.latest().is_none() && session.info().is_none(), "{before}");
        assert_eq!(session.access_token(any()).await.err(), Some(LOCKED), "{before}");
        keys.lock(false);
        session.access_token(a_new_one(&session)).await.unwrap();
        assert!(matches!(session.state(), SessionState::SignedIn(_)), "{before}");
    }
}

#[tokio::test]
async fn a_sign_in_of_another_process_after_a_revocation_is_seen_without_the_key_store() {
    let (device, keys) = device().await;
    let session = process(&device, &keys);
    device.sign_in(&session).await.unwrap();
    device.provider.state().sessions[0].revoked = true;
    let revoked = Error::NeedsReauth(ReauthReason::Revoked);
    assert_eq!(session.access_token(a_new_one(&session)).await.err(), Some(revoked));
    device.sign_in(&device.process()).await.unwrap();
    keys.lock(true);
    // The key is in memory, and the vault is the same.
    session.store.stored_state().await.unwrap();
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn a_key_store_that_takes_no_new_key_while_it_is_locked_does_not_lock_a_session() {
    let device = Device::new().await;
    let session = open(device.configuration(), Platform { key_store: Arc::new(Full), ..device.platform() });
    assert_eq!(device.sign_in(&session).await.err(), Some(LOCKED));
    assert_eq!(session.state(), SessionState::SignedOut(SignedOutReason::NeverSignedIn));
}

/// Has no keys, and takes none.
#[derive(Debug)]
struct Full;

impl KeyStore for Full {
    fn load(&self, _: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        Ok(None)
    }

    fn store(&self, _: &str, _: &SecretKey) -> Result<(), KeyStoreError> {
        Err(KeyStoreError::Locked)
    }

    fn delete(&self, _: &str) -> Result<(), KeyStoreError> {
        Ok(())
    }
}
