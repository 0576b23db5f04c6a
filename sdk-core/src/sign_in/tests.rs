//! Whole sign-ins, good and bad.

use std::{collections::HashMap, time::Duration};

use serde_json::json;
use url::Url;

use super::*;
use crate::{
    Error, SessionState, SignedOutReason, StorageUnavailableReason,
    dpop::ProofKey,
    session::Session,
    testing::{Device, Fault, Gate, a_new_one},
};

pub(super) const NEVER: SessionState = SessionState::SignedOut(SignedOutReason::NeverSignedIn);

pub(super) async fn callback(device: &Device, session: &Session) -> String {
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    device.provider.authorize(&request.url)
}

/// What the sign-in that has started binds its tokens to.
async fn pending_key(session: &Session) -> ProofKey {
    let key = session.look(|account| account?.logins.last()?.proof_key.clone());
    key.await.unwrap().unwrap()
}

pub(super) fn code_of(error: &Error) -> &str {
    match error {
        Error::Refused { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sign_in_gives_a_user_and_a_session() {
    let device = Device::new().await;
    let session = device.process();
    assert_eq!(session.state(), NEVER);
    let user = device.sign_in(&session).await.unwrap();
    assert_eq!((user.subject.as_str(), user.name.as_deref()), ("ada", Some("Ada")));
    assert!(!user.claims.contains_key("nonce"));
    assert_eq!(session.state(), SessionState::SignedIn(user.clone()));
    let info = session.info().unwrap();
    assert_eq!((info.user, info.scope), (user, vec!["openid".to_owned(), "offline_access".to_owned()]));
    assert!(info.has_refresh_token);
}

#[tokio::test]
async fn the_authorization_request_says_what_it_must() {
    let device = Device::new().await;
    let session = device.process();
    let options = SignInOptions {
        login_hint: Some("ada".into()),
        prompt: Some("login consent".into()),
        max_age: Some(Duration::from_secs(60)),
        extra: vec![("ui_locales".into(), "de".into())],
        ..SignInOptions::default()
    };
    let request = session.sign_in.start(options).await.unwrap();
    let url = Url::parse(&request.url).unwrap();
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "notes"),
        ("redirect_uri", "com.example.notes:/signed-in"),
        ("scope", "openid offline_access"),
        ("code_challenge_method", "S256"),
        ("login_hint", "ada"),
        ("prompt", "login consent"),
        ("max_age", "60"),
        ("ui_locales", "de"),
        ("state", &request.state),
        ("dpop_jkt", &pending_key(&session).await.thumbprint()),
    ] {
        assert_eq!(query[name], value, "{name}");
    }
    assert_eq!((query["code_challenge"].len(), query["nonce"].len(), query["state"].len()), (43, 43, 43));
    assert_eq!(query.len(), url.query_pairs().count());
    let smuggled = SignInOptions { extra: vec![("state".into(), "x".into())], ..SignInOptions::default() };
    assert!(matches!(session.sign_in.start(smuggled).await, Err(Error::Misconfigured(_))));
}

#[tokio::test]
async fn a_sign_in_is_finished_by_another_process_than_started_it() {
    let device = Device::new().await;
    let callback = callback(&device, &device.process()).await;
    let resumed = device.process();
    assert_eq!(resumed.state(), NEVER);
    resumed.sign_in.finish(&callback).await.unwrap();
    assert!(matches!(device.process().state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn a_callback_that_is_delivered_twice_sends_its_code_once() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    let twice = [session.clone(), session.clone()].map(|session| {
        let callback = callback.clone();
        tokio::spawn(async move { session.sign_in.finish(&callback).await.unwrap() })
    });
    for user in twice {
        assert_eq!(user.await.unwrap().subject, "ada");
    }
    device.process().sign_in.finish(&callback).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(0));
    assert_eq!(device.provider.count("/token"), 1);
}

#[tokio::test]
async fn a_foreign_callback_changes_nothing() {
    let device = Device::new().await;
    let session = device.process();
    let mine = callback(&device, &session).await;
    for foreign in [
        "com.example.notes:/signed-in?code=c&state=foreign&iss=x".to_owned(),
        "com.example.notes:/signed-in?code=c".to_owned(),
        "nonsense".to_owned(),
        format!("{mine}&code=another"),
    ] {
        let error = session.sign_in.finish(&foreign).await.unwrap_err();
        assert!(["state_mismatch", "invalid_callback"].contains(&code_of(&error)), "{foreign}");
        assert_eq!(session.state(), SessionState::SigningIn);
    }
    session.sign_in.finish(&mine).await.unwrap();
}

#[tokio::test]
async fn a_malformed_callback_with_the_right_state_is_rejected_and_the_sign_in_goes_on() {
    let device = Device::new().await;
    let session = device.process();
    let mine = callback(&device, &session).await;
    let without_code = format!("com.example.notes:/signed-in?{}", mine.split_once('&').unwrap().1);
    for malformed in [
        without_code.clone(),
        format!("{without_code}&code="),
        format!("{without_code}&error="),
        format!("{without_code}&error=&code="),
        format!("{without_code}&error=access_denied&error=access_denied"),
        format!("{mine}&code=another"),
        format!("{mine}&code={}", Url::parse(&mine).unwrap().query_pairs().next().unwrap().1),
        format!("{mine}&state=another"),
        format!("{mine}&iss=https%3A%2F%2Fevil.example"),
    ] {
        let error = session.sign_in.finish(&malformed).await.unwrap_err();
        assert_eq!(code_of(&error), "invalid_callback", "{malformed}");
        assert_eq!(session.state(), SessionState::SigningIn, "{malformed}");
    }
    assert_eq!(device.provider.count("/token"), 0);
    session.sign_in.finish(&format!("{mine}&error=&x=1&x=1")).await.unwrap();
}

#[tokio::test]
async fn a_callback_of_another_issuer_or_without_one_ends_the_sign_in() {
    for iss in ["&iss=https%3A%2F%2Fevil.example", ""] {
        let device = Device::new().await;
        let session = device.process();
        let callback = callback(&device, &session).await;
        let callback = format!("{}{iss}", callback.split("&iss=").next().unwrap());
        assert_eq!(code_of(&session.sign_in.finish(&callback).await.unwrap_err()), "issuer_mismatch");
        assert_eq!(session.state(), NEVER);
        assert_eq!(device.provider.count("/token"), 0);
    }
}

#[tokio::test]
async fn a_user_who_denies_the_request_has_cancelled() {
    let device = Device::new().await;
    let session = device.process();
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    let issuer: String = url::form_urlencoded::byte_serialize(device.provider.issuer.as_bytes()).collect();
    let no = format!("com.example.notes:/signed-in?error=access_denied&state={}&iss={issuer}", request.state);
    assert_eq!(session.sign_in.finish(&no).await, Err(Error::Cancelled));
    assert_eq!(session.state(), NEVER);
}

#[tokio::test]
async fn a_cancelled_sign_in_cannot_be_finished() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    session.sign_in.cancel().await.unwrap();
    assert_eq!(session.state(), NEVER);
    assert_eq!(code_of(&session.sign_in.finish(&callback).await.unwrap_err()), "state_mismatch");
    assert_eq!(device.provider.count("/token"), 0);
}

#[tokio::test]
async fn a_sign_in_that_is_cancelled_while_its_code_is_exchanged_leaves_nothing_alive() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let finishing = {
        let session = session.clone();
        tokio::spawn(async move { session.sign_in.finish(&callback).await })
    };
    gate.reached().await;
    session.sign_in.cancel().await.unwrap();
    gate.open();
    assert_eq!(finishing.await.unwrap(), Err(Error::Cancelled));
    session.send_revocations().await;
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(session.state(), NEVER);
}

