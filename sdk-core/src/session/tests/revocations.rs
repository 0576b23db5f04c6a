//! What the provider answers to a revocation, and which tokens are revoked.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::{
    Error, ReauthReason, RevocationOutcome, SessionState, StorageLostReason, StorageUnavailableReason,
    session::Session,
    testing::{Device, Fault, a_new_one, any, put, refreshing_held},
};

const LONG: Duration = Duration::from_secs(600);
/// A refusal by the authorization server that ends the session here and keeps its tokens.
const REFUSED: (u16, &str) = (400, r#"{"error":"login_required"}"#);

/// What a sign-out reports if the provider answers like this.
async fn signed_out(device: &Device, session: &Arc<Session>, status: u16, body: &str) -> RevocationOutcome {
    device.provider.state().overrides.insert("/revoke", (status, body.to_owned()));
    let outcome = session.sign_out_here().await.unwrap();
    assert_eq!(outcome.revoked, outcome.revocation == RevocationOutcome::Revoked);
    outcome.revocation
}

/// The tokens that the provider was asked to revoke.
fn revoked(device: &Device) -> Vec<String> {
    let state = device.provider.state();
    let sent = state.requests.iter().filter(|seen| seen.path == "/revoke");
    sent.map(|seen| seen.form["token"].clone()).collect()
}

/// The next user to sign in is another one.
fn eve_is_next(device: &Device) {
    device.provider.state().claims = json!({ "sub": "eve" });
}

#[tokio::test]
async fn a_queued_revocation_that_is_answered_at_the_next_sign_out_is_reported_as_revoked() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().down = true;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Queued.into()));
    // The old process tries no more.
    session.revocations.idle(LONG).await;
    device.provider.state().down = false;
    assert_eq!(device.process().sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
    assert_eq!(device.process().sign_out_here().await, Ok(RevocationOutcome::NothingToRevoke.into()));
}

#[tokio::test]
async fn the_answer_to_this_session_is_reported_whatever_became_of_an_earlier_one() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    signed_out(&device, &session, 503, "").await;
    device.sign_in(&session).await.unwrap();
    session.revocations.idle(LONG).await;
    let refused = signed_out(&device, &session, 400, r#"{"error":"unsupported_token_type"}"#).await;
    assert_eq!(refused, RevocationOutcome::Refused("unsupported_token_type".into()));
    assert_eq!(session.queued_revocations().await, 0);
}

#[tokio::test]
async fn a_page_in_place_of_the_answer_revokes_nothing() {
    for page in
        ["<html>Welcome to the hotel</html>", "\u{feff}\r\n <!DOCTYPE html>", " <?xml version='1.0'?>"]
    {
        let device = Device::new().await;
        let session = device.signed_in().await;
        for _ in 0..10 {
            assert_eq!(signed_out(&device, &session, 200, page).await, RevocationOutcome::Queued, "{page}");
        }
        device.provider.state().overrides.clear();
        assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
        assert_eq!(device.provider.live_generation(), None);
    }
}

#[tokio::test]
async fn the_body_of_a_success_says_nothing() {
    for (status, body) in [(200, ""), (200, "{}"), (200, "null"), (200, "OK"), (204, "")] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        assert_eq!(signed_out(&device, &session, status, body).await, RevocationOutcome::Revoked, "{body}");
        assert_eq!(session.queued_revocations().await, 0);
    }
}

#[tokio::test]
async fn an_unclear_refusal_is_tried_five_times_once_in_each_call_and_then_reported() {
    for (status, body, code) in [
        (400, "", "http_400"),
        (400, r#"{"error":"invalid_dpop_proof"}"#, "invalid_dpop_proof"),
        (403, r#"{"error":"blocked_by_policy"}"#, "blocked_by_policy"),
        (404, "<html>Not found</html>", "http_404"),
        (405, "", "http_405"),
        (501, "", "http_501"),
        (202, "", "http_202"),
    ] {
        let device = Device::new().await;
        drop(device.signed_in().await);
        for sends in 1..=5 {
            let session = device.process();
            let outcome = signed_out(&device, &session, status, body).await;
            let refused = RevocationOutcome::Refused(code.to_owned());
            assert_eq!(
                outcome,
                if sends < 5 { RevocationOutcome::Queued } else { refused },
                "{status} {body}"
            );
            session.shutdown(LONG).await.unwrap();
            assert_eq!(device.provider.count("/revoke"), sends, "{status} {body}");
        }
        let session = device.process();
        assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::NothingToRevoke.into()));
        assert_eq!((session.queued_revocations().await, device.provider.count("/revoke")), (0, 5));
    }
}

