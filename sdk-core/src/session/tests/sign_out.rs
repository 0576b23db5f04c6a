//! Signing out, also while a refresh is under way.

use std::time::Duration;

use crate::{
    Error, ReauthReason, RevocationOutcome, SessionState, SignedOutReason, StorageUnavailableReason,
    testing::{Device, Fault, a_new_one, any, put, refreshing_held},
};

const SIGNED_OUT: SessionState = SessionState::SignedOut(SignedOutReason::ByUser);

#[tokio::test]
async fn a_sign_out_clears_the_session_here_and_revokes_it_there() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(session.state(), SIGNED_OUT);
    assert_eq!(session.info(), None);
    assert_eq!(session.access_token(any()).await.unwrap_err(), Error::SignedOut(SignedOutReason::ByUser));
    assert_eq!(device.process().state(), SIGNED_OUT);
}

#[tokio::test]
async fn a_sign_out_without_network_is_sent_at_the_next_chance() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().down = true;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Queued.into()));
    assert_eq!(session.state(), SIGNED_OUT);
    // The old process tries no more.
    session.revocations.idle(Duration::from_secs(60)).await;
    device.provider.state().down = false;
    let restarted = device.process();
    assert_eq!(device.provider.live_generation(), Some(0));
    device.sign_in(&restarted).await.unwrap();
    restarted.send_revocations().await;
    assert!(device.provider.state().sessions[0].revoked);
    assert!(!device.provider.state().sessions[1].revoked);
    assert_eq!(device.provider.count("/revoke"), 1);
}

