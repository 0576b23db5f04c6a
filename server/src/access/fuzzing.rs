//! Tokens in the `Authorization` header.

use http::header::AUTHORIZATION;
use serde_json::Value;

use super::credential::Credential;
use super::scheme::Scheme;
use crate::fuzzing::{first_line, head_and_body};
use moorline_server_keys::decode;

/// A line with the query, then header fields.
///
/// A token comes from the one `Authorization` header as it stands there, and never beside one in the address.
pub fn credential(input: &[u8]) {
    let (query, rest) = first_line(input);
    let Ok(query) = std::str::from_utf8(query) else { return };
    let (headers, _) = head_and_body(rest);
    let Ok(Credential { scheme, token }) = Credential::read(&headers, Some(query), None) else { return };
    assert_eq!(headers.get_all(AUTHORIZATION).iter().count(), 1);
    let value = headers[AUTHORIZATION].to_str().expect("it was read as text");
    let name = if scheme == Scheme::Bearer { "bearer" } else { "dpop" };
    let before = value[..value.len() - token.len()].to_ascii_lowercase();
    assert!(before.ends_with(' ') && before.trim_end_matches(' ') == name, "{before:?}");
    assert!(value.ends_with(token) && !token.is_empty() && !token.contains([' ', ',', '"']));
    assert!(!query.split('&').any(|pair| pair == "access_token" || pair.starts_with("access_token=")));
    let claims: Result<Value, _> = decode(token);
    assert!(claims.is_err() || token.split('.').count() == 3);
}