#[tokio::test]
async fn an_id_token_that_is_not_accepted_gives_no_session_and_leaves_none() {
    for (claims, code) in [
        (json!({ "nonce": "another" }), "invalid_id_token"),
        (json!({ "iss": "https://evil.example" }), "invalid_id_token"),
        (json!({ "aud": "another" }), "invalid_id_token"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "invalid_id_token"),
    ] {
        let device = Device::new().await;
        device.provider.state().claims = claims;
        let session = device.process();
        assert_eq!(code_of(&device.sign_in(&session).await.unwrap_err()), code);
        assert_eq!(session.state(), NEVER);
        session.send_revocations().await;
        assert_eq!(device.provider.live_generation(), None);
    }
}

#[tokio::test]
async fn white_space_behind_an_id_token_does_not_cost_the_sign_in() {
    let device = Device::new().await;
    device.provider.fault(Fault::Odd(|body| {
        let mut tokens: serde_json::Value = serde_json::from_str(body).unwrap();
        tokens["id_token"] = format!("{}\r\n", tokens["id_token"].as_str().unwrap()).into();
        let body = tokens.to_string();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into()
    }));
    device.sign_in(&device.process()).await.unwrap();
}

#[tokio::test]
async fn a_failed_sign_in_revokes_nothing_that_the_standing_session_may_hang_on() {
    for (apart, revocations) in [(true, 1), (false, 0)] {
        let device = Device::new().await;
        device.provider.state().knows_attempts = apart;
        let session = device.signed_in().await;
        device.provider.state().claims = json!({ "nonce": "another" });
        assert_eq!(code_of(&device.sign_in(&session).await.unwrap_err()), "invalid_id_token");
        session.send_revocations().await;
        assert_eq!(device.provider.count("/revoke"), revocations);
        assert!(matches!(session.state(), SessionState::SignedIn(_)));
    }
}