#[tokio::test]
async fn only_an_error_of_the_protocols_takes_a_revocation_off_the_queue() {
    for (status, body, final_one) in [
        (400, r#"{"error":"temporarily_unavailable"}"#, false),
        (400, r#"{"error":"slow_down"}"#, false),
        (403, r#"{"error":"server_error"}"#, false),
        (403, r#"{"message":"Forbidden by the gateway"}"#, false),
        (404, r#"{"error":"Not Found","path":"/revoke"}"#, false),
        (400, r#"{"error":["invalid_request"]}"#, false),
        (429, r#"{"error":"invalid_request"}"#, false),
        (400, r#"{"error":"invalid_request"}"#, true),
        (400, r#"{"error":"unsupported_token_type"}"#, true),
        (401, r#"{"error":"invalid_client"}"#, true),
        (400, r#"{"error":"invalid_token"}"#, true),
        (401, r#"{"error":"invalid_token"}"#, true),
        (403, r#"{"error":"access_denied"}"#, true),
    ] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        device.provider.state().overrides.insert("/revoke", (status, body.to_owned()));
        let revocation = match serde_json::from_str::<serde_json::Value>(body).unwrap()["error"].as_str() {
            Some(code) if final_one => RevocationOutcome::Refused(code.to_owned()),
            _ => RevocationOutcome::Queued,
        };
        assert_eq!(session.sign_out_here().await, Ok(revocation.into()), "{body}");
        device.provider.state().overrides.clear();
        let restarted = device.process();
        restarted.send_revocations().await;
        assert_eq!(restarted.queued_revocations().await, 0);
        assert_eq!(device.provider.live_generation().is_some(), final_one, "{status} {body}");
    }
}

#[tokio::test]
async fn an_error_with_status_200_revokes_nothing() {
    for (body, revocation) in [
        ("", RevocationOutcome::Revoked),
        ("{}", RevocationOutcome::Revoked),
        ("OK", RevocationOutcome::Revoked),
        (r#"{"error":null,"revoked":true}"#, RevocationOutcome::Revoked),
        (r#"{"error":"","error_description":""}"#, RevocationOutcome::Revoked),
        (r#"{"error":false}"#, RevocationOutcome::Revoked),
        (r#"{"error":0}"#, RevocationOutcome::Revoked),
        (r#"{"error":"invalid_token"}"#, RevocationOutcome::Refused("invalid_token".into())),
        ("error=invalid_request", RevocationOutcome::Refused("invalid_request".into())),
        (r#"{"ok":false,"error":"token_revoked"}"#, RevocationOutcome::Queued),
        (r#"{"error":"temporarily_unavailable"}"#, RevocationOutcome::Queued),
        (r#"{"error":{"code":400,"message":"no"}}"#, RevocationOutcome::Queued),
        (r#"{"error":["no"]}"#, RevocationOutcome::Queued),
        (r#"{"error":true}"#, RevocationOutcome::Queued),
        (r#"{"error":"invalid_token","error":"invalid_token"}"#, RevocationOutcome::Queued),
    ] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        device.provider.state().overrides.insert("/revoke", (200, body.to_owned()));
        assert_eq!(session.sign_out_here().await, Ok(revocation.clone().into()), "{body}");
        let queued = usize::from(revocation == RevocationOutcome::Queued);
        assert_eq!(session.queued_revocations().await, queued, "{body}");
    }
}

#[tokio::test]
async fn what_is_queued_survives_a_new_sign_in() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    device.provider.state().down = true;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Queued.into()));
    device.provider.state().down = false;
    let restarted = device.process();
    device.sign_in(&restarted).await.unwrap();
    restarted.send_revocations().await;
    let state = device.provider.state();
    assert!(state.sessions[0].revoked && !state.sessions[1].revoked);
}

#[tokio::test]
async fn a_sign_out_over_a_lost_vault_claims_no_revocation() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    put(&device.folder().join("vault.moorline"), b"damaged");
    for _again in 0..2 {
        assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::NothingToRevoke.into()));
        assert_eq!(session.state(), SIGNED_OUT);
    }
    assert_eq!(device.provider.count("/revoke"), 0);
}

#[tokio::test]
async fn a_sign_out_over_a_lost_vault_shows_no_other_state_on_its_way() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    // One that has not just signed in: a process that has looks for queued revocations, and finds the damage first.
    let session = device.process();
    let mut states = session.states();
    assert!(matches!(states.next().await, Some(SessionState::SignedIn(_))));
    put(&device.folder().join("vault.moorline"), b"damaged");
    let watching = tokio::spawn(async move { states.next().await });
    tokio::task::yield_now().await;
    session.sign_out_here().await.unwrap();
    assert_eq!(watching.await.unwrap(), Some(SIGNED_OUT));
}

#[tokio::test]
async fn a_vault_that_was_lost_before_the_call_claims_no_revocation_until_the_next_session_has_one() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    put(&device.folder().join("vault.moorline"), b"damaged");
    // Another call finds it so, and one more has created a new vault.
    let session = device.process();
    session.sign_in.start(crate::SignInOptions::default()).await.unwrap();
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::NothingToRevoke.into()));
    assert_eq!(device.provider.count("/revoke"), 0);
    device.sign_in(&session).await.unwrap();
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
}

#[tokio::test]
async fn a_sign_out_where_nobody_was_signed_in_claims_no_revocation() {
    let device = Device::new().await;
    assert_eq!(device.process().sign_out_here().await, Ok(RevocationOutcome::NothingToRevoke.into()));
}

#[tokio::test]
async fn a_sign_out_with_the_answer_of_a_refresh_on_its_way_revokes_what_it_brings() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
    gate.open();
    let error = refreshing.await.unwrap().unwrap_err();
    assert_eq!(error, Error::SignedOut(SignedOutReason::ByUser));
    assert_eq!(device.process().state(), SIGNED_OUT);
    session.send_revocations().await;
    let revoked: Vec<_> =
        device.provider.state().requests.iter().filter(|seen| seen.path == "/revoke").cloned().collect();
    assert_eq!(revoked.len(), 2);
    assert_ne!(revoked[0].form["token"], revoked[1].form["token"]);
}

/// A thief with token and attempt has gone on: its fork must not outlive the owner's session.
#[tokio::test]
async fn a_session_that_is_superseded_here_is_revoked_there() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let superseded = r#"{"error":"invalid_grant","reason":"superseded"}"#;
    device.provider.state().overrides.insert("/token", (400, superseded.into()));
    let error = session.access_token(a_new_one(&session)).await.unwrap_err();
    assert_eq!(error, Error::NeedsReauth(ReauthReason::Revoked));
    session.send_revocations().await;
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(device.provider.count("/revoke"), 1);
}

#[tokio::test]
async fn a_session_that_ends_without_network_is_revoked_at_the_next_chance() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().overrides.insert("/token", (400, r#"{"error":"invalid_grant"}"#.into()));
    device.provider.state().overrides.insert("/revoke", (503, String::new()));
    session.access_token(a_new_one(&session)).await.unwrap_err();
    assert_eq!(device.provider.live_generation(), Some(0));
    device.provider.state().overrides.clear();
    device.process().send_revocations().await;
    assert_eq!(device.provider.live_generation(), None);
}

#[tokio::test]
async fn a_sign_out_before_the_refresh_reaches_the_provider_leaves_nothing_alive() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldBefore).await;
    session.sign_out_here().await.unwrap();
    gate.open();
    assert_eq!(refreshing.await.unwrap().unwrap_err(), Error::SignedOut(SignedOutReason::ByUser));
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(device.process().state(), SIGNED_OUT);
}

#[tokio::test]
async fn a_sign_out_that_cannot_be_made_durable_has_not_happened() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.disk.fill(true);
    assert_eq!(
        session.sign_out_here().await,
        Err(Error::StorageUnavailable(StorageUnavailableReason::NoSpace))
    );
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    assert_eq!(device.provider.count("/revoke"), 0);
    device.disk.fill(false);
    session.access_token(a_new_one(&session)).await.unwrap();
}

#[tokio::test]
async fn another_process_learns_of_a_sign_out_when_it_needs_a_token() {
    let device = Device::new().await;
    let one = device.signed_in().await;
    let other = device.process();
    one.sign_out_here().await.unwrap();
    assert_eq!(
        other.access_token(a_new_one(&other)).await.unwrap_err(),
        Error::SignedOut(SignedOutReason::ByUser)
    );
    assert_eq!(other.state(), SIGNED_OUT);
    assert_eq!(device.provider.refreshes().len(), 0);
}

#[tokio::test]
async fn a_provider_that_refuses_to_revoke_is_asked_once() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device
        .provider
        .state()
        .overrides
        .insert("/revoke", (400, r#"{"error":"unsupported_token_type"}"#.into()));
    assert_eq!(
        session.sign_out_here().await,
        Ok(RevocationOutcome::Refused("unsupported_token_type".into()).into())
    );
    session.send_revocations().await;
    assert_eq!(device.provider.count("/revoke"), 1);
}
