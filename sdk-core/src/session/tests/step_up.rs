//! An API asks more of the user than the session has.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::json;
use url::Url;

use crate::{
    Error, HttpRequest, SessionState, SignInOptions, SignedOutReason, StepUp, session::Session,
    testing::Device,
};

const STRONGER: &str = r#"DPoP error="insufficient_user_authentication", acr_values="urn:mfa", max_age="60""#;

/// What the API answers to a call.
async fn call(device: &Device, session: &Session) -> Result<u16, Error> {
    let request = HttpRequest::get(&format!("{}/api", device.provider.issuer));
    session.api.send(request).await.map(|response| response.status)
}

/// The API asks for `challenge`; what the app gets to know.
async fn challenged(device: &Device, session: &Session, status: u16, challenge: &'static str) -> StepUp {
    device.provider.state().challenge = Some((status, challenge.into()));
    match call(device, session).await {
        Err(Error::StepUpRequired(step_up)) => step_up,
        other => panic!("{other:?}"),
    }
}

/// The authorization request that answers it, as the browser gets it.
async fn answer(session: &Session, step_up: StepUp) -> (String, HashMap<String, String>) {
    let options = SignInOptions { step_up: Some(step_up), ..SignInOptions::default() };
    let request = session.sign_in.start(options).await.unwrap();
    let query = Url::parse(&request.url).unwrap().query_pairs().into_owned().collect();
    (request.url, query)
}

fn is_signed_in(session: &Arc<Session>) -> bool {
    matches!(session.state(), SessionState::SignedIn(_))
}

#[tokio::test]
async fn a_challenge_is_reported_the_session_stays_and_the_answer_lets_the_call_in() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let step_up = challenged(&device, &session, 401, STRONGER).await;
    assert!(is_signed_in(&session));
    assert_eq!(device.provider.refreshes().len(), 0, "a new token of the same session would not help");
    let (url, query) = answer(&session, step_up).await;
    assert_eq!((query["acr_values"].as_str(), query["max_age"].as_str()), ("urn:mfa", "60"));
    assert!(!query.contains_key("prompt") && is_signed_in(&session));
    device.provider.state().challenge = None;
    assert_eq!(call(&device, &session).await, Ok(200), "other calls go on meanwhile");
    device.provider.state().claims = json!({ "acr": "urn:mfa", "amr": ["pwd", "otp"] });
    session.sign_in.finish(&device.provider.authorize(&url)).await.unwrap();
    let authentication = session.info().unwrap().authentication;
    assert_eq!((authentication.acr.as_deref(), authentication.amr.len()), (Some("urn:mfa"), 2));
    assert!(authentication.auth_time().is_some());
    assert_eq!(call(&device, &session).await, Ok(200));
}

#[tokio::test]
async fn a_missing_scope_is_requested_together_with_those_that_were_granted() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let challenge = r#"Bearer error="insufficient_scope", scope="notes.write openid""#;
    let step_up = challenged(&device, &session, 403, challenge).await;
    let (_, query) = answer(&session, step_up).await;
    assert_eq!(query["scope"], "openid offline_access notes.write");
}

#[tokio::test]
async fn a_scope_that_was_granted_is_not_asked_for_again_and_the_app_gets_the_apis_response() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let challenge = r#"Bearer error="insufficient_scope", scope="openid""#;
    device.provider.state().challenge = Some((403, challenge.into()));
    assert_eq!(call(&device, &session).await, Ok(403));
    assert_eq!(session.api.step_up_of(403, [challenge]), None);
    let another = r#"Bearer error="insufficient_scope", scope="pay""#;
    assert_eq!(session.api.step_up_of(403, ["Basic", "\n", another]).unwrap().scope, ["pay"]);
    assert_eq!(session.api.step_up_of(9, [another]), None);
}

#[tokio::test]
async fn a_challenge_that_names_nothing_asks_the_provider_not_to_answer_by_its_own_session() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let step_up = challenged(&device, &session, 401, "DPoP error=insufficient_user_authentication").await;
    assert_eq!(answer(&session, step_up).await.1["prompt"], "login");
}

#[tokio::test]
async fn another_user_cannot_answer_and_the_session_stays() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let step_up = challenged(&device, &session, 401, STRONGER).await;
    let (url, _) = answer(&session, step_up).await;
    device.provider.state().claims = json!({ "sub": "eve" });
    let error = session.sign_in.finish(&device.provider.authorize(&url)).await.unwrap_err();
    assert_eq!(error.refusal(), Some("another_user"));
    device.provider.state().challenge = None;
    assert!(is_signed_in(&session));
    assert_eq!(session.info().unwrap().user.subject, "ada");
    assert_eq!(call(&device, &session).await, Ok(200));
}

#[tokio::test]
async fn an_authentication_that_is_too_old_is_refused_and_the_session_stays() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let step_up = challenged(&device, &session, 401, STRONGER).await;
    let (url, _) = answer(&session, step_up).await;
    let old = device.clock.truth() - Duration::from_secs(3_600);
    let old = old.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    device.provider.state().claims = json!({ "auth_time": old });
    let error = session.sign_in.finish(&device.provider.authorize(&url)).await.unwrap_err();
    assert_eq!(error.refusal(), Some("invalid_id_token"));
    assert!(is_signed_in(&session));
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_step_up() {
    let device = Device::new().await;
    let session = device.process();
    let options = SignInOptions { step_up: Some(StepUp::default()), ..SignInOptions::default() };
    let error = session.sign_in.start(options).await.unwrap_err();
    assert_eq!(error, Error::SignedOut(SignedOutReason::NeverSignedIn));
}
