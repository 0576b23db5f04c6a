//! Passing trouble at each endpoint: gateways, caches, portals, outages that ask to wait, endpoints that move.

use std::time::Duration;

use serde_json::json;

use crate::{
    Error, SessionState, SignInOptions,
    session::Session,
    testing::{Device, Fault, a_new_one, log, signer::Signer},
};

async fn callback(device: &Device, session: &Session) -> String {
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    device.provider.authorize(&request.url)
}

/// Waits until the provider was asked for `path` so often.
async fn is_asked(device: &Device, path: &str, times: usize) {
    while device.provider.count(path) < times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_gateway_that_answers_for_the_token_endpoint_does_not_cost_the_code() {
    for (status, body) in [
        (403, r#"{"error":"Forbidden"}"#),
        (404, r#"{"error":"Not Found"}"#),
        (401, r#"{"error":"Unauthorized"}"#),
        (400, r#"{"error":"Bad Request"}"#),
        (404, r#"{"error":"invalid_grant"}"#),
    ] {
        let device = Device::new().await;
        let session = device.process();
        device.provider.fault(Fault::Instead(status, body));
        assert_eq!(device.sign_in(&session).await.unwrap().subject, "ada", "{status} {body}");
        assert_eq!(device.provider.count("/revoke"), 0);
    }
}

#[tokio::test]
async fn keys_of_an_old_cache_do_not_cost_the_sign_in() {
    let old = json!({ "keys": [Signer::es256("before").jwk()] }).to_string();
    for set in [r#"{"keys":[{}]}"#.to_owned(), r#"{"keys":[]}"#.to_owned(), old] {
        let device = Device::new().await;
        let session = device.process();
        device.provider.state().overrides.insert("/jwks", (200, set.clone()));
        let repaired = async {
            is_asked(&device, "/jwks", 1).await;
            device.provider.state().overrides.clear();
            device.clock.pass(Duration::from_secs(1));
        };
        let (user, ()) = tokio::join!(device.sign_in(&session), repaired);
        assert_eq!(user.unwrap().subject, "ada", "{set}");
        assert_eq!((device.provider.count("/token"), device.provider.count("/revoke")), (1, 0), "{set}");
    }
}

#[tokio::test]
async fn a_sign_in_outlives_keys_that_stay_old_or_are_too_large() {
    let (old, large) = (json!({ "keys": [Signer::es256("before").jwk()] }).to_string(), " ".repeat(2 << 20));
    for (set, code) in [(old, "offline"), (large, "refused")] {
        let device = Device::new().await;
        let session = device.process();
        let callback = callback(&device, &session).await;
        device.provider.state().overrides.insert("/jwks", (200, set));
        assert_eq!(session.sign_in.finish(&callback).await.unwrap_err().code(), code);
        assert_eq!(session.state(), SessionState::SigningIn);
        device.provider.state().overrides.clear();
        device.clock.pass(Duration::from_secs(1));
        session.sign_in.finish(&callback).await.unwrap();
        assert_eq!((device.provider.count("/token"), device.provider.count("/revoke")), (1, 0));
    }
}

#[tokio::test]
async fn a_key_that_the_key_set_never_has_is_named_in_the_log_and_a_sign_in_that_then_succeeds_warns_of_nothing()
 {
    let old = json!({ "keys": [Signer::es256("before").jwk()] }).to_string();
    for (status, set, why) in [
        (200, old.as_str(), r#"the provider's key set has no key with the kid \"k1\" for ES256"#),
        (503, "", "the provider answered with status 503 when asked for its keys"),
    ] {
        let device = Device::new().await;
        let session = device.process();
        let callback = callback(&device, &session).await;
        device.provider.state().overrides.insert("/jwks", (status, set.to_owned()));
        assert_eq!(session.sign_in.finish(&callback).await, Err(Error::offline()));
        device.provider.state().overrides.clear();
        device.clock.pass(Duration::from_secs(1));
        session.sign_in.finish(&callback).await.unwrap();
        // Other tests log at the same time: the address is this one's.
        let (log, address) = (log::recorded(), format!("{}/jwks", device.provider.issuer));
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&address)).collect();
        assert!(lines.iter().any(|line| line.contains(why)), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("WARN")), "{lines:?}");
    }
}

#[tokio::test]
async fn an_outage_that_asks_to_wait_stops_refreshes_for_an_hour_at_most_and_no_user() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let refused = async |seconds| {
        let error = session.access_token(a_new_one(&session)).await.unwrap_err();
        assert_eq!(error, Error::RateLimited { retry_after: Duration::from_secs(seconds) });
    };
    device.provider.state().retry_after = Some(86_400);
    device.provider.fault(Fault::Instead(503, ""));
    refused(3_600).await;
    device.provider.state().retry_after = None;
    let sent = device.provider.count("/token");
    device.clock.pass(Duration::from_secs(600));
    refused(3_000).await;
    assert_eq!(device.provider.count("/token"), sent, "it is remembered");
    session.provider.network_changed();
    session.access_token(a_new_one(&session)).await.unwrap();

    device.provider.state().retry_after = Some(60);
    device.provider.fault(Fault::Instead(503, ""));
    refused(60).await;
    device.provider.state().retry_after = None;
    device.sign_in(&session).await.unwrap();
    session.access_token(a_new_one(&session)).await.unwrap();
}

#[tokio::test]
async fn another_process_waits_as_long_as_the_provider_asked_the_first_one() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().retry_after = Some(600);
    device.provider.fault(Fault::Instead(503, ""));
    session.access_token(a_new_one(&session)).await.unwrap_err();
    device.provider.state().retry_after = None;
    drop(session);
    let sent = device.provider.count("/token");
    for (passed, left) in [(0, 600), (200, 400), (399, 1)] {
        device.clock.pass(Duration::from_secs(passed));
        let process = device.process();
        let error = process.access_token(a_new_one(&process)).await.unwrap_err();
        let Error::RateLimited { retry_after } = error else { panic!("{error:?}") };
        assert!((left - 1..=left).contains(&retry_after.as_secs()), "{retry_after:?}");
    }
    assert_eq!(device.provider.count("/token"), sent);
    // The device's clock was set back: the wait would have no end.
    device.clock.set_ahead(-86_400);
    let process = device.process();
    process.access_token(a_new_one(&process)).await.unwrap();
    let kept = process.look(|account| serde_json::to_value(account.unwrap().provider.as_ref()).unwrap());
    assert!(kept.await.unwrap().get("retry_at").is_none(), "a refresh that succeeds ends it");
}

#[tokio::test]
async fn a_code_that_has_to_wait_is_sent_after_the_time_and_a_new_sign_in_at_once() {
    let device = Device::new().await;
    let session = device.process();
    let first = callback(&device, &session).await;
    device.provider.state().retry_after = Some(60);
    device.provider.fault(Fault::Instead(429, ""));
    let limited = Err(Error::RateLimited { retry_after: Duration::from_secs(60) });
    assert_eq!(session.sign_in.finish(&first).await, limited);
    device.provider.state().retry_after = None;
    assert_eq!(session.sign_in.finish(&first).await, limited);
    assert_eq!(device.provider.count("/token"), 1);
    device.sign_in(&session).await.unwrap();
    assert_eq!(device.provider.count("/token"), 2);
}

#[tokio::test]
async fn userinfo_tells_a_busy_provider_and_a_gateway_from_a_refusal() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let after = |seconds| Error::RateLimited { retry_after: Duration::from_secs(seconds) };
    for (status, retry_after, body, expected) in [
        (429, Some(77), "", after(77)),
        (429, None, "", after(10)),
        (503, Some(5), "<html>", after(5)),
        (503, None, "", Error::offline()),
        (403, None, "<html>", Error::offline()),
        (403, None, r#"{"error":"Forbidden"}"#, Error::offline()),
        (404, None, r#"{"error":"Not Found"}"#, Error::offline()),
        (302, None, "", Error::offline()),
        (403, None, r#"{"error":"insufficient_scope"}"#, Error::refused("insufficient_scope", "")),
        (400, None, r#"{"error":"invalid_request"}"#, Error::refused("invalid_request", "")),
    ] {
        device.provider.state().overrides.insert("/userinfo", (status, body.to_owned()));
        device.provider.state().retry_after = retry_after;
        assert_eq!(session.api.user_info().await.unwrap_err(), expected, "{status} {body}");
        device.provider.state().retry_after = None;
    }
    // The API's own challenge, to a new token, too.
    device.provider.state().overrides.insert("/userinfo", (401, "{}".to_owned()));
    let error = session.api.user_info().await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "userinfo_refused"), "{error:?}");
}

#[tokio::test]
async fn a_token_endpoint_that_has_moved_is_found_in_the_same_call() {
    for (status, body) in [(404, r#"{"error":"Not Found"}"#), (405, ""), (410, ""), (308, "")] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let issuer = device.provider.issuer.clone();
        let moved = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token2"),
            "jwks_uri": format!("{issuer}/jwks"),
            "dpop_signing_alg_values_supported": ["ES256"],
            "refresh_attempt_supported": true,
        });
        let discovery = "/.well-known/openid-configuration";
        device.provider.state().overrides.insert(discovery, (200, moved.to_string()));
        device.provider.state().overrides.insert("/token", (status, body.to_owned()));
        device.clock.pass(Duration::from_secs(10));
        let before = device.provider.count("/token");
        session.access_token(a_new_one(&session)).await.unwrap();
        assert_eq!(
            (device.provider.count("/token") - before, device.provider.count("/token2")),
            (1, 1),
            "{status}"
        );
        session.access_token(a_new_one(&session)).await.unwrap();
        assert_eq!(device.provider.count("/token") - before, 1, "{status}");
        // It is in the vault, too.
        drop(session);
        let restarted = device.process();
        restarted.access_token(a_new_one(&restarted)).await.unwrap();
        assert_eq!(
            (device.provider.count("/token") - before, device.provider.count("/token2")),
            (1, 3),
            "{status}"
        );
    }
}
