//! Access tokens for one API, or with a smaller scope (RFC 8707, RFC 6749 §6).

use std::{sync::Arc, time::Duration};

use crate::{
    AccessToken, AccessTokenOptions, Error, SessionState,
    account::TokenRequest,
    session::Session,
    testing::{Device, Fault, Gate, a_new_one, any},
};

fn for_resource(resource: &str) -> TokenRequest {
    request(&AccessTokenOptions { resource: Some(resource.into()), ..AccessTokenOptions::default() })
}

fn with_scope(scope: &[&str]) -> TokenRequest {
    let scope = scope.iter().map(|scope| (*scope).to_owned()).collect();
    request(&AccessTokenOptions { scope, ..AccessTokenOptions::default() })
}

fn request(options: &AccessTokenOptions) -> TokenRequest {
    TokenRequest::of(options)
}

const PAY: &str = "https://pay.example/v1";
const CHAT: &str = "https://chat.example";

/// A process of an app that calls these APIs, in which a user has signed in.
async fn signed_in(device: &Device) -> Arc<Session> {
    let resources = [PAY, CHAT, "https://a.example", "https://b.example", "https://c.example"];
    let builder = device.builder().resources(resources);
    let session = device.open(builder.build().unwrap());
    device.sign_in(&session).await.unwrap();
    session
}

async fn token(session: &Session, request: TokenRequest) -> AccessToken {
    session.access_token(request).await.unwrap()
}

#[tokio::test]
async fn each_narrower_token_is_requested_once_and_leaves_the_sessions_own_in_place() {
    for knows_attempts in [true, false] {
        let device = Device::new().await;
        device.provider.state().knows_attempts = knows_attempts;
        let session = signed_in(&device).await;
        let own = token(&session, any()).await;
        let pay = token(&session, for_resource(PAY)).await;
        let read = token(&session, with_scope(&["offline_access", "openid"])).await;
        for again in [token(&session, for_resource(PAY)).await, pay.clone()] {
            assert_eq!(again.secret(), pay.secret());
        }
        assert_eq!(token(&session, with_scope(&["openid", "offline_access"])).await.secret(), read.secret());
        assert_eq!(token(&session, any()).await.secret(), own.secret());
        assert_eq!(session.info().unwrap().scope, ["openid", "offline_access"]);
        let sent = device.provider.refreshes();
        assert_eq!(sent.len(), 2);
        assert_eq!((sent[0].form["resource"].as_str(), sent[0].form.get("scope")), (PAY, None));
        assert_eq!(
            (sent[1].form["scope"].as_str(), sent[1].form.get("resource")),
            ("offline_access openid", None)
        );
        // The refresh token that came with them is the session's.
        token(&session, a_new_one(&session)).await;
        assert_eq!(device.provider.live_generation(), Some(3));
        assert!(!device.provider.refreshes()[2].form.contains_key("resource"));
    }
}

#[tokio::test]
async fn a_narrower_token_is_refreshed_when_it_is_rejected_or_expires() {
    let device = Device::new().await;
    let session = signed_in(&device).await;
    let first = token(&session, for_resource(PAY)).await;
    let rejected = TokenRequest { rejected: Some(first.clone()), ..for_resource(PAY) };
    let second = token(&session, rejected.clone()).await;
    assert_ne!(first.secret(), second.secret());
    assert_eq!(token(&session, rejected).await.secret(), second.secret(), "a late rejection");
    device.clock.pass(Duration::from_secs(901));
    assert_ne!(token(&session, for_resource(PAY)).await.secret(), second.secret());
}

#[tokio::test]
async fn callers_with_different_needs_at_once_get_what_they_asked_for() {
    let device = Device::new().await;
    let session = signed_in(&device).await;
    let requests = [PAY, CHAT, PAY, "https://a.example", "https://b.example", "https://c.example", CHAT];
    let callers: Vec<_> = requests
        .iter()
        .map(|resource| {
            let (session, request) = (session.clone(), for_resource(resource));
            tokio::spawn(async move { session.access_token(request).await.unwrap() })
        })
        .collect();
    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(caller.await.unwrap().secret().to_owned());
    }
    assert_eq!((&tokens[0], &tokens[1]), (&tokens[2], &tokens[6]));
    let different: std::collections::HashSet<_> = tokens.iter().collect();
    assert_eq!((different.len(), device.provider.refreshes().len()), (5, 5));
}

