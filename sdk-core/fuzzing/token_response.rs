//! What the token endpoint says.

use ::http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use serde_json::{Map, Value};

use super::first_line;
use crate::{
    TokenType, json,
    net::Response,
    provider::{Refusal, TokenResponse, Tokens},
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
    let document = json::read::<Map<String, Value>>(body);
    match (read(status, headers, body), document) {
        (TokenResponse::Issued(tokens), Some(document)) => {
            assert_eq!(status, StatusCode::OK);
            issued(&tokens, &document);
        }
        (TokenResponse::Refused(refusal), Some(document)) => {
            assert!(status.is_client_error());
            assert!(![StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status));
            refused(&refusal, &document);
        }
        (TokenResponse::Unclear { .. }, _) => {}
        (answer, None) => panic!("{answer:?} from what is no JSON object"),
    }
}

fn read(status: StatusCode, headers: HeaderMap, body: &[u8]) -> TokenResponse {
    let response = Response { status, headers, body: body.to_vec().into() };
    TokenResponse::read(&response, &[&Secret::new(SENT.to_owned())], std::time::UNIX_EPOCH)
}

fn issued(tokens: &Tokens, document: &Map<String, Value>) {
    let said = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    assert_eq!(said("access_token"), Some(tokens.access_token.expose()));
    assert_eq!(said("refresh_token"), exposed(&tokens.refresh_token).as_deref());
    if let Some(id_token) = exposed(&tokens.id_token) {
        assert_eq!(said("id_token"), Some(id_token.as_str()));
    }
    let seconds = tokens.expires_in.map(|expires_in| expires_in.as_secs());
    assert!(seconds <= Some(10 * 365 * 24 * 3600));
    if let Some(number) = document.get("expires_in").and_then(Value::as_u64) {
        assert_eq!(seconds, Some(number.min(10 * 365 * 24 * 3600)));
    }
    let kind = document.get("token_type").and_then(Value::as_str).map(str::to_ascii_lowercase);
    assert_eq!(kind, tokens.token_type.map(|kind| kind.as_str().to_ascii_lowercase()));
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
    let said = document.get("error").and_then(Value::as_str);
    assert_eq!(refusal.is_invalid_grant(), said == Some("invalid_grant"));
    for shown in [&refusal.code, &refusal.description] {
        assert!(!shown.contains(SENT) && !shown.contains("eyJ") && !shown.contains(char::is_control));
        assert!(shown.chars().count() <= 300);
    }
}

const SENT: &str = "sent-token";
