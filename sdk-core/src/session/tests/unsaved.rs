//! An answer that cannot be put into the vault when it comes, with a provider that knows no attempts.

use std::{fs::File, sync::Arc};

use crate::{
    Error, SessionState, StorageUnavailableReason,
    session::Session,
    testing::{Device, Fault, a_new_one, refreshing, refreshing_held},
};

const BUSY: Error = Error::StorageUnavailable(StorageUnavailableReason::Busy);

/// Signed in with a provider that knows no attempts.
async fn without_attempts() -> (Device, Arc<Session>) {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    (device, session)
}

/// A frozen process holds the vault's lock for as long as the file lives.
fn frozen(device: &Device) -> File {
    let file = File::options().write(true).open(device.folder().join("vault.lock")).unwrap();
    file.try_lock().unwrap();
    file
}

/// The answer to a refresh comes while a frozen process holds the vault's lock; then the process ends.
async fn answered_behind_a_frozen_process(device: &Device, session: Arc<Session>) -> File {
    let (gate, refreshing) = refreshing_held(device, &session, Fault::HoldAnswer).await;
    let frozen = frozen(device);
    gate.open();
    assert_eq!(refreshing.await.unwrap().unwrap_err(), BUSY);
    session.shutdown(std::time::Duration::from_secs(60)).await.expect("the answer is safe");
    frozen
}

#[tokio::test]
async fn an_answer_that_comes_while_a_frozen_process_holds_the_vaults_lock_outlives_the_process() {
    let (device, session) = without_attempts().await;
    let frozen = answered_behind_a_frozen_process(&device, session).await;
    drop(frozen);
    let next = device.process();
    next.access_token(a_new_one(&next)).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 1, "the answer was there");
    assert!(device.files("answer-").is_empty());
    next.access_token(a_new_one(&next)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn an_answer_outlives_a_process_that_is_killed_while_it_waits_for_the_vaults_lock() {
    let (device, session) = without_attempts().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    let frozen = frozen(&device);
    gate.open();
    while device.files("answer-").is_empty() {
        assert!(!refreshing.is_finished(), "it gave up first");
        tokio::task::yield_now().await;
    }
    // What the folder holds at this moment is what a kill leaves.
    let left = tempfile::tempdir().unwrap();
    for name in ["vault.moorline", "answer-"] {
        let file = device.files(name).remove(0);
        std::fs::copy(&file, left.path().join(file.file_name().unwrap())).unwrap();
    }
    drop(frozen);
    refreshing.await.unwrap().unwrap();
    assert!(device.files("answer-").is_empty(), "the vault has it");
    for entry in std::fs::read_dir(left.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), device.folder().join(entry.file_name())).unwrap();
    }
    let next = device.process();
    next.access_token(a_new_one(&next)).await.unwrap();
    assert_eq!((device.provider.refreshes().len(), device.provider.live_generation()), (1, Some(1)));
}

#[tokio::test]
async fn a_sign_out_revokes_the_successor_that_was_only_saved_beside_the_vault() {
    let (device, session) = without_attempts().await;
    drop(answered_behind_a_frozen_process(&device, session).await);
    let outcome = device.process().sign_out_here().await.unwrap();
    assert!(outcome.revoked);
    assert_eq!(device.provider.live_generation(), None);
    assert!(device.files("answer-").is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_file_that_is_deleted_during_a_refresh_lets_nobody_send_the_token_again() {
    let (device, faster) = without_attempts().await;
    let (gate, first) = refreshing_held(&device, &faster, Fault::HoldAnswer).await;
    let lock = device.files("lease-").remove(0);
    std::fs::remove_file(&lock).unwrap();
    let second = refreshing(&device.process());
    // From when on the second process holds a lease of its own.
    while !lock.exists() {
        tokio::task::yield_now().await;
    }
    gate.open();
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert_eq!(first.secret(), second.secret());
    assert_eq!((device.provider.refreshes().len(), device.provider.live_generation()), (1, Some(1)));
    assert!(matches!(faster.state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn without_rotation_a_502_is_retried_at_each_refresh() {
    let (device, session) = without_attempts().await;
    for round in 1..4 {
        device.provider.fault(Fault::Instead(502, ""));
        device
            .provider
            .fault(Fault::Instead(200, r#"{"access_token":"at","token_type":"DPoP","expires_in":60}"#));
        session.access_token(a_new_one(&session)).await.unwrap();
        assert_eq!(device.provider.refreshes().len(), 2 * round);
    }
}

#[tokio::test]
async fn a_successor_of_40_kilobytes_is_stored_on_a_full_disk() {
    let (device, session) = without_attempts().await;
    let token = "r".repeat(40_000);
    let body =
        format!(r#"{{"access_token":"at","token_type":"DPoP","refresh_token":"{token}","expires_in":60}}"#);
    let fault = |gate| Fault::HoldInstead(gate, 200, body.leak());
    let (gate, refreshing) = refreshing_held(&device, &session, fault).await;
    device.disk.fill(true);
    gate.open();
    refreshing.await.unwrap().unwrap();
    assert_eq!(
        device.process().stored_state().await.session().unwrap().refresh_token.as_ref().unwrap().expose(),
        token
    );
}
