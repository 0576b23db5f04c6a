//! Documents of providers, good and odd.

use std::{sync::Arc, time::UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    crypto::Algorithm,
    error::Error,
    platform::NetworkParts,
    testing::tls_server::{Server, answer},
};

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
    Metadata::parse(&document(changes), &configuration("https://id.example.com"))
}

#[test]
fn a_document_of_the_needed_members_is_enough_and_null_is_absent() {
    let metadata = read(json!({
        "userinfo_endpoint": null,
        "revocation_endpoint": null,
        "refresh_attempt_supported": null,
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
        "code_challenge_methods_supported",
        "id_token_signing_alg_values_supported",
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
        "refresh_attempt_supported": true,
        "authorization_response_iss_parameter_supported": true,
        "id_token_signing_alg_values_supported": ["RS256", 7, "ES384"],
    }))
    .unwrap();
    assert!(metadata.userinfo_endpoint.is_some() && metadata.revocation_endpoint.is_some());
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
        assert!(matches!(Error::from(error), Error::Misconfigured(what) if what.contains(name)), "{name}");
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
    let transport = Transport::new(&configuration, NetworkParts::default()).unwrap();
    assert!(fetch(&transport, &configuration, UNIX_EPOCH).await.is_ok());
    assert_eq!(server.seen().requests.len(), 2);
}

async fn outcome(status: impl Fn(&str, usize) -> u16 + Send + Sync + 'static) -> (DiscoveryError, usize) {
    let (server, configuration) = provider(status).await;
    let transport = Transport::new(&configuration, NetworkParts::default()).unwrap();
    let error = fetch(&transport, &configuration, UNIX_EPOCH).await.unwrap_err();
    (error, server.seen().requests.len())
}

#[tokio::test]
async fn every_status_but_200_is_passing_trouble_and_is_named() {
    for status in [403, 404, 410] {
        let (error, asked) = outcome(move |_, _| status).await;
        let text = error.to_string();
        assert_eq!(asked, 2);
        assert!(
            text.contains("openid-configuration") && text.contains("oauth-authorization-server"),
            "{text}"
        );
        assert!(
            text.contains(&status.to_string()) && text.contains("Check whether this is the issuer"),
            "{text}"
        );
        assert_eq!(Error::from(error), Error::offline());
    }
    for status in [204, 301, 302, 307, 308, 408, 500, 503] {
        let (error, asked) = outcome(move |_, _| status).await;
        let text = error.to_string();
        assert_eq!(asked, 1, "{status}");
        assert!(text.contains(&status.to_string()) && !text.contains("oauth-authorization-server"), "{text}");
        assert_eq!(Error::from(error), Error::offline());
    }
}

#[tokio::test]
async fn a_redirect_is_named_with_the_host_that_it_leads_to_and_no_more() {
    let portal =
        b"HTTP/1.1 302 Found\r\nLocation: https://portal.example/login?mac=seen\r\nContent-Length: 0\r\n\r\n";
    let server = Server::plain(move |_, _| portal.to_vec()).await;
    let configuration = configuration(server.plain_url("/").as_str());
    let transport = Transport::new(&configuration, NetworkParts::default()).unwrap();
    let error = fetch(&transport, &configuration, UNIX_EPOCH).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("redirects to https://portal.example (status 302)") && !text.contains("seen"),
        "{text}"
    );
    assert_eq!(Error::from(error), Error::offline());
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_is_asked_later() {
    for (status, field, seconds) in
        [(429, "Retry-After: 30\r\n", 30), (429, "", 10), (503, "Retry-After: 86400\r\n", 3_600)]
    {
        let busy = format!("HTTP/1.1 {status} X\r\n{field}Content-Length: 0\r\nConnection: close\r\n\r\n");
        let server = Server::plain(move |_, _| busy.clone().into_bytes()).await;
        let configuration = configuration(server.plain_url("/").as_str());
        let transport = Transport::new(&configuration, NetworkParts::default()).unwrap();
        let error = fetch(&transport, &configuration, UNIX_EPOCH).await.unwrap_err();
        let retry_after = std::time::Duration::from_secs(seconds);
        assert_eq!(Error::from(error), Error::RateLimited { retry_after });
    }
}

