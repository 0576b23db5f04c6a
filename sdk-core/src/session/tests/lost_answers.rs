use std::time::Duration;

use crate::{
    Error, ReauthReason, SessionState,
    testing::{Device, Fault, a_new_one, any, put, refreshing_held},
};

#[tokio::test]
async fn a_refresh_rotates_and_the_vault_has_the_successor() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let first = session.latest().unwrap();
    let second = session.access_token(a_new_one(&session)).await.unwrap();
    assert_ne!(first.secret(), second.secret());
    assert_eq!(device.provider.live_generation(), Some(1));
    let restarted = device.process();
    assert_eq!(restarted.access_token(any()).await.unwrap().secret(), second.secret());
    assert_eq!(restarted.info().unwrap().refreshes, 1);
    assert_eq!(device.files("pending-").len(), 0);
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_attempt() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::LoseAnswer);
    session.access_token(a_new_one(&session)).await.unwrap();
    let refreshes = device.provider.refreshes();
    assert_eq!(refreshes.len(), 2);
    assert_eq!(refreshes[0].form, refreshes[1].form);
    assert_eq!(refreshes[0].form["refresh_attempt"].len(), 43);
    assert_eq!(device.provider.live_generation(), Some(1));
}

#[tokio::test]
async fn every_refresh_has_an_attempt_of_its_own() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    for _ in 0..3 {
        session.access_token(a_new_one(&session)).await.unwrap();
    }
    let mut attempts: Vec<_> =
        device.provider.refreshes().iter().map(|seen| seen.form["refresh_attempt"].clone()).collect();
    attempts.dedup();
    assert_eq!(attempts.len(), 3);
}

#[tokio::test]
async fn a_provider_that_does_not_know_attempts_gets_none_and_nothing_is_journalled() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    device.provider.fault(Fault::Instead(503, ""));
    device.provider.fault(Fault::Instead(503, ""));
    device.provider.fault(Fault::Instead(503, ""));
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), Error::offline());
    assert!(device.provider.refreshes().iter().all(|seen| !seen.form.contains_key("refresh_attempt")));
    assert_eq!(device.files("pending-").len(), 0);
    session.access_token(a_new_one(&session)).await.unwrap();
}

/// An attempt beside a token that was sent without one is a theft to the server, also where a proof vouches for it.
#[tokio::test]
async fn a_token_goes_with_attempts_or_without_for_good_whatever_the_metadata_says_in_between() {
    for knows_at_first in [true, false] {
        let device = Device::new().await;
        let knows = |knows| device.provider.state().knows_attempts = knows;
        knows(knows_at_first);
        device.signed_in().await;
        for flip in [true, false, true, false] {
            device.provider.fault(Fault::LoseAnswer);
            device.provider.fault(Fault::LoseAnswer);
            device.provider.fault(Fault::LoseAnswer);
            let process = device.process();
            assert_eq!(process.access_token(a_new_one(&process)).await.unwrap_err(), Error::offline());
            knows(flip);
            // What was stored of the provider is too old to be used unasked.
            device.clock.pass(Duration::from_secs(86_400));
            let restarted = device.process();
            restarted.access_token(a_new_one(&restarted)).await.unwrap();
        }
        assert_eq!(device.provider.live_generation(), Some(4));
        // What the metadata says counts for the next token.
        let attempts = device
            .provider
            .refreshes()
            .iter()
            .map(|seen| seen.form.contains_key("refresh_attempt"))
            .collect::<Vec<_>>();
        let four = |attempt| [attempt; 4];
        assert_eq!(attempts, [four(knows_at_first), four(true), four(false), four(true)].concat());
    }
}

