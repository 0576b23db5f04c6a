//! What the token endpoint says.

use ::http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use serde_json::{Map, Value};

use super::first_line;
use crate::{
    Configuration, TokenType, json,
    net::Response,
    provider::{Refusal, TokenResponse, Tokens, device_grant::DeviceCodes},
    secret::Secret,
};

/// A line with the status and, behind a space, `Retry-After`; then the body.
///
/// Tokens are what the document says, numbers as strings are the same numbers, only a document that says
/// `invalid_grant` in one way counts as that, and nothing echoes what was sent.
pub fn token_response(input: &[u8]) {
    let (head, body) = first_line(input);
    let head = String::from_utf8_lossy(head);
    let mut words = head.split_ascii_whitespace();
    let status = words.next().and_then(|word| StatusCode::from_bytes(word.as_bytes()).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let wait = words.next().and_then(|word| HeaderValue::from_str(word).ok());
    let headers = HeaderMap::from_iter(wait.map(|wait| (RETRY_AFTER, wait)));
    device(status, body);
    match (read(status, headers, body), document(body)) {
        (TokenResponse::Issued(tokens), document) => {
            assert!(status.is_success());
            let behind = || json::find(body, |object| is_of(&tokens, object).then(|| object.clone()));
            let document = document.filter(|document| is_of(&tokens, document)).or_else(behind);
            issued(&tokens, &document.expect("the tokens are from what was sent"));
        }
        (TokenResponse::Refused(refusal), Some(document)) => {
            assert!(status.is_client_error() || status.is_success());
            assert!(![StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status));
            refused(&refusal, &document);
        }
        (TokenResponse::Unclear { .. }, _) => {}
        (answer, None) => panic!("{answer:?} from what is neither a JSON object nor a form"),
    }
}

/// What the endpoint of a device grant says: what is shown to the user has no control characters, and leads to a safe
/// address.
fn device(status: StatusCode, body: &[u8]) {
    let response = Response { status, headers: HeaderMap::new(), body: body.to_vec().into() };
    let configuration = Configuration::builder("https://id.example.com", "notes").build();
    let Ok(codes) = DeviceCodes::read(&response, &configuration.expect("it is sound")) else { return };
    let grant = codes.grant;
    assert!(status.is_success() && !grant.device_code.expose().is_empty());
    assert!(!grant.user_code.expose().is_empty() && !grant.user_code.expose().chars().any(char::is_control));
    let complete = grant.verification_uri_complete.as_ref().map(Secret::expose);
    for uri in [Some(grant.verification_uri.as_str()), complete].into_iter().flatten() {
        assert!(uri.starts_with("https://") && !uri.chars().any(char::is_control));
    }
    assert!((1..=60).contains(&grant.interval));
    assert!(!codes.expires_in.is_zero() && codes.expires_in.as_secs() <= 3_600);
}

/// The body as a JSON object, or as a form.
fn document(body: &[u8]) -> Option<Map<String, Value>> {
    json::read(body).or_else(|| {
        let pairs = url::form_urlencoded::parse(body.trim_ascii()).into_owned();
        body.contains(&b'=').then(|| pairs.map(|(name, value)| (name, value.into())).collect())
    })
}

fn is_of(tokens: &Tokens, document: &Map<String, Value>) -> bool {
    said(document, "access_token").as_deref() == Some(tokens.access_token.expose())
}

fn said(document: &Map<String, Value>, name: &str) -> Option<String> {
    match document.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn read(status: StatusCode, headers: HeaderMap, body: &[u8]) -> TokenResponse {
    let response = Response { status, headers, body: body.to_vec().into() };
    TokenResponse::read(&response, &[&Secret::new(SENT.to_owned())], std::time::UNIX_EPOCH)
}

fn issued(tokens: &Tokens, document: &Map<String, Value>) {
    let said = |name: &str| said(document, name);
    let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    assert_eq!(said("access_token").as_deref(), Some(tokens.access_token.expose()));
    for (name, token) in [("refresh_token", &tokens.refresh_token), ("id_token", &tokens.id_token)] {
        // What can be no token is none.
        assert!(
            token.is_none()
                || (said(name) == exposed(token) && said(name).is_some_and(|text| !text.is_empty()))
        );
    }
    let seconds = tokens.expires_in.map(|expires_in| expires_in.as_secs());
    assert!(seconds <= Some(10 * 365 * 24 * 3600));
    if let Some(number) = document.get("expires_in").and_then(Value::as_u64) {
        assert_eq!(seconds, Some(number.min(10 * 365 * 24 * 3600)));
    }
    if let Some(kind) = tokens.token_type {
        assert!(said("token_type").is_some_and(|said| said.trim().eq_ignore_ascii_case(kind.as_str())));
    }
    for expires_in in
        [serde_json::json!(seconds), serde_json::json!(seconds.map(|seconds| seconds.to_string()))]
    {
        let printed = serde_json::json!({
            "access_token": tokens.access_token.expose(),
            "token_type": tokens.token_type.map(TokenType::as_str),
            "refresh_token": exposed(&tokens.refresh_token),
            "id_token": exposed(&tokens.id_token),
            "expires_in": expires_in,
            "scope": tokens.scope.as_ref().map(|scope| scope.join(" ")),
        });
        let again = read(StatusCode::OK, HeaderMap::new(), printed.to_string().as_bytes());
        let TokenResponse::Issued(again) = again else { panic!("{again:?} from what was read before") };
        assert_eq!((&again.access_token, again.token_type), (&tokens.access_token, tokens.token_type));
        assert_eq!(again.refresh_token, tokens.refresh_token);
        assert_eq!(again.id_token, tokens.id_token);
        assert_eq!(again.expires_in.map(|expires_in| expires_in.as_secs()), seconds);
        assert_eq!(again.scope, tokens.scope);
    }
}

fn refused(refusal: &Refusal, document: &Map<String, Value>) {
    match document.get("error") {
        Some(Value::String(said)) => assert_eq!(refusal.is_invalid_grant(), said == "invalid_grant"),
        _ if refusal.is_invalid_grant() => {
            assert!(Value::Object(document.clone()).to_string().contains(r#":"invalid_grant""#));
        }
        _ => {}
    }
    for shown in [&refusal.code, &refusal.description] {
        assert!(!shown.contains(SENT) && !shown.contains("eyJ") && !shown.contains(char::is_control));
        assert!(shown.chars().count() <= 300);
    }
}

const SENT: &str = "sent-token";
