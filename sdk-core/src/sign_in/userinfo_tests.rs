//! Who has signed in, as the userinfo endpoint says.

use std::time::Duration;

use serde_json::json;

use super::tests::{NEVER, callback, code_of};
use crate::{
    Error, SessionState,
    testing::{Device, Fault, Gate, a_new_one},
};

#[tokio::test]
async fn what_the_userinfo_endpoint_no_longer_says_is_no_longer_known() {
    let device = Device::new().await;
    device.provider.state().claims = serde_json::json!({ "name": "Ada" });
    let session = device.signed_in().await;
    for (response, email, role) in [
        (r#"{"sub":"ada","email":"old@example.com","role":"admin"}"#, Some("old@example.com"), true),
        (r#"{"sub":"ada","preferred_username":"ada"}"#, None, false),
    ] {
        device.provider.state().overrides.insert("/userinfo", (200, response.into()));
        let user = session.api.user_info().await.unwrap();
        assert_eq!((user.email.as_deref(), user.claims.contains_key("role")), (email, role), "{response}");
        assert_eq!(user.name.as_deref(), Some("Ada"), "the ID token said it");
        assert!(!user.claims.contains_key("nonce"));
        assert_eq!(device.process().state(), SessionState::SignedIn(user));
    }
}

#[tokio::test]
async fn userinfo_about_somebody_else_is_refused() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let user = session.api.user_info().await.unwrap();
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(device.process().state(), SessionState::SignedIn(user.clone()));
    device.provider.state().overrides.insert("/userinfo", (200, r#"{"sub":"eve"}"#.into()));
    assert_eq!(code_of(&session.api.user_info().await.unwrap_err()), "invalid_userinfo");
    assert_eq!(session.state(), SessionState::SignedIn(user));
}

/// A provider that issues an access token keeps these claims for its userinfo endpoint (OpenID Connect Core §5.4).
#[tokio::test]
async fn a_user_whom_the_id_token_does_not_name_has_a_name_from_the_first_state_on() {
    let device = nameless().await;
    let session = device.process();
    let mut states = session.states();
    assert_eq!(states.next().await, Some(NEVER));
    let callback = callback(&device, &session).await;
    assert_eq!(states.next().await, Some(SessionState::SigningIn));
    let gate = Gate::new();
    device
        .provider
        .state()
        .faults_at
        .entry("/userinfo")
        .or_default()
        .push_back(Fault::HoldAnswer(gate.clone()));
    let finishing = {
        let session = session.clone();
        tokio::spawn(async move { session.sign_in.finish(&callback).await })
    };
    gate.reached().await;
    // The session is durable, whatever the userinfo endpoint says.
    assert!(matches!(device.process().state(), SessionState::SignedIn(_)));
    assert_eq!(session.state(), SessionState::SigningIn);
    gate.open();
    let user = finishing.await.unwrap().unwrap();
    assert_eq!((user.name.as_deref(), user.email.as_deref()), (Some("Ada"), Some("ada@example.com")));
    assert_eq!(states.next().await, Some(SessionState::SignedIn(user.clone())));
    assert_eq!(device.process().state(), SessionState::SignedIn(user));
}

#[tokio::test]
async fn userinfo_that_is_not_to_be_had_does_not_cost_the_sign_in() {
    for (status, body) in [(503, ""), (401, "{}"), (200, r#"{"sub":"eve","name":"Eve"}"#), (200, "<html>")] {
        let device = nameless().await;
        device.provider.state().overrides.insert("/userinfo", (status, body.into()));
        let session = device.process();
        let user = device.sign_in(&session).await.unwrap();
        assert_eq!((user.subject.as_str(), user.name.as_deref()), ("ada", None), "{status} {body}");
        assert_eq!(session.state(), SessionState::SignedIn(user));
        session.access_token(a_new_one(&session)).await.unwrap();
        device.provider.state().overrides.clear();
        assert_eq!(session.api.user_info().await.unwrap().name.as_deref(), Some("Ada"));
    }
}

#[tokio::test]
async fn userinfo_is_asked_only_for_what_was_granted_and_is_missing() {
    for (scope, claims, asked) in [
        ("openid offline_access", json!({ "name": null }), 0),
        ("openid profile offline_access", json!({}), 0),
        ("openid profile offline_access", json!({ "name": null, "preferred_username": "ada" }), 0),
        ("openid profile offline_access", json!({ "name": null }), 1),
        ("openid profile email offline_access", json!({}), 1),
    ] {
        let device = Device::new().await;
        (device.provider.state().scope, device.provider.state().claims) = (scope.into(), claims.clone());
        device.signed_in().await;
        assert_eq!(device.provider.count("/userinfo"), asked, "{scope} {claims}");
    }
    let device = nameless().await;
    device.provider.state().has_userinfo = false;
    device.signed_in().await;
    assert_eq!(device.provider.count("/userinfo"), 0);
}

#[tokio::test]
async fn who_has_signed_in_is_known_without_another_reading_of_the_vault() {
    let device = Device::new().await;
    let session = device.process();
    let user = device.sign_in(&session).await.unwrap();
    session.revocations.idle(Duration::from_secs(60)).await;
    let before = device.disk.reads();
    assert_eq!(session.sign_in.described(user.clone()).await, user);
    assert_eq!(device.disk.reads(), before);
}

#[tokio::test]
async fn a_token_that_userinfo_echoes_shows_in_no_error() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let body = format!(
        r#"{{"error":"insufficient_scope","error_description":"{} may not"}}"#,
        session.latest().unwrap().secret()
    );
    device.provider.state().overrides.insert("/userinfo", (403, body));
    let error = session.api.user_info().await.unwrap_err();
    assert_eq!(error, Error::refused("insufficient_scope", "[redacted] may not"));
}

/// With a provider that says nothing of the user in the ID token.
async fn nameless() -> Device {
    let device = Device::new().await;
    device.provider.state().claims = json!({ "name": null });
    device.provider.state().scope = "openid profile email offline_access".into();
    device
}