#[tokio::test]
async fn nothing_but_a_parsed_invalid_grant_ends_a_session() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    for (status, body) in [
        (500, r#"{"error":"invalid_grant"}"#),
        (503, ""),
        (408, ""),
        (200, "<html>Log in to the hotel's network</html>"),
        (200, ""),
        (200, r#"{"access_token":null}"#),
        (302, ""),
        (403, "<html>invalid_grant</html>"),
        (400, "invalid_grant"),
        (404, "{}"),
    ] {
        for _ in 0..3 {
            device.provider.fault(Fault::Instead(status, body));
        }
        assert_eq!(
            session.access_token(a_new_one(&session)).await.unwrap_err(),
            Error::offline(),
            "{status} {body}"
        );
    }
    for code in ["invalid_client", "unauthorized_client", "invalid_scope", "invalid_client"] {
        let body = Box::leak(format!(r#"{{"error":"{code}"}}"#).into_boxed_str());
        device.provider.fault(Fault::Instead(400, body));
        let error = session.access_token(a_new_one(&session)).await.unwrap_err();
        assert!(matches!(&error, Error::Misconfigured(what) if what.contains(code)), "{error:?}");
        assert_eq!(session.info().unwrap().last_refusal.as_deref(), Some(code));
        assert_eq!(device.process().info().unwrap().last_refusal.as_deref(), Some(code), "it is durable");
    }
    device.provider.fault(Fault::Instead(429, r#"{"error":"invalid_grant"}"#));
    for _ in 0..2 {
        let error = session.access_token(a_new_one(&session)).await.unwrap_err();
        assert_eq!(error, Error::RateLimited { retry_after: Duration::from_secs(10) }, "remembered");
    }
    device.clock.pass(Duration::from_secs(10));
    device.provider.state().down = true;
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), Error::offline());
    device.provider.state().down = false;

    let attempts: Vec<_> =
        device.provider.refreshes().iter().map(|seen| seen.form["refresh_attempt"].clone()).collect();
    assert!(attempts.iter().all(|attempt| *attempt == attempts[0]));
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(session.info().unwrap().last_refusal, None);
}

#[tokio::test]
async fn invalid_grant_ends_the_session_and_is_remembered() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().sessions[0].revoked = true;
    let ended = Error::NeedsReauth(ReauthReason::Revoked);
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), ended);
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::Revoked));
    assert_eq!(session.info(), None);
    let restarted = device.process();
    assert_eq!(restarted.state(), SessionState::NeedsReauth(ReauthReason::Revoked));
    assert_eq!(restarted.access_token(any()).await.unwrap_err(), ended);
    assert_eq!(device.provider.refreshes().len(), 1);
    device.sign_in(&restarted).await.unwrap();
    restarted.access_token(a_new_one(&restarted)).await.unwrap();
}

#[tokio::test]
async fn a_vault_that_was_restored_ends_with_an_error_and_not_with_a_loop() {
    for steps in [1, 2, 5] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let file = device.folder().join("vault.moorline");
        let old = std::fs::read(&file).unwrap();
        for _ in 0..steps {
            session.access_token(a_new_one(&session)).await.unwrap();
        }
        drop(session);
        put(&file, &old);
        let restored = device.process();
        let error = restored.access_token(a_new_one(&restored)).await.unwrap_err();
        assert_eq!(error, Error::NeedsReauth(ReauthReason::Revoked));
        assert_eq!(device.provider.refreshes().len(), steps + 1);
    }
}

#[tokio::test]
async fn a_response_without_a_refresh_token_leaves_the_old_one_in_force() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::Instead(200, r#"{"access_token":"seen-at-x","expires_in":"60"}"#));
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap().secret(), "seen-at-x");
    session.access_token(a_new_one(&session)).await.unwrap();
    let refreshes = device.provider.refreshes();
    assert_eq!(refreshes[0].form["refresh_token"], refreshes[1].form["refresh_token"]);
}

#[tokio::test]
async fn without_a_refresh_token_the_session_ends_with_its_access_token() {
    let device = Device::new().await;
    device.provider.state().issues_refresh_tokens = false;
    let session = device.signed_in().await;
    let refused = session.access_token(a_new_one(&session)).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused { code, .. } if code == "no_refresh_token"), "{refused:?}");
    assert!(refused.to_string().contains("valid for 900 s"), "{refused}");
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    session.access_token(any()).await.unwrap();
    device.clock.pass(Duration::from_secs(901));
    let ended = Error::NeedsReauth(ReauthReason::NoRefreshToken);
    assert_eq!(session.access_token(any()).await.unwrap_err(), ended);
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::NoRefreshToken));
}

