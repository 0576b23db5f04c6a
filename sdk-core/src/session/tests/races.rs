//! Two processes, one vault.

use std::sync::Arc;

use crate::{
    Error, ReauthReason, SessionState,
    account::TokenRequest,
    session::Session,
    testing::{Device, Fault, a_new_one, any, refreshing, refreshing_held},
};

/// Two processes send the same token, and both wait for the provider.
async fn two_at_once(device: &Device, one: &Arc<Session>, other: &Arc<Session>) {
    let (gate, first) = refreshing_held(device, one, Fault::HoldBefore).await;
    let (other_gate, second) = refreshing_held(device, other, Fault::HoldBefore).await;
    other_gate.open();
    gate.open();
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert_eq!(first.secret(), second.secret());
    assert_eq!(device.provider.live_generation(), Some(1));
    one.access_token(a_new_one(one)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn two_processes_at_once_make_one_successor() {
    let device = Device::new().await;
    let one = device.signed_in().await;
    two_at_once(&device, &one, &device.process()).await;
}

#[tokio::test]
async fn without_attempts_a_second_process_waits_for_the_lease_and_uses_the_successor() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let faster = device.signed_in().await;
    let slower = device.process();
    let (gate, first) = refreshing_held(&device, &faster, Fault::HoldAnswer).await;
    let second = refreshing(&slower);
    // Longer than the pauses between sends: a network that drops packets takes its time.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    gate.open();
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert_eq!(first.secret(), second.secret());
    assert_eq!((device.provider.refreshes().len(), device.provider.live_generation()), (1, Some(1)));
}

#[tokio::test]
async fn without_attempts_eight_processes_make_one_refresh() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let first = device.signed_in().await;
    let rejected = first.latest();
    let processes: Vec<_> = (0..8).map(|_| device.process()).collect();
    let refreshes: Vec<_> = processes
        .iter()
        .map(|process| {
            let (process, rejected) = (process.clone(), rejected.clone());
            let request = TokenRequest { rejected, ..TokenRequest::default() };
            tokio::spawn(async move { process.access_token(request).await })
        })
        .collect();
    for refresh in refreshes {
        refresh.await.unwrap().unwrap();
    }
    assert_eq!((device.provider.refreshes().len(), device.provider.live_generation()), (1, Some(1)));
}

#[tokio::test]
async fn a_success_for_the_very_token_revives_a_session_that_ended_by_inference() {
    let device = Device::new().await;
    // As on a file system without locks, where two processes can send the same token.
    device.disk.remove_locks();
    device.provider.state().knows_attempts = false;
    let faster = device.signed_in().await;
    let slower = device.process();
    let (gate, first) = refreshing_held(&device, &faster, Fault::HoldAnswer).await;
    device.provider.fault(Fault::Instead(400, r#"{"error":"invalid_grant"}"#));
    let refused = refreshing(&slower).await.unwrap().unwrap_err();
    assert_eq!(refused, Error::NeedsReauth(ReauthReason::Revoked));
    gate.open();
    let token = first.await.unwrap().unwrap();
    assert_eq!(slower.access_token(any()).await.unwrap().secret(), token.secret());
    assert!(matches!(slower.state(), SessionState::SignedIn(_)));
    assert_eq!((device.provider.count("/revoke"), device.provider.live_generation()), (0, Some(1)));
}

#[tokio::test]
async fn without_locks_the_journals_exclusive_creation_decides() {
    for _ in 0..10 {
        let device = Device::new().await;
        let one = device.signed_in().await;
        let other = device.process();
        device.disk.remove_locks();
        two_at_once(&device, &one, &other).await;
    }
}

#[tokio::test]
async fn a_process_uses_what_another_one_has_refreshed() {
    let device = Device::new().await;
    let one = device.signed_in().await;
    let other = device.process();
    let newer = one.access_token(a_new_one(&one)).await.unwrap();
    assert_eq!(other.access_token(a_new_one(&other)).await.unwrap().secret(), newer.secret());
    assert_eq!(device.provider.live_generation(), Some(1));
}

#[tokio::test]
async fn a_late_answer_never_overwrites_a_newer_vault() {
    let device = Device::new().await;
    let late = device.signed_in().await;
    let (gate, answer) = refreshing_held(&device, &late, Fault::HoldAnswer).await;
    let other = device.process();
    for _ in 0..3 {
        other.access_token(a_new_one(&other)).await.unwrap();
    }
    gate.open();
    assert_eq!(answer.await.unwrap().unwrap().secret(), other.latest().unwrap().secret());
    assert_eq!(device.provider.live_generation(), Some(3));
    late.access_token(a_new_one(&late)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(4));
}

#[tokio::test]
async fn nobody_holds_the_lock_while_the_provider_is_waited_for() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    for held in [Fault::HoldBefore, Fault::HoldAnswer] {
        let (gate, answer) = refreshing_held(&device, &session, held).await;
        std::fs::File::open(device.folder().join("vault.lock")).unwrap().try_lock().unwrap();
        gate.open();
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_invalid_grant_that_comes_after_a_new_sign_in_does_not_end_it() {
    let device = Device::new().await;
    let late = device.signed_in().await;
    device.provider.state().sessions[0].revoked = true;
    let (gate, answer) = refreshing_held(&device, &late, Fault::HoldAnswer).await;
    let other = device.process();
    device.sign_in(&other).await.unwrap();
    gate.open();
    assert_eq!(answer.await.unwrap().unwrap().secret(), other.latest().unwrap().secret());
    assert!(matches!(late.state(), SessionState::SignedIn(_)));
    late.access_token(a_new_one(&late)).await.unwrap();
}

#[tokio::test]
async fn eight_processes_that_refresh_as_they_like_keep_one_session() {
    let device = Device::new().await;
    device.signed_in().await;
    let processes: Vec<_> = (0..8).map(|_| device.process()).collect();
    let mut refreshes = Vec::new();
    for round in 0..5 {
        for (at, process) in processes.iter().enumerate() {
            if (round * at) % 5 == 1 {
                device.provider.fault(Fault::LoseAnswer);
            }
            refreshes.push(refreshing(process));
        }
    }
    for refresh in refreshes {
        // One of them may lose as many answers in a row as it has sends.
        assert!(matches!(refresh.await.unwrap(), Ok(_) | Err(Error::Offline { .. })));
    }
    let last = device.process();
    last.access_token(a_new_one(&last)).await.unwrap();
    assert!(device.provider.live_generation().is_some());
    assert_eq!(last.access_token(any()).await.unwrap().secret(), last.latest().unwrap().secret());
}
