//! Documents of providers, good and odd.

use serde_json::json;

use super::*;
use crate::testing::tls_server::{Server, answer};

fn configuration(issuer: &str) -> Configuration {
    Configuration::builder(issuer, "notes").allow_http_on_loopback().build().unwrap()
}

fn document(changes: Value) -> Map<String, Value> {
    let mut document = json!({
        "issuer": "https://id.example.com",
        "authorization_endpoint": "https://id.example.com/authorize?tenant=1",
        "token_endpoint": "https://token.example.com/token",
        "jwks_uri": "https://id.example.com/jwks",
        "code_challenge_methods_supported": ["plain", "S256"],
        "something_unknown": { "deep": [1, null] },
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document.as_object().unwrap().clone()
}

fn read(changes: Value) -> Result<Metadata, DiscoveryError> {
    parse(&document(changes), &configuration("https://id.example.com"))
}

#[test]
fn a_document_of_the_needed_members_is_enough_and_null_is_absent() {
    let metadata = read(json!({
        "userinfo_endpoint": null,
        "revocation_endpoint": null,
        "refresh_attempt_supported": null,
        "scopes_supported": null,
    }))
    .unwrap();
    assert_eq!(metadata.authorization_endpoint.as_str(), "https://id.example.com/authorize?tenant=1");
    assert_eq!(metadata.token_endpoint.as_str(), "https://token.example.com/token");
    assert_eq!((metadata.userinfo_endpoint, metadata.revocation_endpoint), (None, None));
    assert!(!metadata.refresh_attempt_supported && !metadata.authorization_response_iss_parameter_supported);
}

#[test]
fn each_member_that_may_be_left_out_may_be_null_and_flags_are_true_alone() {
    for name in [
        "userinfo_endpoint",
        "revocation_endpoint",
        "end_session_endpoint",
        "code_challenge_methods_supported",
        "scopes_supported",
        "refresh_attempt_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        assert!(read(json!({ name: null })).is_ok(), "{name}");
    }
    for odd in [json!("true"), json!(1), json!([true]), json!({})] {
        let metadata = read(json!({ "refresh_attempt_supported": odd, "scopes_supported": odd })).unwrap();
        assert!(!metadata.refresh_attempt_supported, "{odd}");
    }
}

#[test]
fn all_that_the_sdk_uses_is_read() {
    let metadata = read(json!({
        "userinfo_endpoint": "https://id.example.com/userinfo",
        "revocation_endpoint": "https://id.example.com/revoke",
        "end_session_endpoint": "https://id.example.com/end",
        "refresh_attempt_supported": true,
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": ["openid", 7, "profile"],
    }))
    .unwrap();
    assert!(metadata.userinfo_endpoint.is_some() && metadata.revocation_endpoint.is_some());
    assert!(metadata.end_session_endpoint.is_some());
    assert!(metadata.refresh_attempt_supported && metadata.authorization_response_iss_parameter_supported);
}

#[test]
fn another_issuer_is_refused_however_small_the_difference() {
    for issuer in ["https://id.example.com/", "https://ID.example.com", "https://evil.example", ""] {
        assert!(
            matches!(read(json!({ "issuer": issuer })), Err(DiscoveryError::IssuerMismatch { .. })),
            "{issuer}"
        );
    }
    assert_eq!(read(json!({ "issuer": null })), Err(DiscoveryError::Missing("issuer")));
    assert!(matches!(read(json!({ "issuer": 7 })), Err(DiscoveryError::BadMember { name: "issuer", .. })));
}

#[test]
fn missing_and_unusable_endpoints_are_named() {
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let error = read(json!({ name: null })).unwrap_err();
        assert_eq!(error, DiscoveryError::Missing(name));
        assert!(matches!(Error::from(error), Error::Misconfigured(what) if what.contains(name)));
        for bad in [
            json!("http://id.example.com/x"),
            json!("/relative"),
            json!(""),
            json!(7),
            json!("https://a.example/#x"),
            json!("javascript:alert(1)"),
            json!("https://a:b@id.example.com/"),
        ] {
            let error = read(json!({ name: bad })).unwrap_err();
            assert!(matches!(error, DiscoveryError::BadMember { name: found, .. } if found == name), "{bad}");
        }
    }
}

#[test]
fn pkce_with_s256_is_a_must_where_the_provider_says_what_it_offers() {
    assert_eq!(read(json!({ "code_challenge_methods_supported": ["plain"] })), Err(DiscoveryError::NoS256));
    assert_eq!(read(json!({ "code_challenge_methods_supported": [] })), Err(DiscoveryError::NoS256));
    assert!(read(json!({ "code_challenge_methods_supported": null })).is_ok());
}

#[test]
fn the_addresses_follow_the_two_standards() {
    let issuer = |text: &str| Url::parse(text).unwrap();
    for (given, openid, oauth) in [
        ("https://a.example", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
        (
            "https://a.example/",
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ),
        (
            "https://a.example/t/1",
            "/t/1/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/t/1",
        ),
        (
            "https://a.example/t/",
            "/t/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/t",
        ),
    ] {
        assert_eq!(openid_address(&issuer(given)).path(), openid);
        assert_eq!(oauth_address(&issuer(given)).path(), oauth);
    }
}

/// A provider on loopback that answers each path and turn by `status`.
async fn provider(status: impl Fn(&str, usize) -> u16 + Send + Sync + 'static) -> (Server, Configuration) {
    let issuer = Arc::new(std::sync::OnceLock::<String>::new());
    let told = issuer.clone();
    let server = Server::plain(move |line, turn| {
        let issuer = told.get().unwrap();
        let body = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}authorize"),
            "token_endpoint": format!("{issuer}token"),
            "jwks_uri": format!("{issuer}jwks"),
        });
        answer(status(line, turn), &body.to_string())
    })
    .await;
    let address = server.plain_url("/").to_string();
    issuer.set(address.clone()).unwrap();
    (server, configuration(&address))
}