#[tokio::test]
async fn a_clock_that_is_off_by_years_is_reported_with_its_delta_if_the_provider_sends_no_time() {
    let device = Device::new().await;
    device.provider.state().tells_time = false;
    // Nothing to check a proof's time by either.
    device.provider.state().proofs.window = i64::MAX;
    let session = device.process();
    device.clock.set_ahead_by_years(10);
    let Err(Error::ClockSkew(delta)) = device.sign_in(&session).await else { panic!("a skew") };
    assert!(delta > 9 * 31_556_952, "{delta}");
    device.clock.set_ahead_by_years(-20);
    let Err(Error::ClockSkew(delta)) = device.sign_in(&session).await else { panic!("a skew") };
    assert!(delta < -9 * 31_556_952, "{delta}");
    device.clock.set_ahead_by_years(10);
    device.sign_in(&session).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_off_by_years_costs_nothing_where_the_provider_says_the_time() {
    for years in [10, -10] {
        let device = Device::new().await;
        device.clock.set_ahead_by_years(years);
        let session = device.process();
        device.sign_in(&session).await.unwrap();
        session.access_token(a_new_one(&session)).await.unwrap();
        assert_eq!(device.provider.live_generation(), Some(1), "{years}");
    }
}

#[tokio::test]
async fn a_sign_in_succeeds_at_a_provider_whose_date_is_a_day_behind() {
    let device = Device::new().await;
    // Its ID tokens are right, and its `Date` is a day behind.
    device.provider.state().ahead = 86_400;
    device.clock.set_ahead(86_400);
    device.sign_in(&device.process()).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_that_finds_no_network_can_be_finished_later() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    device.provider.state().down = true;
    assert_eq!(session.sign_in.finish(&callback).await, Err(Error::offline()));
    assert_eq!(session.state(), SessionState::SigningIn);
    device.provider.state().down = false;
    session.sign_in.finish(&callback).await.unwrap();
}

#[tokio::test]
async fn keys_that_cannot_be_had_just_now_do_not_cost_the_sign_in() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    device.provider.state().overrides.insert("/jwks", (503, String::new()));
    assert_eq!(session.sign_in.finish(&callback).await, Err(Error::offline()));
    device.provider.state().overrides.clear();
    session.sign_in.finish(&callback).await.unwrap();
    assert_eq!(device.provider.count("/token"), 1);
    session.access_token(a_new_one(&session)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_does_not_cost_the_sign_in() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let finishing = {
        let (session, callback) = (session.clone(), callback.clone());
        tokio::spawn(async move { session.sign_in.finish(&callback).await })
    };
    gate.reached().await;
    device.disk.fill(true);
    gate.open();
    assert_eq!(finishing.await.unwrap(), Err(Error::StorageUnavailable(StorageUnavailableReason::NoSpace)));
    device.disk.fill(false);
    session.sign_in.finish(&callback).await.unwrap();
    assert_eq!(device.provider.count("/token"), 1);
}

#[tokio::test]
async fn a_refused_code_ends_the_sign_in() {
    let device = Device::new().await;
    let session = device.process();
    device.provider.fault(Fault::Instead(400, r#"{"error":"invalid_grant","error_description":"expired"}"#));
    assert_eq!(code_of(&device.sign_in(&session).await.unwrap_err()), "invalid_grant");
    assert_eq!(session.state(), NEVER);
}

#[tokio::test]
async fn signing_in_again_ends_the_session_before_where_sessions_are_apart() {
    for (apart, revoked) in [(true, true), (false, false)] {
        let device = Device::new().await;
        device.provider.state().knows_attempts = apart;
        let session = device.signed_in().await;
        device.sign_in(&session).await.unwrap();
        session.send_revocations().await;
        assert_eq!(device.provider.state().sessions[0].revoked, revoked);
        session.access_token(a_new_one(&session)).await.unwrap();
    }
}

#[tokio::test]
async fn a_queued_revocation_of_the_same_user_waits_for_the_end_of_the_new_session_where_sessions_are_not_apart()
 {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    device.provider.state().overrides.insert("/revoke", (503, String::new()));
    session.sign_out_here().await.unwrap();
    device.sign_in(&session).await.unwrap();
    device.provider.state().overrides.clear();
    device.provider.state().requests.clear();
    session.send_revocations().await;
    assert_eq!(session.queued_revocations().await, 1);
    let restarted = device.process();
    restarted.send_revocations().await;
    assert_eq!(restarted.queued_revocations().await, 1, "it survives");
    assert_eq!(device.provider.count("/revoke"), 0, "it might end the new session");
    session.access_token(a_new_one(&session)).await.unwrap();
    session.sign_out_here().await.unwrap();
    let state = device.provider.state();
    assert!(state.sessions[0].revoked && state.sessions[1].revoked);
}

#[tokio::test]
async fn a_queued_revocation_of_another_user_is_sent_whoever_signs_in() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    device.provider.state().overrides.insert("/revoke", (503, String::new()));
    session.sign_out_here().await.unwrap();
    device.provider.state().claims = json!({ "sub": "eve" });
    device.sign_in(&session).await.unwrap();
    device.provider.state().overrides.clear();
    session.send_revocations().await;
    assert_eq!(session.queued_revocations().await, 0);
    let state = device.provider.state();
    assert!(state.sessions[0].revoked && !state.sessions[1].revoked);
}

#[tokio::test]
async fn a_sign_in_that_starts_sends_what_is_queued_before_its_code_is_exchanged() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    device.provider.state().down = true;
    session.sign_out_here().await.unwrap();
    device.provider.state().down = false;
    device.sign_in(&session).await.unwrap();
    let state = device.provider.state();
    assert!(state.sessions[0].revoked && !state.sessions[1].revoked);
    let paths: Vec<_> = state.requests.iter().map(|seen| seen.path.as_str()).collect();
    let revoked = paths.iter().rposition(|path| *path == "/revoke");
    assert!(revoked < paths.iter().rposition(|path| *path == "/token"), "{paths:?}");
}

#[tokio::test]
async fn a_sign_in_expires_after_an_hour_and_says_so() {
    let device = Device::new().await;
    let session = device.process();
    let in_time = callback(&device, &session).await;
    device.clock.pass(Duration::from_secs(3_599));
    session.sign_in.finish(&in_time).await.unwrap();
    let late = callback(&device, &session).await;
    device.clock.pass(Duration::from_secs(3_601));
    assert_eq!(code_of(&session.sign_in.finish(&late).await.unwrap_err()), "sign_in_expired");
    assert_eq!(device.provider.count("/token"), 1, "its code is not sent");
    assert!(matches!(session.state(), SessionState::SignedIn(_)), "{:?}", session.state());
    assert_eq!(code_of(&session.sign_in.finish(&late).await.unwrap_err()), "state_mismatch");
}

#[tokio::test]
async fn a_sign_in_whose_code_was_exchanged_in_time_does_not_expire() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    device.provider.state().overrides.insert("/jwks", (503, String::new()));
    session.sign_in.finish(&callback).await.unwrap_err();
    device.provider.state().overrides.clear();
    device.clock.pass(Duration::from_secs(3_601));
    // Its tokens are here, and the ID token is what decides.
    let outcome = session.sign_in.finish(&callback).await;
    assert!(!matches!(&outcome, Err(error) if error.to_string().contains("sign_in_expired")), "{outcome:?}");
    assert_eq!(device.provider.count("/token"), 1);
}

