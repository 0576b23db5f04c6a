//! A full disk, a locked key store, a lost key, a damaged or newer file.

use std::sync::Arc;

use crate::session::Session;
use crate::{
    Error, MemoryKeyStore, Platform, ReauthReason, SessionState, StorageLostReason, StorageUnavailableReason,
    testing::{Device, Fault, Lockable, a_new_one, any, open, put, refreshing_held},
};

#[tokio::test]
async fn with_a_full_disk_nothing_is_sent() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.disk.fill(true);
    assert_eq!(
        session.access_token(a_new_one(&session)).await.unwrap_err(),
        Error::StorageUnavailable(StorageUnavailableReason::NoSpace)
    );
    assert_eq!(device.provider.refreshes().len(), 0);
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    device.disk.fill(false);
    session.access_token(a_new_one(&session)).await.unwrap();
}

/// The disk is full when the answer comes.
async fn full_when_the_answer_comes(device: &Device, session: &Arc<Session>) {
    let (gate, refreshing) = refreshing_held(device, session, Fault::HoldAnswer).await;
    device.disk.fill(true);
    gate.open();
    assert_eq!(
        refreshing.await.unwrap().unwrap_err(),
        Error::StorageUnavailable(StorageUnavailableReason::NoSpace)
    );
}

#[tokio::test]
async fn a_successor_that_cannot_be_stored_is_not_handed_out_and_not_lost() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    full_when_the_answer_comes(&device, &session).await;
    assert_eq!(
        session.access_token(a_new_one(&session)).await.unwrap_err(),
        Error::StorageUnavailable(StorageUnavailableReason::NoSpace)
    );
    device.disk.fill(false);
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(1));
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn a_successor_that_could_not_be_stored_is_had_again_by_another_process() {
    let device = Device::new().await;
    full_when_the_answer_comes(&device, &device.signed_in().await).await;
    device.disk.fill(false);
    let next = device.process();
    next.access_token(a_new_one(&next)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(1));
}

#[tokio::test]
async fn a_provider_without_attempts_loses_no_session_to_a_full_disk_either() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    device.disk.fill(true);
    gate.open();
    // The space for the successor was secured before the token was sent.
    let token = refreshing.await.unwrap().unwrap();
    let other = device.process();
    assert_eq!(other.access_token(any()).await.unwrap().secret(), token.secret());
    let full = Error::StorageUnavailable(StorageUnavailableReason::NoSpace);
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), full);
    assert_eq!(device.provider.live_generation(), Some(1), "nothing was sent that could not be stored");
    device.disk.fill(false);
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

/// A refresh during which the disk fails once, after `before` changes. Returns whether it failed.
async fn refresh_with_a_failing_disk(knows_attempts: bool, before: usize, kind: std::io::ErrorKind) -> bool {
    let device = Device::new().await;
    device.provider.state().knows_attempts = knows_attempts;
    let session = device.signed_in().await;
    device.disk.fail_after(before, kind);
    let refreshed = session.access_token(a_new_one(&session)).await;
    let failed = device.disk.has_failed();
    if let Err(error) = &refreshed {
        assert!(matches!(error, Error::StorageUnavailable(_)), "{kind} after {before}: {error:?}");
    }
    assert!(device.provider.refreshes().len() <= 1);
    // Whatever was sent is stored by the next call, and the session goes on in every process.
    session.access_token(a_new_one(&session)).await.unwrap();
    let other = device.process();
    other.access_token(a_new_one(&other)).await.unwrap();
    assert!(device.provider.live_generation().is_some(), "{kind} after {before}");
    failed
}

#[tokio::test]
async fn a_disk_that_fails_at_any_step_of_a_refresh_loses_no_session() {
    use std::io::ErrorKind;
    for kind in [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::FileTooLarge,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::PermissionDenied,
    ] {
        for knows_attempts in [false, true] {
            let mut before = 0;
            while refresh_with_a_failing_disk(knows_attempts, before, kind).await {
                before += 1;
            }
            assert!(before >= 4, "the disk is changed at least so often");
        }
    }
}

#[tokio::test]
async fn an_answer_that_could_not_be_stored_is_stored_at_the_shutdown() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    device.disk.fill_also_in_place(true);
    gate.open();
    let full = Error::StorageUnavailable(StorageUnavailableReason::NoSpace);
    assert_eq!(refreshing.await.unwrap().unwrap_err(), full);
    let limit = std::time::Duration::from_secs(60);
    assert_eq!(session.shutdown(limit).await.unwrap_err(), full, "the answer is in memory only");
    device.disk.fill_also_in_place(false);
    session.shutdown(std::time::Duration::from_secs(60)).await.unwrap();
    let next = device.process();
    assert_eq!(device.provider.refreshes().len(), 1);
    next.access_token(a_new_one(&next)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn a_pending_record_of_a_newer_sdk_is_left_alone_and_nothing_is_sent() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    session.begin(true).await.unwrap();
    let record = device.files("pending-").remove(0);
    let old = std::fs::read(&record).unwrap();
    put(&record, &crate::testing::newer_version_of(&old));
    let error = session.access_token(a_new_one(&session)).await.unwrap_err();
    assert_eq!(error, Error::StorageLost(StorageLostReason::NewerVersion));
    assert_eq!(device.provider.refreshes().len(), 0);
    // Once the newer SDK is back, it goes on.
    put(&record, &old);
    let next = device.process();
    next.access_token(a_new_one(&next)).await.unwrap();
}