#[tokio::test]
async fn garbage_in_the_place_of_the_metadata_does_not_stop_a_refresh() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    for (status, body) in [(200, "<html>"), (200, ""), (302, ""), (404, ""), (200, "{}")] {
        device.provider.state().overrides.insert("/.well-known/openid-configuration", (status, body.into()));
        device.clock.pass(Duration::from_secs(2 * 3600));
        session.access_token(a_new_one(&session)).await.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_that_says_nothing_about_the_session_ends_it_at_the_second_call_only() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let refused = Fault::Instead(400, r#"{"error":"invalid_request","error_description":"expired"}"#);
    device.provider.fault(refused.clone());
    let error = session.access_token(a_new_one(&session)).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "invalid_request"), "{error:?}");
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    assert_eq!(device.provider.refreshes().len(), 1, "a resend at once may end the session by itself");
    // A success in between resets the count.
    session.access_token(a_new_one(&session)).await.unwrap();
    // A refusal of the client says nothing about the token, and does not count.
    device.provider.fault(Fault::Instead(401, r#"{"error":"invalid_client"}"#));
    session.access_token(a_new_one(&session)).await.unwrap_err();
    device.provider.fault(refused.clone());
    session.access_token(a_new_one(&session)).await.unwrap_err();
    // The count survives a restart.
    device.provider.fault(refused);
    let restarted = device.process();
    let error = restarted.access_token(a_new_one(&restarted)).await.unwrap_err();
    assert_eq!(error, Error::NeedsReauth(ReauthReason::Refused));
    assert_eq!(restarted.state(), SessionState::NeedsReauth(ReauthReason::Refused));
    assert_eq!(device.provider.count("/revoke"), 0, "the provider has not ended the session");
    device.sign_in(&restarted).await.unwrap();
}

#[tokio::test]
async fn an_error_in_a_way_of_the_providers_own_ends_a_session_at_the_second_call_and_a_gateways_never() {
    for (status, body) in [
        (400, r#"{"error":{"code":400,"message":"TOKEN_EXPIRED","status":"INVALID_ARGUMENT"}}"#),
        (401, r#"{"error":{"code":401,"message":"USER_DISABLED"}}"#),
        (400, r#"{"errorCode":"E0000011","errorSummary":"Invalid token provided"}"#),
        (400, r#"{"code":"invalid_token","message":"Invalid refresh token"}"#),
        (401, r#"{"message":"Invalid refresh token"}"#),
    ] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        device.provider.fault(Fault::Instead(status, body));
        let error = session.access_token(a_new_one(&session)).await.unwrap_err();
        assert!(matches!(&error, Error::Refused { .. }), "{error:?}");
        assert!(matches!(session.state(), SessionState::SignedIn(_)), "{body}");
        assert_eq!(device.provider.refreshes().len(), 1, "a resend at once may end the session by itself");
        device.provider.fault(Fault::Instead(status, body));
        let ended = Error::NeedsReauth(ReauthReason::Refused);
        assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), ended, "{body}");
        assert_eq!(device.provider.count("/revoke"), 0);
        // The tokens are kept.
        device.clock.pass(Duration::from_secs(61));
        session.access_token(any()).await.unwrap();
    }
    for (status, body) in [
        (403, r#"{"error":"Forbidden"}"#),
        (403, r#"{"message":"Forbidden"}"#),
        (403, r#"{"error":{"code":403,"message":"Forbidden"}}"#),
        (404, r#"{"message":"no Route matched"}"#),
        (400, "{}"),
        (401, ""),
    ] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        device.provider.state().overrides.insert("/token", (status, body.to_owned()));
        for _ in 0..3 {
            assert_eq!(
                session.access_token(a_new_one(&session)).await.unwrap_err(),
                Error::offline(),
                "{body}"
            );
        }
        device.provider.state().overrides.clear();
        session.access_token(a_new_one(&session)).await.unwrap();
    }
}

const DOUBTFUL: Fault = Fault::Instead(400, r#"{"error":"invalid_request"}"#);

/// A session that two doubtful refusals have suspended.
async fn suspended(device: &Device) -> std::sync::Arc<crate::session::Session> {
    let session = device.signed_in().await;
    for _ in 0..2 {
        device.provider.fault(DOUBTFUL);
        session.access_token(a_new_one(&session)).await.unwrap_err();
    }
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::Refused));
    session
}

#[tokio::test]
async fn refusals_of_calls_that_overlap_count_as_one() {
    let device = Device::new().await;
    let first = device.signed_in().await;
    let second = device.process();
    let Fault::Instead(status, body) = DOUBTFUL else { panic!() };
    let (gate, refreshing) =
        refreshing_held(&device, &first, |gate| Fault::HoldInstead(gate, status, body)).await;
    device.provider.fault(DOUBTFUL);
    second.access_token(a_new_one(&second)).await.unwrap_err();
    gate.open();
    refreshing.await.unwrap().unwrap_err();
    first.access_token(a_new_one(&first)).await.expect("the session goes on");
}

#[tokio::test]
async fn a_suspended_session_is_tried_again_after_a_minute_and_lives_on() {
    let device = Device::new().await;
    let session = suspended(&device).await;
    let suspended = Error::NeedsReauth(ReauthReason::Refused);
    let sent = device.provider.refreshes().len();
    assert_eq!(session.access_token(any()).await.unwrap_err(), suspended);
    assert_eq!(device.provider.refreshes().len(), sent, "not within the minute");

    device.clock.pass(Duration::from_secs(61));
    device.provider.state().down = true;
    assert_eq!(session.access_token(any()).await.unwrap_err(), suspended, "offline decides nothing");
    device.provider.state().down = false;
    device.provider.fault(DOUBTFUL);
    assert_eq!(session.access_token(any()).await.unwrap_err(), suspended);
    assert_eq!(session.access_token(any()).await.unwrap_err(), suspended);
    assert_eq!(device.provider.refreshes().len(), sent + 1, "each refusal begins another minute");

    device.clock.pass(Duration::from_secs(61));
    let restarted = device.process();
    restarted.access_token(any()).await.unwrap();
    assert!(matches!(restarted.state(), SessionState::SignedIn(_)));
    assert_eq!(restarted.info().unwrap().last_refusal, None);
    assert!(!device.provider.state().sessions[0].revoked);
}

#[tokio::test]
async fn a_suspended_session_that_has_really_ended_is_tried_once_more_and_never_again() {
    let device = Device::new().await;
    let session = suspended(&device).await;
    device.provider.state().sessions[0].revoked = true;
    device.clock.pass(Duration::from_secs(61));
    let ended = Error::NeedsReauth(ReauthReason::Refused);
    assert_eq!(session.access_token(any()).await.unwrap_err(), ended);
    assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::Revoked));
    let sent = device.provider.refreshes().len();
    device.clock.pass(Duration::from_secs(3600));
    assert_eq!(session.access_token(any()).await.unwrap_err(), Error::NeedsReauth(ReauthReason::Revoked));
    assert_eq!(device.provider.refreshes().len(), sent);
}

#[tokio::test]
async fn a_provider_that_wants_the_user_leads_to_a_sign_in_and_revokes_nothing() {
    for code in ["interaction_required", "login_required", "consent_required"] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let body = Box::leak(format!(r#"{{"error":"{code}"}}"#).into_boxed_str());
        device.provider.fault(Fault::Instead(400, body));
        let wanted = Error::NeedsReauth(ReauthReason::InteractionRequired);
        assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), wanted);
        assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::InteractionRequired));
        assert_eq!(session.access_token(any()).await.unwrap_err(), wanted);
        assert_eq!(device.provider.count("/revoke"), 0);
        device.sign_in(&session).await.unwrap();
        assert!(matches!(session.state(), SessionState::SignedIn(_)));
    }
}

#[tokio::test]
async fn a_refreshed_id_token_of_another_user_is_refused_and_the_session_kept() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let id_token = |claims: &str| {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims))
    };
    for claims in [r#"{"sub":"eve"}"#, r#"{"iss":"https://evil.example","sub":"ada"}"#] {
        let body = format!(
            r#"{{"access_token":"seen-at-x","refresh_token":"seen-rt-x","id_token":"{}"}}"#,
            id_token(claims)
        );
        device.provider.fault(Fault::Instead(200, Box::leak(body.into_boxed_str())));
        let error = session.access_token(a_new_one(&session)).await.unwrap_err();
        assert!(matches!(&error, Error::Refused { code, .. } if code == "invalid_id_token"), "{error:?}");
        let SessionState::SignedIn(user) = session.state() else { panic!("signed in") };
        assert_eq!(user.subject, "ada");
        assert_ne!(session.latest().unwrap().secret(), "seen-at-x");
    }
    let body = format!(r#"{{"access_token":"seen-at-y","id_token":"{}"}}"#, id_token(r#"{"sub":"ada"}"#));
    device.provider.fault(Fault::Instead(200, Box::leak(body.into_boxed_str())));
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap().secret(), "seen-at-y");
}
