//! The provider's documents in whole sessions: outages, portals, and what a provider says about its signatures.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    Error, HttpRequest, SignInOptions,
    net::Response,
    provider::StoredProvider,
    session::Session,
    testing::{Device, a_new_one, signer::Signer},
};

const DISCOVERY: &str = "/.well-known/openid-configuration";

async fn stored(session: &Session) -> Option<StoredProvider> {
    session.look(|account| account.and_then(|account| account.provider.clone())).await.unwrap()
}

/// The provider's metadata with this in it, as it answers it from now on.
fn say(device: &Device, name: &str, value: &Value) {
    let issuer = &device.provider.issuer;
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "dpop_signing_alg_values_supported": ["ES256"],
        "refresh_attempt_supported": true,
    });
    document[name] = value.clone();
    device.provider.state().overrides.insert(DISCOVERY, (200, document.to_string()));
}

#[tokio::test]
async fn a_cold_start_while_discovery_is_down_refreshes_with_one_request() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    for (status, body) in [(200, "<html>"), (403, ""), (404, ""), (302, ""), (503, ""), (200, "{\"issuer\":")]
    {
        for path in [DISCOVERY, "/.well-known/oauth-authorization-server", "/jwks"] {
            device.provider.state().overrides.insert(path, (status, body.into()));
        }
        let restarted = device.process();
        let before = device.provider.state().requests.len();
        restarted.access_token(a_new_one(&restarted)).await.unwrap();
        assert_eq!(device.provider.state().requests.len(), before + 1, "{status} {body}");
    }
}

#[tokio::test]
async fn without_stored_documents_a_portal_is_passing_trouble_and_nothing_is_lost() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    for (status, body) in [(200, "<html>"), (403, ""), (404, ""), (302, ""), (503, ""), (200, "{\"issuer\":")]
    {
        for path in [DISCOVERY, "/.well-known/oauth-authorization-server"] {
            device.provider.state().overrides.insert(path, (status, body.into()));
        }
        let restarted = device.process();
        let deleted = restarted.store.update(crate::vault::WhenLost::Fail, |account| {
            account.provider = None;
            crate::vault::Change::Write(())
        });
        deleted.await.unwrap();
        let error = restarted.access_token(a_new_one(&restarted)).await.unwrap_err();
        assert_eq!(error, Error::offline(), "{status} {body}");
        device.provider.state().overrides.clear();
        restarted.access_token(a_new_one(&restarted)).await.unwrap();
    }
}

#[tokio::test]
async fn documents_are_stored_with_the_session_and_then_once_a_day() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let first = stored(&session).await.expect("they were stored with the sign-in");
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(stored(&session).await, Some(first.clone()));
    device.clock.pass(Duration::from_secs(86_400));
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_ne!(stored(&session).await, Some(first));
}

#[tokio::test]
async fn keys_that_fail_once_after_the_exchange_are_asked_for_again_and_nothing_is_lost() {
    let device = Device::new().await;
    let session = device.process();
    for (status, body) in [(503, ""), (200, "<html>"), (404, "")] {
        device.provider.state().overrides.insert("/jwks", (status, body.into()));
        let (before, exchanges) = (device.provider.count("/jwks"), device.provider.count("/token"));
        let repaired = async {
            while device.provider.count("/jwks") == before {
                tokio::task::yield_now().await;
            }
            device.provider.state().overrides.clear();
        };
        let (user, ()) = tokio::join!(device.sign_in(&session), repaired);
        assert_eq!(user.unwrap().subject, "ada", "{status} {body}");
        assert_eq!(device.provider.count("/token"), exchanges + 1, "the code was exchanged once");
        device.clock.pass(Duration::from_secs(2 * 86_400));
    }
}

#[tokio::test]
async fn algorithms_that_nobody_could_verify_are_found_before_the_user_signs_in() {
    let device = Device::new().await;
    let session = device.process();
    say(&device, "id_token_signing_alg_values_supported", &json!(["ES512", "HS256"]));
    let error = session.sign_in.start(SignInOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Misconfigured(what) if what.contains("ES512, HS256")), "{error:?}");
    device.clock.pass(Duration::from_secs(10));
    say(&device, "id_token_signing_alg_values_supported", &json!(["ES512", "ES256"]));
    session.sign_in.start(SignInOptions::default()).await.unwrap();
}

