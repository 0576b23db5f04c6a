//! Sessions of other libraries that go on here.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::*;
use crate::{
    Error, ReauthReason, SessionState, SignedOutReason, StorageUnavailableReason, TokenType,
    secret::Secret,
    session::Session,
    testing::{Device, Fault, Gate, Hardware, a_new_one},
    user::User,
    vault::Adoption,
};

const NEVER: SessionState = SessionState::SignedOut(SignedOutReason::NeverSignedIn);
const ADA: &str = r#"{"sub":"ada"}"#;

async fn device_with_token() -> (Device, String) {
    let device = Device::new().await;
    let token = device.provider.state().issue_refresh_token();
    (device, token)
}

fn offer(token: &str) -> Offer {
    Offer {
        refresh_token: Secret::new(token.to_owned()),
        options: AdoptOptions::default(),
        token_endpoint: None,
    }
}

async fn adopt(session: &Session, token: &str) -> Result<User, Error> {
    session.sign_in.adopt(offer(token)).await
}

async fn adopt_of(session: &Session, token: &str, subject: &str) -> Result<User, Error> {
    let options = AdoptOptions { subject: Some(subject.into()), ..AdoptOptions::default() };
    session.sign_in.adopt(Offer { options, ..offer(token) }).await
}

async fn begun(session: &Session) -> Vec<Adoption> {
    session.look(|account| account.map_or_else(Vec::new, |account| account.adoptions.clone())).await.unwrap()
}