#[tokio::test]
async fn an_overloaded_provider_is_asked_again_however_often_it_is() {
    for (status, body) in [
        (429, ""),
        (408, ""),
        (500, ""),
        (503, ""),
        (302, ""),
        (400, r#"{"error":"temporarily_unavailable"}"#),
    ] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        for _ in 0..10 {
            assert_eq!(signed_out(&device, &session, status, body).await, RevocationOutcome::Queued);
        }
        device.provider.state().overrides.clear();
        assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()), "{status} {body}");
    }
}

#[tokio::test]
async fn a_provider_without_a_revocation_endpoint_is_reported_as_that() {
    let device = Device::new().await;
    let issuer = device.provider.issuer.clone();
    let at = |path: &str| format!("{issuer}{path}");
    let metadata = json!({
        "issuer": issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"], "dpop_signing_alg_values_supported": ["ES256"],
    });
    let path = "/.well-known/openid-configuration";
    device.provider.state().overrides.insert(path, (200, metadata.to_string()));
    let session = device.signed_in().await;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::NotOffered.into()));
    assert_eq!(session.queued_revocations().await, 0);
}

#[tokio::test]
async fn a_sign_out_whose_revocation_gets_no_answer_sends_it_once_and_ends() {
    let device = Device::new().await;
    device.provider.state().hung.insert("/revoke");
    drop(device.signed_in().await);
    let session = device.open(device.builder().request_timeout(Duration::from_secs(2)).build().unwrap());
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Queued.into()));
    session.shutdown(LONG).await.unwrap();
    assert_eq!((device.provider.count("/revoke"), session.queued_revocations().await), (1, 1));
}

#[tokio::test]
async fn a_process_that_queued_no_revocation_sends_none_and_waits_for_none_at_its_end() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    signed_out(&device, &session, 503, "").await;
    device.sign_in(&session).await.unwrap();
    session.revocations.idle(LONG).await;
    device.provider.state().requests.clear();
    device.provider.state().hung.insert("/revoke");
    let reader = device.process();
    reader.access_token(any()).await.unwrap();
    reader.shutdown(LONG).await.unwrap();
    assert_eq!(device.provider.count("/revoke"), 0);
    // A refresh is a chance to send it, and nobody waits for the answer.
    reader.access_token(a_new_one(&reader)).await.unwrap();
    while device.provider.count("/revoke") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    reader.revocations.send_owed(LONG).await;
    reader.shutdown(LONG).await.unwrap();
    assert_eq!(reader.queued_revocations().await, 1);
}

#[tokio::test]
async fn what_this_process_has_queued_is_sent_before_its_end_also_while_an_older_one_gets_no_answer() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    signed_out(&device, &session, 503, "").await;
    device.provider.state().overrides.clear();
    device.provider.state().hung.insert("/revoke");
    let next = device.process();
    next.revocations.send_later();
    while device.provider.count("/revoke") < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    device.provider.state().hung.clear();
    device.sign_in(&next).await.unwrap();
    eve_is_next(&device);
    device.sign_in(&next).await.unwrap();
    next.revocations.send_owed(LONG).await;
    let state = device.provider.state();
    assert!(state.sessions[1].revoked && !state.sessions[2].revoked);
}

#[tokio::test]
async fn a_sign_in_over_a_session_that_a_refusal_has_ended_revokes_its_tokens() {
    // With sessions that are not known to be apart, the tokens of the same user wait for the end of the new session.
    for (apart, another_user, ended) in [(true, false, true), (false, true, true), (false, false, false)] {
        let device = Device::new().await;
        device.provider.state().knows_attempts = apart;
        let session = device.signed_in().await;
        device.provider.fault(Fault::Instead(REFUSED.0, REFUSED.1));
        let error = session.access_token(a_new_one(&session)).await.unwrap_err();
        assert_eq!(error, Error::NeedsReauth(ReauthReason::InteractionRequired));
        if another_user {
            eve_is_next(&device);
        }
        device.sign_in(&session).await.unwrap();
        session.send_revocations().await;
        assert_eq!(device.provider.state().sessions[0].revoked, ended);
        assert!(!device.provider.state().sessions[1].revoked);
        session.sign_out_here().await.unwrap();
        assert!(device.provider.state().sessions.iter().all(|row| row.revoked));
    }
}

#[tokio::test]
async fn what_a_refresh_brings_after_another_user_has_signed_in_is_revoked() {
    for apart in [true, false] {
        let device = Device::new().await;
        device.provider.state().knows_attempts = apart;
        let session = device.signed_in().await;
        let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
        eve_is_next(&device);
        device.sign_in(&device.process()).await.unwrap();
        gate.open();
        let _ = refreshing.await.unwrap();
        session.shutdown(LONG).await.unwrap();
        assert!(revoked(&device).contains(&"seen-rt-0-1".to_owned()), "{apart}: {:?}", revoked(&device));
        let SessionState::SignedIn(user) = session.state() else { panic!("signed in") };
        assert_eq!((user.subject.as_str(), device.provider.live_generation()), ("eve", Some(0)));
    }
}

