//! A vault that is lost and replaced by a new one, and key stores that are slow, absent or broken.

use std::sync::{Arc, Mutex, mpsc};

use crate::{
    Error, KeyStore, KeyStoreError, MemoryKeyStore, Platform, ReauthReason, Retry, RevocationOutcome,
    SecretKey, SessionState, StorageLostReason, StorageUnavailableReason,
    account::Patience,
    session::Session,
    testing::{Device, a_new_one, any, open},
};

#[tokio::test]
async fn after_another_process_has_started_anew_nobody_sees_the_old_user() {
    let device = Device::new().await;
    let long_lived = device.signed_in().await;
    for _ in 0..5 {
        long_lived.access_token(a_new_one(&long_lived)).await.unwrap();
    }
    let old = long_lived.latest().unwrap();
    device.lose_the_key();
    device.provider.state().claims = serde_json::json!({ "sub": "eve" });
    let other = device.process();
    assert!(matches!(other.state(), SessionState::NeedsReauth(ReauthReason::StorageLost(_))));
    device.sign_in(&other).await.unwrap();
    let token = long_lived.access_token(a_new_one(&long_lived)).await.unwrap();
    assert_ne!(token.secret(), old.secret());
    let SessionState::SignedIn(user) = long_lived.state() else { panic!("{:?}", long_lived.state()) };
    assert_eq!(user.subject, "eve");
    assert_eq!(long_lived.info().unwrap().user.subject, "eve");
    assert_eq!(long_lived.latest().unwrap().secret(), token.secret());
}

#[tokio::test]
async fn a_token_in_memory_is_not_handed_out_once_the_vault_is_another_one() {
    type Loss = fn(&Device);
    let losses: [(&str, Loss); 4] = [
        ("its key is gone", Device::lose_the_key),
        ("its folder is gone", |device| std::fs::remove_dir_all(device.folder()).unwrap()),
        ("it is gone", |device| std::fs::remove_file(device.folder().join("vault.moorline")).unwrap()),
        ("it is damaged", |device| std::fs::write(device.folder().join("vault.moorline"), [7; 500]).unwrap()),
    ];
    for (loss, lose) in losses {
        let device = Device::new().await;
        let long_lived = device.signed_in().await;
        let old = long_lived.access_token(any()).await.unwrap();
        lose(&device);
        device.provider.state().claims = serde_json::json!({ "sub": "eve" });
        device.sign_in(&device.process()).await.unwrap();
        long_lived.follow_vault();
        let SessionState::SignedIn(user) = long_lived.state() else {
            panic!("{loss}: {:?}", long_lived.state())
        };
        assert_eq!(user.subject, "eve", "{loss}");
        let token = long_lived.access_token(any()).await.unwrap();
        assert_ne!(token.secret(), old.secret(), "{loss}");
        assert_eq!(token.secret(), device.process().access_token(any()).await.unwrap().secret(), "{loss}");
    }
}

#[tokio::test]
async fn after_another_process_has_signed_out_of_a_lost_vault_the_old_user_is_gone() {
    let device = Device::new().await;
    let long_lived = device.signed_in().await;
    device.lose_the_key();
    assert_eq!(device.process().sign_out_here().await, Ok(RevocationOutcome::NothingToRevoke.into()));
    let error = long_lived.access_token(a_new_one(&long_lived)).await.unwrap_err();
    assert!(matches!(error, Error::SignedOut(_)), "{error:?}");
    assert!(long_lived.latest().is_none() && long_lived.info().is_none());
}

#[tokio::test]
async fn a_broken_entry_of_the_key_store_is_lost_and_sign_in_and_sign_out_work_after_it() {
    let device = Device::new().await;
    device.signed_in().await;
    let platform = Platform { key_store: Arc::new(Restored::default()), ..device.platform() };
    let session = open(device.configuration(), platform);
    let lost = StorageLostReason::KeyGone;
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::StorageLost(lost)));
    let error = session.access_token(any()).await.unwrap_err();
    assert_eq!((&error, error.retry()), (&Error::StorageLost(lost), Retry::Never));
    device.sign_in(&session).await.unwrap();
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
}

/// Android's after a restored backup: the entries came back, and the key that protects them did not.
#[derive(Debug, Default)]
struct Restored(MemoryKeyStore);

impl KeyStore for Restored {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        let key = self.0.load(key_id)?;
        key.map(Some).ok_or_else(|| KeyStoreError::Damaged("it cannot be decrypted".into()))
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.0.store(key_id, key)
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.0.delete(key_id)
    }
}

#[tokio::test]
async fn a_machine_without_a_key_store_is_no_reason_to_retry() {
    let device = Device::new().await;
    let session = open(device.configuration(), Platform { key_store: Arc::new(Absent), ..device.platform() });
    let error = device.sign_in(&session).await.unwrap_err();
    assert_eq!(error, Error::StorageUnavailable(StorageUnavailableReason::NoKeyStore));
    assert_eq!(error.retry(), Retry::Never);
}

#[derive(Debug)]
struct Absent;

impl KeyStore for Absent {
    fn load(&self, _: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        Err(KeyStoreError::Unavailable("nobody answers".into()))
    }

    fn store(&self, _: &str, _: &SecretKey) -> Result<(), KeyStoreError> {
        Err(KeyStoreError::Unavailable("nobody answers".into()))
    }

    fn delete(&self, _: &str) -> Result<(), KeyStoreError> {
        Err(KeyStoreError::Unavailable("nobody answers".into()))
    }
}

#[tokio::test]
async fn a_key_store_that_needs_the_very_thread_that_opens_the_session_does_not_hang_it() {
    let device = Device::new().await;
    let signed_in = device.signed_in().await.state();
    let (main_thread, gate) = mpsc::channel();
    let key_store = Gated { keys: device.key_store.clone(), gate: Mutex::new(gate) };
    let platform = Platform { key_store: Arc::new(key_store), ..device.platform() };
    // It returns although the key store waits for what this thread does next.
    let session =
        Session::open(device.configuration(), platform, Patience::DEFAULT, device.disk.clone()).unwrap();
    let mut states = session.states();
    assert_eq!(states.next().await, Some(SessionState::Locked));
    main_thread.send(()).unwrap();
    session.store.loaded().await;
    assert_eq!(states.next().await, Some(signed_in));
    session.access_token(a_new_one(&session)).await.unwrap();
}

/// Answers when the test lets it, once.
#[derive(Debug)]
struct Gated {
    keys: Arc<MemoryKeyStore>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl KeyStore for Gated {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        self.gate.lock().unwrap().recv().unwrap();
        self.keys.load(key_id)
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.keys.store(key_id, key)
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.keys.delete(key_id)
    }
}