fn code_of<T: fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_of_another_library_goes_on_here_bound_to_this_device() {
    let (device, token) = device_with_token().await;
    let session = device.process();
    let user = adopt(&session, &token).await.unwrap();
    assert_eq!((user.subject.as_str(), user.email.as_deref()), ("ada", Some("ada@example.com")));
    assert_eq!(session.state(), SessionState::SignedIn(user));
    let info = session.info().unwrap();
    assert_eq!((info.token_type, info.has_refresh_token), (TokenType::DPoP, true));
    assert_eq!(info.scope, ["openid", "offline_access"]);
    assert!(device.provider.state().sessions[0].thumbprint.is_some());
    let resumed = device.process();
    resumed.access_token(a_new_one(&resumed)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
    assert!(begun(&session).await.is_empty());
}

#[tokio::test]
async fn the_same_token_again_returns_the_same_user_and_sends_nothing() {
    let (device, token) = device_with_token().await;
    let session = device.process();
    let user = adopt(&session, &token).await.unwrap();
    session.access_token(a_new_one(&session)).await.unwrap();
    for process in [&session, &device.process()] {
        assert_eq!(adopt(process, &token).await.unwrap(), user);
    }
    assert_eq!(device.provider.refreshes().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_answered_again_with_the_same_successor() {
    let (device, token) = device_with_token().await;
    let session = device.process();
    device.provider.fault(Fault::LoseAnswer);
    adopt(&session, &token).await.unwrap();
    let sent = device.provider.refreshes();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].form["refresh_attempt"], sent[1].form["refresh_attempt"]);
    assert!(sent.iter().all(|seen| seen.proof.is_some()));
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn a_process_that_is_killed_while_the_answer_is_on_its_way_costs_nothing() {
    let (device, token) = device_with_token().await;
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let killed = {
        let (session, token) = (device.process(), token.clone());
        tokio::spawn(async move { adopt(&session, &token).await })
    };
    gate.reached().await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    gate.open();
    let next = device.process();
    adopt(&next, &token).await.unwrap();
    next.access_token(a_new_one(&next)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn an_answer_that_cannot_be_checked_yet_is_in_the_vault_before_the_process_is_killed() {
    for attempts in [true, false] {
        let (device, token) = device_with_token().await;
        device.provider.state().knows_attempts = attempts;
        device.provider.state().id_token_at_refresh = true;
        device.provider.state().overrides.insert("/jwks", (503, String::new()));
        assert_eq!(adopt(&device.process(), &token).await, Err(Error::offline()));
        device.provider.state().overrides.clear();
        let next = device.process();
        assert_eq!(next.state(), NEVER);
        adopt(&next, &token).await.unwrap();
        assert_eq!(device.provider.refreshes().len(), 1);
        next.access_token(a_new_one(&next)).await.unwrap();
        assert_eq!(device.provider.live_generation(), Some(2));
    }
}

#[tokio::test]
async fn an_adoption_that_has_begun_goes_on_without_the_token() {
    let (device, token) = device_with_token().await;
    let options = AdoptOptions::default();
    let session = device.process();
    assert_eq!(session.sign_in.resume_adoption(&options).await, Ok(None));
    device.provider.state().overrides.insert("/userinfo", (503, String::new()));
    adopt(&session, &token).await.unwrap_err();
    assert_eq!(session.sign_in.resume_adoption(&options).await, Err(Error::offline()));
    device.provider.state().overrides.clear();
    let user = device.process().sign_in.resume_adoption(&options).await.unwrap().unwrap();
    assert_eq!(user.subject, "ada");
    assert_eq!(device.provider.refreshes().len(), 1);
    assert_eq!(session.sign_in.resume_adoption(&options).await, Ok(Some(user.clone())), "it is done");
    assert_eq!(adopt(&session, &token).await.unwrap(), user);
    session.sign_out_here().await.unwrap();
    assert_eq!(session.sign_in.resume_adoption(&options).await, Ok(None));
    device.sign_in(&session).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_is_no_adoption() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    assert_eq!(session.sign_in.resume_adoption(&AdoptOptions::default()).await, Ok(None));
}

#[tokio::test]
async fn an_old_answer_is_refreshed_in_its_turn() {
    let (device, token) = device_with_token().await;
    device.provider.state().id_token_at_refresh = true;
    device.provider.state().overrides.insert("/jwks", (503, String::new()));
    let session = device.process();
    assert_eq!(adopt(&session, &token).await, Err(Error::offline()));
    device.provider.state().overrides.clear();
    device.clock.pass(Duration::from_secs(30 * 86_400));
    adopt(&session, &token).await.unwrap();
    let sent = device.provider.refreshes();
    assert_eq!((sent.len(), sent[1].form["refresh_token"].as_str()), (2, "seen-rt-0-1"));
    assert_ne!(sent[0].form["refresh_attempt"], sent[1].form["refresh_attempt"]);
    adopt(&session, &token).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn trouble_that_passes_leaves_everything_as_it_was_and_the_next_call_goes_on() {
    for (status, body) in
        [(503, ""), (200, "<html>sign in to this network</html>"), (403, r#"{"error":"Forbidden"}"#)]
    {
        let (device, token) = device_with_token().await;
        device.provider.state().overrides.insert("/token", (status, body.into()));
        let session = device.process();
        assert_eq!(adopt(&session, &token).await, Err(Error::offline()), "{status} {body}");
        assert_eq!(session.state(), NEVER);
        assert_eq!(device.provider.count("/revoke"), 0);
        device.provider.state().overrides.clear();
        adopt(&device.process(), &token).await.unwrap();
        let sent = device.provider.refreshes();
        assert!(sent.iter().all(|seen| seen.form["refresh_attempt"] == sent[0].form["refresh_attempt"]));
    }
}

#[tokio::test]
async fn no_network_leaves_everything_as_it_was() {
    let (device, token) = device_with_token().await;
    let session = device.process();
    device.provider.state().down = true;
    assert_eq!(adopt(&session, &token).await, Err(Error::offline()));
    assert_eq!(session.state(), NEVER);
    device.provider.state().down = false;
    adopt(&session, &token).await.unwrap();
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_is_asked_once() {
    let (device, token) = device_with_token().await;
    device.provider.state().retry_after = Some(120);
    device.provider.fault(Fault::Instead(429, ""));
    let session = device.process();
    assert!(matches!(adopt(&session, &token).await, Err(Error::RateLimited { .. })));
    assert!(matches!(adopt(&session, &token).await, Err(Error::RateLimited { .. })));
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn without_attempts_a_token_is_sent_once_in_one_call() {
    let (device, token) = device_with_token().await;
    device.provider.state().knows_attempts = false;
    device.provider.fault(Fault::LoseAnswer);
    let session = device.process();
    assert_eq!(adopt(&session, &token).await, Err(Error::offline()));
    assert_eq!(device.provider.refreshes().len(), 1);
    // This provider recognizes the key that the lost answer was bound to.
    adopt(&session, &token).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(1));
    assert!(!device.provider.refreshes()[0].form.contains_key("refresh_attempt"));
}

#[tokio::test]
async fn a_refusal_is_an_error_that_says_so_and_leaves_no_trace() {
    let (device, token) = device_with_token().await;
    device.provider.state().revoke_sessions();
    let session = device.process();
    let error = adopt(&session, &token).await.unwrap_err();
    assert_eq!(error.refusal(), Some("invalid_grant"));
    assert!(error.to_string().contains("nothing on this device has changed"), "{error}");
    assert!(!format!("{error:?}").contains("seen-rt"));
    assert_eq!(session.state(), NEVER);
    assert!(begun(&session).await.is_empty());
    assert_eq!(device.provider.count("/revoke"), 0);
}

#[tokio::test]
async fn a_session_that_needs_a_new_sign_in_still_does_after_a_refusal_and_goes_on_after_an_adoption() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().revoke_sessions();
    session.access_token(a_new_one(&session)).await.unwrap_err();
    let ended = SessionState::NeedsReauth(ReauthReason::Revoked);
    assert_eq!(code_of(adopt(&session, "seen-rt-7-0").await), "invalid_grant");
    assert_eq!(session.state(), ended);
    let token = device.provider.state().issue_refresh_token();
    let user = adopt(&session, &token).await.unwrap();
    assert_eq!(session.state(), SessionState::SignedIn(user));
}

#[tokio::test]
async fn a_refusal_of_the_client_keeps_the_record_for_an_app_that_is_set_up_rightly() {
    let (device, token) = device_with_token().await;
    device.provider.fault(Fault::Instead(400, r#"{"error":"unauthorized_client"}"#));
    let session = device.process();
    assert_eq!(code_of(adopt(&session, &token).await), "unauthorized_client");
    assert_eq!((session.state(), begun(&session).await.len()), (NEVER, 1));
    adopt(&session, &token).await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_there_is_never_replaced() {
    let (device, token) = device_with_token().await;
    let session = device.signed_in().await;
    let before = session.state();
    assert_eq!(code_of(adopt(&session, &token).await), "already_signed_in");
    assert_eq!(session.state(), before);
    assert!(device.provider.refreshes().is_empty());
}

#[tokio::test]
async fn a_token_of_another_user_is_not_adopted_and_not_lost() {
    for with_id_token in [true, false] {
        let (device, token) = device_with_token().await;
        device.provider.state().id_token_at_refresh = with_id_token;
        let session = device.process();
        assert_eq!(code_of(adopt_of(&session, &token, "eve").await), "another_user");
        assert_eq!(session.state(), NEVER);
        assert_eq!(device.provider.count("/revoke"), 0);
        adopt_of(&session, &token, "ada").await.unwrap();
        assert_eq!(device.provider.refreshes().len(), 1);
    }
}

#[tokio::test]
async fn text_that_is_no_token_is_refused_and_not_sent() {
    let device = Device::new().await;
    let session = device.process();
    for text in ["", "a\nb", "tok\u{e9}n", "a\0", "\u{7f}", &"x".repeat(65 * 1024)] {
        assert_eq!(code_of(adopt(&session, text).await), "invalid_refresh_token", "{text:.9}");
    }
    assert_eq!(device.provider.count("/.well-known/openid-configuration"), 0);
    // Whatever a token may be (RFC 6749 Appendix A.17) is for the provider to judge.
    assert_eq!(code_of(adopt(&session, " ~%=").await), "invalid_grant");
}

#[tokio::test]
async fn the_user_is_that_of_the_id_token_if_the_answer_has_one() {
    let (device, token) = device_with_token().await;
    device.provider.state().id_token_at_refresh = true;
    let session = device.process();
    let user = adopt(&session, &token).await.unwrap();
    assert_eq!((user.subject.as_str(), user.name.as_deref(), user.email), ("ada", Some("Ada"), None));
    assert_eq!(device.provider.count("/userinfo"), 0);
    assert!(session.store.id_token().is_some());
}

#[tokio::test]
async fn an_id_token_that_fails_a_check_gives_no_session() {
    for claims in
        [json!({ "iss": "https://evil.example" }), json!({ "aud": "another" }), json!({ "at_hash": "AAAA" })]
    {
        let (device, token) = device_with_token().await;
        device.provider.state().id_token_at_refresh = true;
        device.provider.state().claims = claims;
        let session = device.process();
        assert_eq!(code_of(adopt(&session, &token).await), "invalid_id_token");
        assert_eq!((session.state(), begun(&session).await.len()), (NEVER, 1));
    }
}

#[tokio::test]
async fn an_answer_that_names_nobody_is_refused_and_kept() {
    let (device, token) = device_with_token().await;
    device.provider.state().has_userinfo = false;
    let session = device.process();
    assert_eq!(code_of(adopt(&session, &token).await), "no_subject");
    assert_eq!(session.state(), NEVER);
    for (response, code) in [(r#"{"name":"Ada"}"#, "no_subject"), (r#"{"sub":""}"#, "no_subject")] {
        let (device, token) = device_with_token().await;
        device.provider.state().overrides.insert("/userinfo", (200, response.into()));
        let session = device.process();
        assert_eq!(code_of(adopt(&session, &token).await), code, "{response}");
        device.provider.state().overrides.insert("/userinfo", (200, ADA.into()));
        assert_eq!(adopt(&session, &token).await.unwrap().subject, "ada");
        assert_eq!(device.provider.refreshes().len(), 1);
    }
}

#[tokio::test]
async fn a_portal_in_the_place_of_userinfo_costs_nothing() {
    let (device, token) = device_with_token().await;
    device.provider.state().overrides.insert("/userinfo", (200, "<html></html>".into()));
    let session = device.process();
    assert_eq!(adopt(&session, &token).await, Err(Error::offline()));
    device.provider.state().overrides.clear();
    adopt(&session, &token).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn a_provider_that_cannot_bind_the_token_needs_an_app_that_accepts_bearer_tokens() {
    let (device, token) = device_with_token().await;
    device.provider.state().binds_at_refresh = false;
    let strict = device.process();
    assert_eq!(code_of(adopt(&strict, &token).await), "unbound_token");
    assert_eq!(strict.state(), NEVER);
    assert_eq!(device.provider.count("/revoke"), 0);
    // The next version of the app accepts them: the token that was spent is not lost.
    let lenient = device.lenient_process();
    adopt(&lenient, &token).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 1);
    assert_eq!(lenient.info().unwrap().token_type, TokenType::Bearer);
    lenient.access_token(a_new_one(&lenient)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn a_provider_without_dpop_is_not_sent_a_token_unless_the_app_accepts_bearer_tokens() {
    let (device, token) = device_with_token().await;
    device.provider.state().binds = false;
    let strict = device.process();
    assert!(matches!(adopt(&strict, &token).await, Err(Error::Misconfigured(_))));
    assert!(device.provider.refreshes().is_empty() && begun(&strict).await.is_empty());
    adopt(&device.lenient_process(), &token).await.unwrap();
    assert!(device.provider.refreshes()[0].proof.is_none());
}

#[tokio::test]
async fn a_provider_that_does_not_rotate_leaves_the_token_in_force() {
    let (device, token) = device_with_token().await;
    device.provider.state().issues_refresh_tokens = false;
    let session = device.process();
    adopt(&session, &token).await.unwrap();
    let stored = session.stored_state().await;
    assert_eq!(stored.refreshable_token().unwrap().expose(), token);
}

#[tokio::test]
async fn a_full_disk_does_not_cost_the_answer() {
    for attempts in [true, false] {
        let (device, token) = device_with_token().await;
        device.provider.state().knows_attempts = attempts;
        let session = device.process();
        let gate = Gate::new();
        device.provider.fault(Fault::HoldAnswer(gate.clone()));
        let adopting = {
            let (session, token) = (session.clone(), token.clone());
            tokio::spawn(async move { adopt(&session, &token).await })
        };
        gate.reached().await;
        device.disk.fill_also_in_place(true);
        gate.open();
        let full = Err(Error::StorageUnavailable(StorageUnavailableReason::NoSpace));
        assert_eq!(adopting.await.unwrap(), full);
        device.disk.fill_also_in_place(false);
        adopt(&session, &token).await.unwrap();
        assert_eq!(device.provider.refreshes().len(), 1, "{attempts}");
    }
}

#[tokio::test]
async fn an_answer_in_memory_is_stored_before_the_process_ends() {
    let (device, token) = device_with_token().await;
    let session = device.process();
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let adopting = {
        let (session, token) = (session.clone(), token.clone());
        tokio::spawn(async move { adopt(&session, &token).await })
    };
    gate.reached().await;
    device.disk.fill_also_in_place(true);
    gate.open();
    adopting.await.unwrap().unwrap_err();
    device.disk.fill_also_in_place(false);
    session.shutdown(Duration::from_secs(60)).await.unwrap();
    assert!(begun(&device.process()).await[0].answer.is_some());
    assert_eq!(device.provider.live_generation(), Some(1));
}

#[tokio::test]
async fn a_token_does_not_bring_back_a_session_that_the_user_has_signed_out_of() {
    let (device, token) = device_with_token().await;
    let session = device.process();
    adopt(&session, &token).await.unwrap();
    session.sign_out_here().await.unwrap();
    let sent = device.provider.refreshes().len();
    for process in [&session, &device.process()] {
        assert_eq!(adopt(process, &token).await, Err(Error::SignedOut(SignedOutReason::ByUser)));
    }
    assert_eq!(device.provider.refreshes().len(), sent);
}

#[tokio::test]
async fn a_sign_out_ends_an_adoption_that_has_begun() {
    let (device, token) = device_with_token().await;
    device.provider.state().overrides.insert("/userinfo", (503, String::new()));
    let session = device.process();
    adopt(&session, &token).await.unwrap_err();
    session.sign_out_here().await.unwrap();
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(adopt(&session, &token).await, Err(Error::SignedOut(SignedOutReason::ByUser)));
}

#[tokio::test]
async fn a_sign_in_takes_the_place_of_an_adoption_that_has_begun() {
    let (device, token) = device_with_token().await;
    device.provider.state().overrides.insert("/userinfo", (503, String::new()));
    let session = device.process();
    adopt(&session, &token).await.unwrap_err();
    let user = device.sign_in(&session).await.unwrap();
    session.send_revocations().await;
    assert!(device.provider.state().sessions[0].revoked, "nobody else has its tokens");
    assert_eq!(code_of(adopt(&session, &token).await), "already_signed_in");
    assert_eq!(session.state(), SessionState::SignedIn(user));
}

#[tokio::test]
async fn a_cancelled_sign_in_leaves_an_adoption_alone() {
    let (device, token) = device_with_token().await;
    device.provider.state().overrides.insert("/userinfo", (503, String::new()));
    let session = device.process();
    adopt(&session, &token).await.unwrap_err();
    session.sign_in.start(SignInOptions::default()).await.unwrap();
    session.sign_in.cancel().await.unwrap();
    device.provider.state().overrides.clear();
    adopt(&session, &token).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_adopt_at_once_make_one_session() {
    for attempts in [true, false] {
        let (device, token) = device_with_token().await;
        device.provider.state().knows_attempts = attempts;
        let processes: Vec<Arc<Session>> = (0..3).map(|_| device.process()).collect();
        let adopting: Vec<_> = processes
            .iter()
            .map(|session| {
                let (session, token) = (session.clone(), token.clone());
                tokio::spawn(async move { adopt(&session, &token).await })
            })
            .collect();
        for one in adopting {
            assert_eq!(one.await.unwrap().unwrap().subject, "ada");
        }
        assert_eq!(device.provider.live_generation(), Some(1), "{attempts}");
        if !attempts {
            assert_eq!(device.provider.refreshes().len(), 1);
        }
        let next = device.process();
        next.access_token(a_new_one(&next)).await.unwrap();
        assert_eq!(device.provider.live_generation(), Some(2));
    }
}

#[tokio::test]
async fn a_key_of_the_signer_that_is_gone_is_replaced() {
    let (mut device, token) = device_with_token().await;
    let hardware = Arc::new(Hardware::default());
    device.signer = Some(hardware.clone());
    let session = device.process();
    device.provider.state().overrides.insert("/token", (503, String::new()));
    adopt(&session, &token).await.unwrap_err();
    device.provider.state().overrides.clear();
    hardware.lose_keys();
    adopt(&session, &token).await.unwrap();
    assert_eq!(hardware.key_ids().len(), 1);
    session.access_token(a_new_one(&session)).await.unwrap();
}

#[tokio::test]
async fn a_token_of_another_endpoint_is_not_sent() {
    let (device, token) = device_with_token().await;
    let session = device.process();
    let elsewhere = Offer { token_endpoint: Some("https://evil.example/token".into()), ..offer(&token) };
    assert_eq!(code_of(session.sign_in.adopt(elsewhere).await), "auth_state_mismatch");
    assert!(device.provider.refreshes().is_empty() && begun(&session).await.is_empty());
    let here = format!("{}/token", device.provider.issuer);
    session.sign_in.adopt(Offer { token_endpoint: Some(here), ..offer(&token) }).await.unwrap();
}

#[tokio::test]
async fn nothing_secret_shows_in_what_is_stored_of_an_adoption() {
    let (device, token) = device_with_token().await;
    device.provider.state().overrides.insert("/userinfo", (503, String::new()));
    let session = device.process();
    adopt(&session, &token).await.unwrap_err();
    let shown = format!("{:?} {:?}", begun(&session).await, offer(&token));
    assert!(!shown.contains("seen-"), "{shown}");
}
