//! What the userinfo endpoint says (OpenID Connect Core §5.3).

use serde_json::{Map, Value};

use super::{
    jwks::{BadSignature, Jwks},
    jws::{Jws, JwsError},
};
use crate::{error::Error, json::read_unambiguous};

/// Why a userinfo response is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserInfoError {
    #[error("the provider's userinfo is not a JSON object")]
    NotJson,
    #[error("the provider's userinfo does not say whom it is about")]
    NoSubject,
    /// The same, where nothing else says it either.
    #[error(
        "neither an ID token nor the provider's userinfo says who the user is; the token needs the scope openid"
    )]
    Anonymous,
    #[error("the provider's userinfo is about another user")]
    Subject,
    #[error("the provider's signed userinfo cannot be read: {0}")]
    Jws(#[from] JwsError),
    #[error("the provider's signed userinfo is another kind of token")]
    Type,
    #[error("the provider has no key for the signature of its userinfo")]
    UnknownKey,
    #[error("the signature of the provider's userinfo is wrong")]
    Signature,
    #[error("the provider's signed userinfo is from another issuer")]
    Issuer,
    #[error("the provider's signed userinfo is for another client")]
    Audience,
    #[error("the provider's signed userinfo has expired")]
    Expired,
}

impl From<BadSignature> for UserInfoError {
    fn from(error: BadSignature) -> Self {
        match error {
            BadSignature::UnknownKey => Self::UnknownKey,
            BadSignature::Wrong => Self::Signature,
        }
    }
}

impl From<UserInfoError> for Error {
    fn from(error: UserInfoError) -> Self {
        match error {
            // A captive portal's page, or half a document.
            UserInfoError::NotJson => Self::offline(),
            // As with an ID token: the keys may be a cache's.
            UserInfoError::UnknownKey => Self::offline(),
            error @ UserInfoError::Anonymous => Self::refused("no_subject", error.to_string()),
            error => Self::refused("invalid_userinfo", error.to_string()),
        }
    }
}

/// What signed userinfo must say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedUserInfo<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    /// The user, if they are known already.
    pub(crate) subject: Option<&'a str>,
    /// Unix seconds.
    pub(crate) now: i64,
    /// How far the clock may be off, in seconds.
    pub(crate) leeway: i64,
}

/// The claims in `body`, which must be about `subject` if the user is known already: the response is not signed, and a
/// token of another user could have been slipped in (§5.3.2).
pub(crate) fn parse(body: &[u8], subject: Option<&str>) -> Result<Map<String, Value>, UserInfoError> {
    about(read_unambiguous(body).ok_or(UserInfoError::NotJson)?, subject)
}

/// The claims of signed userinfo (`application/jwt`, §5.3.2): signed by the provider, for this client, about this
/// user.
pub(crate) fn verify_signed(
    text: &str,
    keys: &Jwks,
    expected: &ExpectedUserInfo<'_>,
) -> Result<Map<String, Value>, UserInfoError> {
    let jws = Jws::parse(text)?;
    // Access tokens (RFC 9068) and logout tokens of the same issuer are signed with the same keys.
    if jws.kind.as_deref().is_some_and(|kind| kind != "jwt" && kind != "userinfo+jwt") {
        return Err(UserInfoError::Type);
    }
    keys.check(&jws)?;
    let mut claims = jws.claims;
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(UserInfoError::Issuer);
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == expected.client_id,
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == expected.client_id),
        _ => false,
    };
    if !for_us {
        return Err(UserInfoError::Audience);
    }
    // It need not say how long it is valid. If it does, it counts.
    let expires = claims.get("exp").filter(|expires| !expires.is_null());
    if let Some(expires) = expires
        && expires.as_f64().is_none_or(|expires| {
            #[expect(clippy::cast_precision_loss, reason = "Unix seconds are far below 2^52")]
            let latest = expected.now.saturating_sub(expected.leeway) as f64;
            expires <= latest
        })
    {
        return Err(UserInfoError::Expired);
    }
    claims.retain(|name, _| !ABOUT_THE_TOKEN.contains(&name.as_str()));
    about(claims, expected.subject)
}

fn about(claims: Map<String, Value>, subject: Option<&str>) -> Result<Map<String, Value>, UserInfoError> {
    let nobody = if subject.is_some() { UserInfoError::NoSubject } else { UserInfoError::Anonymous };
    match claims.get("sub").and_then(Value::as_str) {
        None => Err(nobody),
        Some(found) if subject.is_some_and(|subject| found != subject) => Err(UserInfoError::Subject),
        Some(found) if found.is_empty() || found.len() > LONGEST_SUBJECT => Err(nobody),
        Some(_) => Ok(claims),
    }
}

/// As for an ID token.
const LONGEST_SUBJECT: usize = 1024;
/// Claims that say nothing about the user.
const ABOUT_THE_TOKEN: [&str; 6] = ["iss", "aud", "exp", "iat", "nbf", "jti"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_about_the_same_user_come_through() {
        let claims = parse(br#"{"sub":"ada","name":"Ada","unknown":{"x":[1]}}"#, Some("ada")).unwrap();
        assert_eq!(claims["name"], "Ada");
        let marked = parse("\u{feff}{\"sub\":\"ada\"}\r\n".as_bytes(), Some("ada"));
        assert_eq!(marked.unwrap()["sub"], "ada");
    }

    #[test]
    fn another_user_nobody_and_no_json_are_refused() {
        assert_eq!(parse(br#"{"sub":"eve"}"#, Some("ada")), Err(UserInfoError::Subject));
        assert_eq!(parse(br#"{"name":"Ada"}"#, Some("ada")), Err(UserInfoError::NoSubject));
        assert_eq!(parse(br#"{"sub":7}"#, Some("ada")), Err(UserInfoError::NoSubject));
        assert_eq!(parse(br#"{"sub":"eve","sub":"ada"}"#, Some("ada")), Err(UserInfoError::NotJson));
        assert_eq!(parse(b"eyJhbGciOiJSUzI1NiJ9.e30.x", Some("ada")), Err(UserInfoError::NotJson));
    }
}