#[tokio::test]
async fn what_a_refresh_brings_for_a_session_that_another_process_has_moved_on_is_not_revoked() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    let other = device.process();
    other.access_token(a_new_one(&other)).await.unwrap();
    gate.open();
    refreshing.await.unwrap().unwrap();
    session.shutdown(LONG).await.unwrap();
    assert!(revoked(&device).is_empty() && device.provider.live_generation().is_some());
}

#[tokio::test]
async fn an_answer_that_could_only_be_saved_beside_the_vault_is_revoked_when_another_user_signs_in() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    device.disk.fail_after(0, std::io::ErrorKind::StorageFull);
    gate.open();
    let full = Error::StorageUnavailable(StorageUnavailableReason::NoSpace);
    assert_eq!(refreshing.await.unwrap().unwrap_err(), full);
    eve_is_next(&device);
    let other = device.process();
    device.sign_in(&other).await.unwrap();
    session.shutdown(LONG).await.unwrap();
    other.send_revocations().await;
    assert!(revoked(&device).contains(&"seen-rt-0-1".to_owned()), "{:?}", revoked(&device));
    assert_eq!(device.provider.live_generation(), Some(0));
}

#[tokio::test]
async fn an_answer_that_could_not_be_stored_before_another_user_signed_in_is_revoked() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    device.disk.fill(true);
    gate.open();
    let full = Error::StorageUnavailable(StorageUnavailableReason::NoSpace);
    assert_eq!(refreshing.await.unwrap().unwrap_err(), full);
    device.disk.fill(false);
    eve_is_next(&device);
    device.sign_in(&device.process()).await.unwrap();
    session.shutdown(LONG).await.unwrap();
    assert!(revoked(&device).contains(&"seen-rt-0-1".to_owned()), "{:?}", revoked(&device));
    assert_eq!(device.provider.live_generation(), Some(0));
}

#[tokio::test]
async fn an_answer_whose_vault_was_damaged_meanwhile_is_revoked() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    put(&device.folder().join("vault.moorline"), b"damaged");
    gate.open();
    let lost = Error::StorageLost(StorageLostReason::Damaged);
    assert_eq!(refreshing.await.unwrap().unwrap_err(), lost);
    session.shutdown(LONG).await.unwrap();
    assert_eq!((revoked(&device), device.provider.live_generation()), (vec!["seen-rt-0-1".to_owned()], None));
}

#[tokio::test]
async fn an_answer_whose_vaults_key_is_gone_is_revoked_at_the_sign_out() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    let vault = device.folder().join("vault.moorline");
    // Sealed by another key, which no key store has.
    let other = Device::new().await;
    drop(other.signed_in().await);
    put(&vault, &std::fs::read(other.folder().join("vault.moorline")).unwrap());
    gate.open();
    let gone = Error::StorageLost(StorageLostReason::KeyGone);
    assert_eq!(refreshing.await.unwrap().unwrap_err(), gone);
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
    assert_eq!((revoked(&device), device.provider.live_generation()), (vec!["seen-rt-0-1".to_owned()], None));
}

#[tokio::test]
async fn tokens_that_came_with_another_users_id_token_are_revoked_when_the_session_ends() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    for apart in [true, false] {
        let device = Device::new().await;
        device.provider.state().knows_attempts = apart;
        let session = device.signed_in().await;
        for serial in 0..3 {
            let id_token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(r#"{"sub":"eve"}"#));
            let body = format!(
                r#"{{"access_token":"seen-at","refresh_token":"seen-rt-{serial}","id_token":"{id_token}"}}"#
            );
            device.provider.fault(Fault::Instead(200, Box::leak(body.into_boxed_str())));
            let Err(Error::Refused { code, description }) = session.access_token(a_new_one(&session)).await
            else {
                panic!("refused")
            };
            assert!(code == "invalid_id_token" && description.contains("revoked when this session ends"));
        }
        session.shutdown(LONG).await.unwrap();
        assert!(revoked(&device).is_empty(), "it may be this session's own");
        assert_eq!(session.queued_revocations().await, 1, "the latest");
        session.access_token(a_new_one(&session)).await.unwrap();
        assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
        assert!(revoked(&device).contains(&"seen-rt-2".to_owned()), "{:?}", revoked(&device));
    }
}