#[tokio::test]
async fn a_provider_that_has_no_such_token_refuses_and_the_session_goes_on() {
    for code in
        ["invalid_target", "invalid_scope", "consent_required", "interaction_required", "invalid_request"]
    {
        let device = Device::new().await;
        let session = signed_in(&device).await;
        let body = format!(r#"{{"error":"{code}"}}"#).leak();
        for _ in 0..3 {
            device.provider.fault(Fault::Instead(400, body));
            let error = session.access_token(for_resource(PAY)).await.unwrap_err();
            assert_eq!(error.refusal(), Some(code));
        }
        assert!(matches!(session.state(), SessionState::SignedIn(_)), "{code}");
        assert_eq!(session.info().unwrap().last_refusal, None);
        token(&session, a_new_one(&session)).await;
    }
    let device = Device::new().await;
    let session = signed_in(&device).await;
    device.provider.fault(Fault::Instead(400, r#"{"error":"invalid_grant"}"#));
    assert!(matches!(session.access_token(for_resource(PAY)).await, Err(Error::NeedsReauth(_))));
}

#[tokio::test]
async fn what_the_session_does_not_have_is_never_sent() {
    let device = Device::new().await;
    let session = signed_in(&device).await;
    let unnamed = session.access_token(for_resource("https://unnamed.example")).await;
    assert!(matches!(unnamed, Err(Error::Misconfigured(_))), "{unnamed:?}");
    let ungranted = session.access_token(with_scope(&["notes.write"])).await;
    assert!(matches!(ungranted, Err(Error::StepUpRequired(_))), "{ungranted:?}");
    assert_eq!(device.provider.refreshes().len(), 0);
}

#[tokio::test]
async fn a_lost_answer_to_a_narrower_refresh_costs_nothing() {
    let device = Device::new().await;
    let session = signed_in(&device).await;
    device.provider.fault(Fault::LoseAnswer);
    token(&session, for_resource(PAY)).await;
    token(&session, a_new_one(&session)).await;
    assert!(device.provider.live_generation().is_some());
}

#[tokio::test]
async fn a_narrower_token_that_could_only_be_saved_is_handed_out_to_nobody_else() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = signed_in(&device).await;
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let asking = {
        let session = session.clone();
        tokio::spawn(async move { session.access_token(for_resource(PAY)).await })
    };
    gate.reached().await;
    device.disk.fill_also_in_place(true);
    gate.open();
    assert!(matches!(asking.await.unwrap(), Err(Error::StorageUnavailable(_))));
    device.disk.fill_also_in_place(false);
    let before = token(&session, any()).await;
    let own = token(&session, a_new_one(&session)).await;
    assert_ne!(own.secret(), before.secret());
    // Both were refreshes: what came first is stored by now, as a narrower token.
    assert_eq!(device.provider.refreshes().len(), 2);
    token(&session, for_resource(PAY)).await;
    assert_eq!(device.provider.refreshes().len(), 2);
    assert!(device.provider.live_generation().is_some());
}

#[tokio::test]
async fn narrower_tokens_end_with_their_session() {
    let device = Device::new().await;
    let session = signed_in(&device).await;
    let pay = token(&session, for_resource(PAY)).await;
    session.sign_out_here().await.unwrap();
    assert!(matches!(session.access_token(for_resource(PAY)).await, Err(Error::SignedOut(_))));
    device.sign_in(&session).await.unwrap();
    assert_ne!(token(&session, for_resource(PAY)).await.secret(), pay.secret());
}

#[tokio::test]
async fn without_a_refresh_token_there_is_no_narrower_one() {
    let device = Device::new().await;
    device.provider.state().issues_refresh_tokens = false;
    let session = signed_in(&device).await;
    let error = session.access_token(for_resource(PAY)).await.unwrap_err();
    assert_eq!(error.refusal(), Some("no_refresh_token"));
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    token(&session, any()).await;
}
