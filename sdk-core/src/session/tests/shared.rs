//! One session for each account in a process, and its end with the process.

use std::{sync::Arc, time::Duration};

use crate::{
    Error, Moorline, SessionState, SignInOptions,
    testing::{Device, Fault, a_new_one, refreshing_held},
};

#[tokio::test]
async fn two_objects_of_one_account_share_one_refresh() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    drop(device.signed_in().await);
    let one = Moorline::new(device.configuration(), device.platform()).unwrap();
    let other = Moorline::new(device.configuration(), device.platform()).unwrap();
    let refreshes = [one.clone(), other.clone(), one.clone(), other.clone()].map(|app| {
        tokio::spawn(async move { app.refresh(None).await.map(|token| token.secret().to_owned()) })
    });
    let mut tokens = Vec::new();
    for refresh in refreshes {
        tokens.push(refresh.await.unwrap().unwrap());
    }
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{} tokens", tokens.len());
    assert_eq!(device.provider.refreshes().len(), 1);
    one.sign_out(crate::SignOutOptions::default()).await.unwrap();
    assert!(matches!(other.state(), SessionState::SignedOut(_)));
}

#[tokio::test]
async fn one_account_has_one_configuration_in_a_process() {
    let device = Device::new().await;
    let first = Moorline::new(device.configuration(), device.platform()).unwrap();
    let bearer = || device.builder().allow_bearer().build().unwrap();
    let refused = Moorline::new(bearer(), device.platform()).unwrap_err();
    assert!(
        matches!(&refused, Error::Misconfigured(what) if what.contains("another configuration")),
        "{refused}"
    );
    // Another account, or the same one when nobody uses it any more, may have another.
    let second = device.builder().allow_bearer().account("second").build().unwrap();
    Moorline::new(second, device.platform()).unwrap();
    drop(first);
    Moorline::new(bearer(), device.platform()).unwrap();
}

#[tokio::test]
async fn a_folder_is_the_same_by_whatever_name() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    let first = Moorline::new(device.configuration(), device.platform()).unwrap();
    let mut platform = device.platform();
    platform.vault_directory = device.folder().join("..").join("vault");
    let bearer = device.builder().allow_bearer().build().unwrap();
    assert!(matches!(Moorline::new(bearer, platform), Err(Error::Misconfigured(_))));
    drop(first);
}

#[tokio::test]
async fn the_end_of_the_process_waits_until_the_answer_is_stored() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    // The caller goes away; the exchange does not.
    refreshing.abort();
    assert!(session.shutdown(Duration::from_millis(20)).await.is_err(), "the time did not suffice");
    gate.open();
    session.shutdown(Duration::from_secs(60)).await.unwrap();
    let next = device.process();
    next.access_token(a_new_one(&next)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn what_could_not_be_stored_is_stored_at_the_end_of_the_process() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    device.disk.fill(true);
    gate.open();
    refreshing.await.unwrap().unwrap_err();
    device.disk.fill(false);
    session.shutdown(Duration::from_secs(60)).await.unwrap();
    assert_eq!(device.process().latest().unwrap().secret(), session.latest().unwrap().secret());
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn tokens_of_a_sign_in_that_cannot_be_finished_are_revoked_at_the_end() {
    let device = Device::new().await;
    let session = device.process();
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    let callback = device.provider.authorize(&request.url);
    device.provider.state().overrides.insert("/jwks", (404, String::new()));
    let error = session.sign_in.finish(&callback).await.unwrap_err();
    assert_eq!(error, Error::offline(), "the keys cannot be had at present");
    assert_eq!(device.provider.live_generation(), Some(0));
    session.shutdown(Duration::from_secs(60)).await.unwrap();
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(Arc::strong_count(&session), 1);
}