#[tokio::test]
async fn a_web_site_at_every_path_does_not_hide_the_document_at_the_other_address() {
    let site = Server::plain(move |line, _| {
        let page = "<!doctype html>".to_owned();
        let found = line.contains("oauth-authorization-server");
        answer(200, &if found { Value::Object(document(json!({}))).to_string() } else { page })
    })
    .await;
    let configuration = configuration(site.plain_url("/").as_str());
    let transport = Transport::new(&configuration, NetworkParts::default()).unwrap();
    let error = fetch(&transport, &configuration, UNIX_EPOCH).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::IssuerMismatch { .. }), "the second document was read");
    assert_eq!(site.seen().requests.len(), 2);
}

#[test]
fn an_issuer_of_another_name_is_a_contradiction_only_in_a_whole_document() {
    let wrong = read(json!({ "issuer": "https://other.example" })).unwrap_err();
    assert!(
        matches!(Error::from(wrong), Error::Misconfigured(what) if what.contains("https://other.example"))
    );
    for (name, value) in
        [("token_endpoint", json!(null)), ("jwks_uri", json!(7)), ("jwks_uri", json!("/jwks"))]
    {
        let portal = read(json!({ "issuer": "https://other.example", name: value })).unwrap_err();
        assert_eq!(Error::from(portal), Error::offline(), "{name}");
    }
}

#[test]
fn what_the_sdk_can_do_without_never_stops_it() {
    for odd in [
        json!(""),
        json!("/relative"),
        json!("http://id.example.com/x"),
        json!(["https://id.example.com/x"]),
        json!(7),
        json!("https://id.example.com/x#y"),
    ] {
        let metadata = read(json!({
            "device_authorization_endpoint": odd,
            "end_session_endpoint": odd,
            "revocation_endpoint": odd,
            "userinfo_endpoint": odd,
            "scopes_supported": odd,
        }))
        .unwrap();
        assert_eq!((metadata.userinfo_endpoint, metadata.revocation_endpoint), (None, None), "{odd}");
    }
}

#[test]
fn algorithms_that_the_provider_does_not_list_are_not_accepted_from_it() {
    let with = |names: Value| read(json!({ "id_token_signing_alg_values_supported": names })).unwrap();
    let some = with(json!(["RS256", "ES384", "ES512"]));
    assert!(some.signs_id_tokens_with(Algorithm::Es384) && !some.signs_id_tokens_with(Algorithm::Es256));
    assert_eq!(some.unverifiable_algorithms(), None);
    assert!(with(json!(["Ed25519"])).signs_id_tokens_with(Algorithm::EdDsa));
    assert_eq!(with(json!(["ES512", "HS256"])).unverifiable_algorithms().as_deref(), Some("ES512, HS256"));
    for silent in [json!(null), json!([]), json!("RS256")] {
        let metadata = with(silent);
        assert!(
            metadata.signs_id_tokens_with(Algorithm::Ps512) && metadata.unverifiable_algorithms().is_none()
        );
    }
}

#[tokio::test]
async fn what_is_no_json_is_passing_trouble_and_no_panic() {
    for body in [
        "",
        "null",
        "[]",
        "<html>",
        "<script>{}</script>",
        "{",
        "{\"issuer\":",
        "{\"issuer\":\"}",
        "{issuer}",
    ] {
        let server = Server::plain(move |_, _| answer(200, body)).await;
        let configuration = configuration(server.plain_url("/").as_str());
        let transport = Transport::new(&configuration, NetworkParts::default()).unwrap();
        let error = fetch(&transport, &configuration, UNIX_EPOCH).await.unwrap_err();
        assert!(error.to_string().contains("not a JSON object"), "{body}");
        assert_eq!((Error::from(error), server.seen().requests.len()), (Error::offline(), 2));
    }
}