#[tokio::test]
async fn an_id_token_signed_as_the_metadata_does_not_say_is_refused() {
    let device = Device::new().await;
    let session = device.process();
    say(&device, "id_token_signing_alg_values_supported", &json!(["RS256"]));
    let error = device.sign_in(&session).await.unwrap_err();
    let Error::Refused { code, description } = error else { panic!("{error:?}") };
    assert_eq!(code, "invalid_id_token");
    assert!(description.contains("signed with ES256"), "{description}");
}

#[tokio::test]
async fn an_algorithm_that_the_provider_has_begun_to_use_is_no_reason_to_fail() {
    let device = Device::new().await;
    let session = device.process();
    say(&device, "id_token_signing_alg_values_supported", &json!(["RS256"]));
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    device.provider.state().overrides.clear();
    device.clock.pass(Duration::from_secs(10));
    session.sign_in.finish(&device.provider.authorize(&request.url)).await.unwrap();
}

#[tokio::test]
async fn signed_userinfo_is_verified_and_read() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let signer = Signer::es256("userinfo");
    device.provider.state().overrides.insert("/jwks", (200, json!({ "keys": [signer.jwk()] }).to_string()));
    device.clock.pass(Duration::from_secs(10));
    let metadata = session.provider.metadata().await.unwrap();
    let endpoint = metadata.userinfo_endpoint.clone().unwrap();
    let claims = json!({ "iss": device.provider.issuer, "aud": "notes", "sub": "ada", "name": "Ada" });
    let read = async |media_type: &'static str, token: String, subject: &str| {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        let response = Response { status: StatusCode::OK, headers, body: token.into_bytes().into() };
        session.provider.read_userinfo(&metadata, &endpoint, &response, Some(subject)).await
    };
    for media_type in ["application/jwt", "Application/JWT ; charset=utf-8"] {
        let claims = read(media_type, signer.sign(&claims) + "\r\n", "ada").await.unwrap();
        assert_eq!(
            (&claims["name"], claims.len()),
            (&json!("Ada"), 2),
            "what is about the token is left out"
        );
    }
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        signer.sign(&changed)
    };
    for (token, named) in [
        (with("iss", json!("https://other.example")), "another issuer"),
        (with("iss", Value::Null), "another issuer"),
        (with("aud", json!(["api"])), "another client"),
        (with("aud", Value::Null), "another client"),
        (with("sub", json!("eve")), "another user"),
        (with("exp", json!(1)), "expired"),
        (Signer::es256("userinfo").sign(&claims), "is wrong"),
        (signer.sign_with_header(&json!({ "alg": "ES256", "typ": "at+jwt" }), &claims), "another kind"),
        ("e30.e30.".into(), "cannot be read"),
        ("{\"sub\":\"ada\"}".into(), "cannot be read"),
    ] {
        let error = read("application/jwt", token, "ada").await.unwrap_err();
        let Error::Refused { code, description } = error else { panic!("{named}: {error:?}") };
        assert!(code == "invalid_userinfo" && description.contains(named), "{description}");
    }
    let unknown = Signer::es256("unknown").sign(&claims);
    let replaced = "the provider may have replaced its keys just now";
    assert_eq!(read("application/jwt", unknown, "ada").await, Err(Error::offline()), "{replaced}");
    assert_eq!(read("text/html", "<html>".into(), "ada").await, Err(Error::offline()), "a portal's page");
}

#[tokio::test]
async fn an_api_response_that_is_too_large_is_reported_as_that() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().overrides.insert("/api", (200, " ".repeat(33 * 1024 * 1024)));
    let error =
        session.api.send(HttpRequest::get(&format!("{}/api", device.provider.issuer))).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "response_too_large"), "{error:?}");
    assert!(error.maybe_sent());
}