#[tokio::test]
async fn a_session_goes_on_while_somebody_signs_in_anew() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    callback(&device, &session).await;
    assert_eq!(session.state(), SessionState::SigningIn);
    session.access_token(a_new_one(&session)).await.unwrap();
    session.sign_in.cancel().await.unwrap();
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn a_sign_in_that_the_user_has_left_can_be_finished_late() {
    let device = Device::new().await;
    let session = device.process();
    let callback = callback(&device, &session).await;
    session.sign_in.leave();
    assert_eq!(session.state(), NEVER);
    assert!(session.sign_in.owns(&callback).await.unwrap());
    let user = session.sign_in.finish(&callback).await.unwrap();
    assert_eq!(session.state(), SessionState::SignedIn(user));
    // Nothing to leave changes nothing.
    session.sign_in.leave();
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn a_redirect_uri_may_be_given_with_the_sign_in() {
    let device = Device::new().await;
    let session = device.process();
    let options = SignInOptions {
        redirect_uri: Some("http://127.0.0.1:5000/callback".into()),
        ..SignInOptions::default()
    };
    let request = session.sign_in.start(options).await.unwrap();
    let callback = device.provider.authorize(&request.url);
    assert!(callback.starts_with("http://127.0.0.1:5000/callback?"));
    session.sign_in.finish(&callback).await.unwrap();
}

#[tokio::test]
async fn the_sdks_own_parameters_cannot_be_added_to_a_sign_in() {
    let device = Device::new().await;
    let session = device.process();
    for name in ["state", "request", "request_uri", "code_challenge", "response_mode", "dpop_jkt"] {
        let options = SignInOptions { extra: vec![(name.into(), "x".into())], ..SignInOptions::default() };
        assert!(matches!(session.sign_in.start(options).await, Err(Error::Misconfigured(_))), "{name}");
    }
}

#[tokio::test]
async fn the_redirect_uri_of_a_sign_in_is_checked_as_the_configurations_is() {
    let device = Device::new().await;
    let session = device.process();
    for uri in [
        "http://evil.example/callback",
        "javascript:alert(1)",
        "https://u:p@a.example/",
        "/callback",
        "a.b:/c#d",
    ] {
        let options = SignInOptions { redirect_uri: Some(uri.into()), ..SignInOptions::default() };
        assert!(matches!(session.sign_in.start(options).await, Err(Error::Misconfigured(_))), "{uri}");
    }
}