#[tokio::test]
async fn a_provider_that_knows_only_rfc_8414_is_found() {
    let (server, configuration) =
        provider(|line, _| if line.contains("oauth-authorization-server") { 200 } else { 404 }).await;
    let transport = Transport::new(&configuration).unwrap();
    assert!(fetch(&transport, &configuration).await.is_ok());
    assert_eq!(server.seen().requests.len(), 2);
}

#[tokio::test]
async fn what_is_no_issuer_and_what_is_only_down_are_told_apart() {
    let (_server, configuration) = provider(|_, _| 404).await;
    let transport = Transport::new(&configuration).unwrap();
    let error = fetch(&transport, &configuration).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::NotFound { status: 404, .. }));
    assert!(matches!(Error::from(error), Error::Misconfigured(_)));
    for status in [500, 503, 429, 408] {
        let (_server, configuration) = provider(move |_, _| status).await;
        let transport = Transport::new(&configuration).unwrap();
        let error = fetch(&transport, &configuration).await.unwrap_err();
        assert_eq!(error, DiscoveryError::Unavailable(status));
        assert!(Error::from(error).is_passing());
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused_without_a_panic() {
    for body in [
        "",
        "null",
        "[]",
        "<html>",
        "{",
        "{\"issuer\":",
        "\u{feff}{}",
        "{\"x\":1e999}",
        "{}{}",
        "{\"x\":\"\\ud800\"}",
    ] {
        let server = Server::plain(move |_, _| answer(200, body)).await;
        let configuration = configuration(server.plain_url("/").as_str());
        let transport = Transport::new(&configuration).unwrap();
        assert!(matches!(fetch(&transport, &configuration).await, Err(DiscoveryError::NotJson(_))), "{body}");
    }
}

#[tokio::test]
async fn metadata_is_kept_for_an_hour_and_longer_where_the_provider_is_down() {
    let (server, configuration) = provider(|_, turn| if turn == 1 { 503 } else { 200 }).await;
    let transport = Transport::new(&configuration).unwrap();
    let cache = MetadataCache::default();
    let at = |seconds| cache.metadata(&transport, &configuration, Duration::from_secs(seconds));
    let first = at(0).await.unwrap();
    assert!(Arc::ptr_eq(&first, &at(3599).await.unwrap()));
    assert_eq!(server.seen().requests.len(), 1);
    assert!(Arc::ptr_eq(&first, &at(3600).await.unwrap()), "down: what it said last serves on");
    assert_eq!(server.seen().requests.len(), 2);
    assert!(!Arc::ptr_eq(&first, &at(3601).await.unwrap()));
    assert_eq!(server.seen().requests.len(), 3);
}