#[tokio::test]
async fn a_locked_device_is_no_signed_out_one() {
    let device = Device::new().await;
    let signed_in = device.signed_in().await.state();
    let key_store = Lockable::over(device.key_store.clone());
    key_store.lock(true);
    let platform = Platform { key_store: key_store.clone(), ..device.platform() };
    let session = open(device.configuration(), platform);
    assert_eq!(session.state(), SessionState::Locked);
    assert_eq!(
        session.access_token(any()).await.unwrap_err(),
        Error::StorageUnavailable(StorageUnavailableReason::Locked)
    );
    assert_eq!(session.state(), SessionState::Locked);
    key_store.lock(false);
    session.access_token(any()).await.unwrap();
    assert_eq!(session.state(), signed_in);
}

#[tokio::test]
async fn a_lost_key_says_so_sends_nothing_and_a_new_sign_in_starts_anew() {
    let device = Device::new().await;
    device.signed_in().await;
    let platform = Platform { key_store: Arc::new(MemoryKeyStore::new()), ..device.platform() };
    let session = open(device.configuration(), platform);
    let lost = StorageLostReason::KeyGone;
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::StorageLost(lost)));
    assert_eq!(session.access_token(any()).await.unwrap_err(), Error::StorageLost(lost));
    assert_eq!(device.provider.refreshes().len(), 0);
    assert_eq!(device.files("vault.moorline").len(), 1);
    device.sign_in(&session).await.unwrap();
    session.access_token(a_new_one(&session)).await.unwrap();
    // What couldn't be read was moved aside.
    assert_eq!(device.files("vault.moorline").len(), 2);
}

#[tokio::test]
async fn a_damaged_vault_says_so_until_somebody_signs_in_again() {
    let device = Device::new().await;
    device.signed_in().await;
    let file = device.folder().join("vault.moorline");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    put(&file, &bytes);
    let lost = StorageLostReason::Damaged;
    for _ in 0..2 {
        let session = device.process();
        assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::StorageLost(lost)));
        assert_eq!(session.access_token(any()).await.unwrap_err(), Error::StorageLost(lost));
    }
    let session = device.process();
    device.sign_in(&session).await.unwrap();
    assert!(matches!(device.process().state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn a_vault_of_a_newer_sdk_is_never_overwritten() {
    let device = Device::new().await;
    device.signed_in().await;
    let file = device.folder().join("vault.moorline");
    let newer = crate::testing::newer_version_of(&std::fs::read(&file).unwrap());
    put(&file, &newer);
    let session = device.process();
    let lost = Error::StorageLost(StorageLostReason::NewerVersion);
    assert_eq!(session.access_token(any()).await.unwrap_err(), lost);
    assert_eq!(device.sign_in(&session).await.unwrap_err(), lost);
    assert_eq!(session.sign_out_here().await.unwrap_err(), lost);
    assert_eq!(std::fs::read(&file).unwrap(), newer);
}

#[tokio::test]
async fn accounts_of_one_vault_do_not_know_each_other() {
    let device = Device::new().await;
    let first = device.signed_in().await;
    let configuration = crate::Configuration::builder(&device.provider.issuer, "notes")
        .redirect_uri("com.example.notes:/signed-in")
        .allow_http_on_loopback()
        .account("second")
        .build()
        .unwrap();
    let second = open(configuration, device.platform());
    assert!(matches!(second.state(), SessionState::SignedOut(_)));
    device.sign_in(&second).await.unwrap();
    first.sign_out_here().await.unwrap();
    second.access_token(a_new_one(&second)).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_can_be_cancelled_also_when_the_vault_is_lost_meanwhile() {
    let device = Device::new().await;
    let session = device.process();
    session.sign_in.start(crate::SignInOptions::default()).await.unwrap();
    put(&device.files("vault.moorline")[0], b"damaged");
    let error = session.sign_in.cancel().await.unwrap_err();
    assert_eq!(error, Error::StorageLost(StorageLostReason::Damaged));
    let lost = ReauthReason::StorageLost(StorageLostReason::Damaged);
    assert_eq!(session.state(), SessionState::NeedsReauth(lost));
}
