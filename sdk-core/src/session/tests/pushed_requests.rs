//! Authorization requests that go to the provider first (RFC 9126).

use std::collections::HashMap;

use url::Url;

use crate::{Error, SignInOptions, session::Session, testing::Device};

async fn pushing() -> Device {
    let device = Device::new().await;
    device.provider.state().takes_pushed_requests = true;
    device
}

async fn url(session: &Session) -> Result<String, Error> {
    session.sign_in.start(SignInOptions::default()).await.map(|request| request.url)
}

fn parameters(url: &str) -> HashMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn the_browser_gets_a_reference_and_the_provider_the_request_with_a_proof() {
    let device = pushing().await;
    let session = device.process();
    let url = url(&session).await.unwrap();
    let browser = parameters(&url);
    assert_eq!(browser.len(), 2);
    assert_eq!(browser["client_id"], "notes");
    {
        let state = device.provider.state();
        let pushed = state.requests.iter().find(|seen| seen.path == "/par").unwrap();
        assert_eq!(pushed.form["client_id"], "notes");
        assert_eq!(pushed.form["code_challenge_method"], "S256");
        assert!(
            ["state", "nonce", "code_challenge", "dpop_jkt"]
                .iter()
                .all(|name| pushed.form.contains_key(*name))
        );
        assert!(pushed.proof_id.is_some());
    }
    session.sign_in.finish(&device.provider.authorize(&url)).await.unwrap();
}

#[tokio::test]
async fn a_refused_request_is_reported_and_no_sign_in_is_left() {
    let device = pushing().await;
    let session = device.process();
    let refusal = r#"{"error":"invalid_scope","error_description":"no such scope"}"#;
    device.provider.state().overrides.insert("/par", (400, refusal.into()));
    assert_eq!(url(&session).await.unwrap_err().refusal(), Some("invalid_scope"));
    assert!(session.look(|account| account.is_none_or(|account| account.logins.is_empty())).await.unwrap());
}

#[tokio::test]
async fn a_provider_that_only_offers_it_to_others_gets_the_request_by_the_browser() {
    for (status, body) in [
        (401, r#"{"error":"invalid_client"}"#),
        (400, r#"{"error":"unauthorized_client"}"#),
        (404, "{}"),
        (405, ""),
        (501, ""),
    ] {
        let device = pushing().await;
        device.provider.state().overrides.insert("/par", (status, body.into()));
        let url = url(&device.process()).await.unwrap();
        assert!(parameters(&url).contains_key("code_challenge"), "{status}");
    }
}

#[tokio::test]
async fn a_provider_that_requires_it_never_gets_the_request_by_the_browser() {
    let device = pushing().await;
    device.provider.state().requires_pushed_requests = true;
    let refusal = r#"{"error":"unauthorized_client"}"#;
    device.provider.state().overrides.insert("/par", (400, refusal.into()));
    assert_eq!(url(&device.process()).await.unwrap_err().refusal(), Some("unauthorized_client"));
    let device = Device::new().await;
    device.provider.state().requires_pushed_requests = true;
    assert!(matches!(url(&device.process()).await, Err(Error::Misconfigured(_))));
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_usable_is_passing_trouble() {
    for (status, body) in [
        (200, "<html>Welcome to the hotel</html>"),
        (201, "{}"),
        (201, r#"{"request_uri":""}"#),
        (201, r#"{"request_uri":7}"#),
        (302, ""),
        (403, r#"{"error":"Forbidden"}"#),
        (500, ""),
    ] {
        let device = pushing().await;
        device.provider.state().overrides.insert("/par", (status, body.into()));
        assert_eq!(
            url(&device.process()).await,
            Err(Error::Offline { maybe_sent: false }),
            "{status} {body}"
        );
    }
    let device = pushing().await;
    device.provider.state().overrides.insert("/par", (429, String::new()));
    assert!(matches!(url(&device.process()).await, Err(Error::RateLimited { .. })));
}
