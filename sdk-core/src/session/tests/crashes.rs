//! A process dies at some step of a refresh, and another one goes on.

use std::{sync::Arc, time::Duration};

use crate::{
    provider::{RefreshRequest, TokenResponse},
    session::Session,
    testing::{Device, a_new_one, any, put},
};

async fn begin(session: &Session) -> RefreshRequest {
    session.begin(true).await.unwrap().unwrap()
}

/// Does the first `steps` steps of a refresh, and dies.
async fn die_after(session: Arc<Session>, steps: usize) {
    let metadata = session.provider.metadata().await.unwrap();
    if steps == 0 {
        return;
    }
    let sending = begin(&session).await;
    if steps == 1 {
        return;
    }
    assert!(session.is_current(&sending).await);
    if steps == 2 {
        return;
    }
    let TokenResponse::Issued(_) = session.provider.refresh(&metadata, &sending).await.unwrap() else {
        panic!("tokens")
    };
    // The answer was there, and is gone with the process.
}

#[tokio::test]
async fn a_process_that_dies_at_any_step_leaves_a_session_that_goes_on() {
    for steps in 0..=3 {
        let device = Device::new().await;
        die_after(device.signed_in().await, steps).await;
        let next = device.process();
        next.access_token(a_new_one(&next)).await.unwrap();
        assert_eq!(device.provider.live_generation(), Some(1), "after {steps} steps");
        next.access_token(a_new_one(&next)).await.unwrap();
        assert_eq!(device.provider.live_generation(), Some(2), "after {steps} steps");
    }
}

#[tokio::test]
async fn processes_that_die_one_after_the_other_send_one_attempt() {
    let device = Device::new().await;
    device.signed_in().await;
    for _ in 0..20 {
        die_after(device.process(), 3).await;
    }
    let next = device.process();
    next.access_token(a_new_one(&next)).await.unwrap();
    let refreshes = device.provider.refreshes();
    assert!(refreshes.iter().all(|seen| seen.form == refreshes[0].form));
    assert_eq!((refreshes.len(), device.provider.live_generation()), (21, Some(1)));
}

#[tokio::test]
async fn an_answer_that_was_lost_with_its_process_is_had_a_second_and_thirty_days_later() {
    for (later, generation) in [(Duration::from_secs(1), 1), (Duration::from_secs(30 * 86_400), 2)] {
        let device = Device::new().await;
        die_after(device.signed_in().await, 3).await;
        device.clock.pass(later);
        if later > Duration::from_secs(900) {
            // The server answers with what it issued then, whose access token has expired since; so the SDK goes on at
            // once.
            device.provider.expire_the_last_answer();
        }
        let next = device.process();
        let token = next.access_token(a_new_one(&next)).await.unwrap();
        assert!(token.expires_in().unwrap() > Duration::ZERO);
        assert_eq!(device.provider.live_generation(), Some(generation));
        let refreshes = device.provider.refreshes();
        assert_eq!(refreshes[0].form, refreshes[1].form, "the same token with the same attempt");
    }
}

#[tokio::test]
async fn a_record_that_was_cut_by_a_crash_is_replaced_since_nothing_was_sent() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    begin(&session).await;
    let record = device.files("pending-").remove(0);
    let bytes = std::fs::read(&record).unwrap();
    for length in [0, 1, 34, 66, bytes.len() - 1] {
        put(&record, &bytes[..length]);
        begin(&device.process()).await;
    }
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(1));
}

#[tokio::test]
async fn a_process_that_was_frozen_before_sending_follows_the_others() {
    for others in [1, 5, 17] {
        let device = Device::new().await;
        let frozen = device.signed_in().await;
        let sending = begin(&frozen).await;
        let other = device.process();
        for _ in 0..others {
            other.access_token(a_new_one(&other)).await.unwrap();
        }
        // It looks again before it sends, and sees that it is late.
        assert!(!frozen.is_current(&sending).await);
        let latest = other.latest().unwrap();
        assert_eq!(frozen.access_token(any()).await.unwrap().secret(), latest.secret());
        assert_eq!(device.provider.live_generation(), Some(others));
    }
}

#[tokio::test]
async fn a_process_that_was_frozen_in_the_act_of_sending_follows_the_others() {
    for others in [1, 5, 16] {
        let device = Device::new().await;
        let frozen = device.signed_in().await;
        let metadata = frozen.provider.metadata().await.unwrap();
        let sending = begin(&frozen).await;
        let other = device.process();
        for _ in 0..others {
            other.access_token(a_new_one(&other)).await.unwrap();
        }
        match frozen.provider.refresh(&metadata, &sending).await.unwrap() {
            TokenResponse::Refused(refusal) => {
                assert!(refusal.is_invalid_grant());
                frozen.refresher.settle_refused(&sending, &refusal, true).await.unwrap();
            }
            TokenResponse::Issued(_) => {
                assert_eq!(others, 1);
                assert!(!frozen.is_current(&sending).await);
            }
            TokenResponse::Unclear { .. } => panic!("an answer"),
        }
        let token = frozen.access_token(any()).await.unwrap();
        assert_eq!(token.secret(), other.latest().unwrap().secret());
        assert_eq!(device.provider.live_generation(), Some(others), "after {others}");
    }
}
