//! Clocks that are wrong, and tokens that have expired.

use std::time::Duration;

use serde_json::json;

use crate::testing::{Device, Fault, a_new_one, any};
use crate::{Error, session::Need};

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

#[tokio::test]
async fn a_token_is_refreshed_when_too_little_is_left_of_it() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.clock.pass(Duration::from_secs(850));
    let enough = Need { min_validity: Duration::from_secs(50), rejected: None };
    assert_eq!(session.access_token(enough).await.unwrap().expires_in(), Some(Duration::from_secs(50)));
    let more = Need { min_validity: Duration::from_secs(51), rejected: None };
    assert_eq!(session.access_token(more).await.unwrap().expires_in(), Some(Duration::from_secs(900)));
}

#[tokio::test]
async fn a_provider_whose_tokens_are_shorter_than_asked_for_is_not_asked_in_a_loop() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let need = Need { min_validity: Duration::from_secs(86_400), rejected: None };
    session.access_token(need).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn an_access_token_that_is_born_expired_is_followed_by_the_next_at_once() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::LoseAnswer);
    device.provider.fault(Fault::Instead(503, ""));
    device.provider.fault(Fault::Instead(503, ""));
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), Error::Offline);
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
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), Error::Offline);
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
