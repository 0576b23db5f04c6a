//! Token requests and refresh tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::form_urlencoded;

pub use super::authorize::fuzzing::authorize;
use super::client_auth::Credentials;
use super::params::Params;
use super::requested_access::RequestedAccess;
pub use super::rotation::fuzzing::rotation;
use super::rotation::{Attempt, AttemptHash, History, Holes, RefreshToken, SessionSecret};
use super::{code, refresh};
use crate::fuzzing::head_and_body;
use moorline_server_base::policy::Scope;

const API: &str = "https://id.example.com/v1";

/// Header fields, an empty line, and the form of a token request.
///
/// What our strict decoder accepts, a browser's lenient one reads alike; a client is named in one way; an attempt key
/// is what was sent; and no requested access goes beyond the grant.
pub fn token_form(input: &[u8]) {
    let (headers, body) = head_and_body(input);
    let Ok(params) = Params::form(&headers, body) else { return };
    for (name, value) in form_urlencoded::parse(body) {
        assert_eq!(params.raw(&name), Some(&*value));
    }
    if let Ok(credentials) = Credentials::read(&headers, &params) {
        named_alike(credentials.client_id(), &headers, &params);
    }
    if let (Attempt::Key(hash), None) =
        (Attempt::read(params.raw("refresh_attempt"), None), headers.get("idempotency-key"))
    {
        let key = params.raw("refresh_attempt").expect("it was read");
        assert!((22..=128).contains(&key.len()) && hash == AttemptHash::of(key.as_bytes()));
        let quoted = format!("\"{key}\"");
        assert_eq!(Attempt::read(Some(key), Some(quoted.as_bytes())), Attempt::Key(hash));
    }
    let ceiling = Scope::parse("openid offline_access notes.read").expect("it is a good scope");
    let requested = RequestedAccess::read(&params);
    if let Ok(scope) = requested.within(&ceiling, API) {
        assert!(!scope.is_empty() && scope.is_within(&ceiling));
        assert!(params.value("resource").is_none_or(|resource| resource == API));
    }
    let _ = refresh::Request::read(&headers, &params);
    let _ = code::Request::read(&params);
}

/// The client's name is in the form or in the header, and the header can say it in the form's place.
fn named_alike(client_id: &str, headers: &HeaderMap, params: &Params) {
    assert!(!client_id.is_empty() && client_id.len() <= 256 && !client_id.contains(char::is_control));
    assert!(params.value("client_id").is_none_or(|named| named == client_id));
    assert!(params.value("client_id").is_some() || headers.contains_key(AUTHORIZATION));
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode("s:e c"))));
    let value = HeaderValue::try_from(basic).expect("base64 is a header value");
    let nothing = Params::parse(b"").expect("nothing is no parameter");
    let again = Credentials::read(&HeaderMap::from_iter([(AUTHORIZATION, value)]), &nothing);
    assert!(again.is_ok_and(|again| again.client_id() == client_id));
}

/// The text of a refresh token, and columns of a session's row.
///
/// A token has one spelling, and only what a session's secret made is its own; columns that can be read are written
/// alike.
pub fn refresh_token(input: &[u8]) {
    if let Ok(history) = History::from_bytes(input) {
        assert_eq!(History::from_bytes(&history.to_bytes()), Ok(history));
    }
    if let Ok(holes) = Holes::from_bytes(input) {
        assert_eq!(holes.to_bytes(), input);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(scope) = Scope::parse(text) {
        assert_eq!(Scope::parse(&scope.to_string()), Ok(scope));
    }
    let Ok(token) = RefreshToken::parse(text) else { return };
    assert_eq!(*token.expose(), text);
    let secret = SessionSecret::from_bytes([7; 32]);
    let ours = secret.refresh_token(token.locator(), token.generation());
    assert!(secret.made(&ours) && RefreshToken::parse(&ours.expose()).is_ok_and(|read| read == ours));
    assert_eq!(secret.made(&token), *ours.expose() == text);
    assert!(!SessionSecret::from_bytes([8; 32]).made(&ours));
}
