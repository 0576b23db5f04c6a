//! Clocks that are wrong, and tokens that have expired.

use std::time::Duration;

use serde_json::json;

use crate::testing::{Device, Fault, a_new_one, any, refreshing_held};
use crate::{Error, SignInOptions, account::TokenRequest};

const LIFETIME: Duration = Duration::from_secs(900);

#[tokio::test]
async fn a_clock_that_is_set_by_ten_years_changes_nothing() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    for years in [10, -20, 10] {
        device.clock.set_ahead_by_years(years);
        session.access_token(any()).await.unwrap();
        device.process().access_token(any()).await.unwrap();
        assert_eq!(device.provider.refreshes().len(), 0);
    }
    device.clock.set_ahead_by_years(-10);
    device.clock.pass(Duration::from_secs(901));
    session.access_token(any()).await.unwrap();
    session.access_token(any()).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 1);
}

/// Hours and years, ahead and back, between any two steps.
const JUMPS: [i64; 8] =
    [3_600, -7_200, 315_569_520, -631_139_040, 315_569_520, 86_400, -315_569_520, 315_486_720];

#[tokio::test]
async fn a_clock_that_jumps_at_each_step_of_a_sign_in_and_its_refreshes_loops_nothing_and_ends_nothing() {
    let device = Device::new().await;
    let mut jumps = JUMPS.iter().cycle();
    let mut jump = || device.clock.set_ahead(*jumps.next().unwrap());
    jump();
    let session = device.process();
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    jump();
    session.sign_in.finish(&device.provider.authorize(&request.url)).await.unwrap();
    for generation in 1..=10 {
        jump();
        let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
        jump();
        gate.open();
        refreshing.await.unwrap().unwrap();
        jump();
        assert_eq!(session.access_token(any()).await.unwrap().expires_in(), Some(LIFETIME));
        device.process().access_token(any()).await.unwrap();
        assert_eq!(device.provider.refreshes().len(), generation);
        assert_eq!(device.provider.live_generation(), Some(generation));
    }
}

#[tokio::test]
async fn a_clock_that_jumps_between_sends_keeps_the_attempt_and_its_proofs_are_taken() {
    for jump in JUMPS {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldBefore).await;
        device.provider.fault(Fault::LoseAnswer);
        device.clock.set_ahead(jump);
        gate.open();
        refreshing.await.unwrap().unwrap();
        session.access_token(a_new_one(&session)).await.unwrap();
        assert!(device.provider.refreshes().iter().all(|seen| seen.proof_id.is_some()), "{jump}");
    }
}

#[tokio::test]
async fn a_first_proof_by_a_wrong_clock_is_made_anew_by_the_servers_time_and_nothing_is_lost() {
    for nonces in [vec!["nonce-1".to_owned()], vec![]] {
        for jump in JUMPS {
            let device = Device::new().await;
            device.provider.state().proofs.nonces = nonces.clone();
            device.signed_in().await;
            device.clock.set_ahead(jump);
            // A new process knows nothing of the server yet.
            let session = device.process();
            session.access_token(a_new_one(&session)).await.unwrap();
            assert_eq!(device.provider.live_generation(), Some(1));
            let sent = device.provider.refreshes();
            assert!(sent.len() <= 2 && sent.iter().all(|seen| seen.form == sent[0].form), "{jump}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_tell_the_time_gets_the_devices() {
    let device = Device::new().await;
    device.provider.state().tells_time = false;
    let session = device.signed_in().await;
    session.access_token(a_new_one(&session)).await.unwrap();
    // Its proofs are refused then, and the session waits for a better clock.
    device.clock.set_ahead_by_years(10);
    let error = session.access_token(a_new_one(&session)).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "invalid_dpop_proof"), "{error:?}");
    assert!(device.provider.refreshes().len() <= 4);
    device.clock.set_ahead_by_years(-10);
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn a_token_is_refreshed_when_too_little_is_left_of_it() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.clock.pass(Duration::from_secs(850));
    let enough = TokenRequest { min_validity: Duration::from_secs(50), ..TokenRequest::default() };
    assert_eq!(session.access_token(enough).await.unwrap().expires_in(), Some(Duration::from_secs(50)));
    let more = TokenRequest { min_validity: Duration::from_secs(51), ..TokenRequest::default() };
    assert_eq!(session.access_token(more).await.unwrap().expires_in(), Some(Duration::from_secs(900)));
}

#[tokio::test]
async fn a_provider_whose_tokens_are_shorter_than_asked_for_is_not_asked_in_a_loop() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let need = TokenRequest { min_validity: Duration::from_secs(86_400), ..TokenRequest::default() };
    for _ in 0..3 {
        session.access_token(need.clone()).await.unwrap();
    }
    assert_eq!(device.provider.refreshes().len(), 0);
    device.clock.pass(Duration::from_secs(451));
    for _ in 0..3 {
        session.access_token(need.clone()).await.unwrap();
    }
    assert_eq!(device.provider.refreshes().len(), 1, "at half of its lifetime");
}

#[tokio::test]
async fn an_access_token_that_is_born_expired_is_followed_by_the_next_at_once() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::LoseAnswer);
    device.provider.fault(Fault::Instead(503, ""));
    device.provider.fault(Fault::Instead(503, ""));
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), Error::offline());
    device.provider.expire_the_last_answer();
    let token = session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(token.expires_in(), Some(Duration::from_secs(900)));
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn a_provider_that_only_issues_expired_tokens_ends_in_an_error_and_not_in_a_loop() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().expires_in = json!(0);
    let error = session.access_token(a_new_one(&session)).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "expired_access_token"), "{error:?}");
    assert!(device.provider.refreshes().len() < 10);
    device.provider.state().expires_in = json!("900");
    session.access_token(any()).await.unwrap();
}

#[tokio::test]
async fn a_token_without_a_lifetime_serves_until_it_is_refused() {
    let device = Device::new().await;
    device.provider.state().expires_in = json!(null);
    let session = device.signed_in().await;
    device.clock.pass(Duration::from_secs(86_400));
    assert_eq!(session.access_token(any()).await.unwrap().expires_in(), None);
    assert_eq!(device.provider.refreshes().len(), 0);
}

#[tokio::test]
async fn a_device_that_was_started_anew_refreshes_once() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    device.clock.restart();
    let session = device.process();
    session.access_token(any()).await.unwrap();
    session.access_token(any()).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 1);
}
