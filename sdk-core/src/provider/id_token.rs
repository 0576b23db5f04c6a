//! ID tokens: who signed in, provably, here and now (OpenID Connect Core §2 and §3.1.3.7).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    jwks::{BadSignature, Jwks},
    jws::{Jws, JwsError},
};
use crate::{
    crypto::{self, Algorithm, Hash},
    error::Error,
    json,
};

/// What an ID token must say.
#[derive(Clone, Copy)]
pub(crate) struct Expectations<'a> {
    /// The issuer, as configured.
    pub(crate) issuer: &'a str,
    /// The audience.
    pub(crate) client_id: &'a str,
    /// The nonce of the authorization request. A refresh has none, and then the token's isn't looked at.
    pub(crate) nonce: Option<&'a str>,
    /// The access token that came along, which `at_hash` must fit where it is there.
    pub(crate) access_token: Option<&'a str>,
    /// The subject, where it is known already (OpenID Connect Core §12.2).
    pub(crate) subject: Option<&'a str>,
    /// The `max_age` of the authorization request, in seconds: with it, `auth_time` is needed and checked.
    pub(crate) max_age: Option<u64>,
    /// The device's time, in Unix seconds.
    pub(crate) now: i64,
    /// How far the device's clock may be off, in seconds.
    pub(crate) leeway: i64,
}

/// How far a clock may be off before anybody has to care: two minutes.
pub(crate) const DEFAULT_LEEWAY: i64 = 120;

/// The claims of a verified ID token.
#[derive(Clone, PartialEq)]
pub(crate) struct IdTokenClaims {
    /// Who signed in: unique within the issuer.
    pub(crate) subject: String,
    /// When they did, in Unix seconds, where the provider says so.
    pub(crate) auth_time: Option<i64>,
    /// All claims, these among them.
    pub(crate) claims: Map<String, Value>,
}

impl std::fmt::Debug for IdTokenClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdTokenClaims").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why an ID token is not accepted. None of these quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdTokenError {
    #[error("the ID token cannot be read: {0}")]
    Jws(#[from] JwsError),
    #[error("the token is of type {0:?}, and an ID token was expected")]
    Type(String),
    #[error("the provider has no key for the ID token's signature")]
    UnknownKey,
    #[error("the ID token's signature is wrong")]
    Signature,
    #[error("the ID token's {0} is missing or malformed")]
    Claim(&'static str),
    #[error("the ID token is from another issuer")]
    Issuer,
    #[error("the ID token is for another client")]
    Audience,
    #[error("the ID token was issued to another client (azp)")]
    AuthorizedParty,
    #[error("the ID token answers another request (nonce)")]
    Nonce,
    #[error("the ID token is about another user")]
    Subject,
    #[error("the access token is not the one that the ID token was issued with (at_hash)")]
    AccessTokenHash,
    #[error("the sign-in is longer ago than was asked for (auth_time)")]
    TooLongAgo,
    /// The token is expired or not valid yet, seen from the device's clock: positive when that is ahead of the
    /// provider's.
    #[error("the device's clock is {0} seconds off the provider's")]
    Clock(i64),
    #[error("the ID token is expired, or not valid yet, by the provider's own time")]
    ProviderTime,
    #[error("the ID token is signed with {0}, which the provider's metadata does not list")]
    AlgorithmNotListed(&'static str),
}

impl From<BadSignature> for IdTokenError {
    fn from(error: BadSignature) -> Self {
        match error {
            BadSignature::UnknownKey => Self::UnknownKey,
            BadSignature::Wrong => Self::Signature,
        }
    }
}

impl From<IdTokenError> for Error {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::Clock(delta) => Self::ClockSkew(delta),
            // The keys may be a cache's, which does not have the newest one yet.
            IdTokenError::UnknownKey => Self::offline(),
            error => Self::refused("invalid_id_token", error.to_string()),
        }
    }
}

/// Verifies `token` by `keys`: first that the provider made it, then that it is for us, now.
pub(crate) fn verify_with(
    token: &str,
    keys: &Jwks,
    expected: &Expectations<'_>,
) -> Result<IdTokenClaims, IdTokenError> {
    let jws = Jws::parse(token)?;
    // An access token (RFC 9068) or a logout token of the same issuer is signed by the same keys.
    if let Some(kind) = &jws.kind
        && kind != "jwt"
    {
        return Err(IdTokenError::Type(kind.chars().take(40).collect()));
    }
    keys.check(&jws)?;
    check_claims(jws.claims, jws.algorithm, expected)
}

/// Whether a refreshed ID token names another issuer, client or user (OpenID Connect Core §12.2), or repeats a name.
///
/// It came from the token endpoint over TLS, so its signature is not checked (§3.1.3.7), and neither are its algorithm
/// and its times: the session takes nothing from it. What is missing, or cannot be read, says nothing.
pub(crate) fn names_another_user(token: &str, issuer: &str, client_id: &str, subject: &str) -> bool {
    let Some(payload) = payload_of(token) else { return false };
    let Some(claims) = json::read_unambiguous(&payload) else {
        return json::read::<Map<String, Value>>(&payload).is_some();
    };
    let said = |name: &str| claims.get(name).filter(|found| !found.is_null());
    let differs = |name: &str, ours: &str| said(name).is_some_and(|found| found != ours);
    let is_for_another = said("aud").is_some_and(|audience| match audience {
        Value::Array(audiences) => !audiences.iter().any(|one| one == client_id),
        audience => audience != client_id,
    });
    differs("iss", issuer) || differs("sub", subject) || differs("azp", client_id) || is_for_another
}

/// The claims about the user in an ID token that was verified when it came.
pub(crate) fn claims_of_verified(token: &str) -> Option<Map<String, Value>> {
    json::read_unambiguous(&payload_of(token)?).map(about_the_user)
}

/// The payload of a JWT whose signature is not looked at.
fn payload_of(token: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()
}

/// Without the members of an ID token that say nothing about the user.
pub(crate) fn about_the_user(mut claims: Map<String, Value>) -> Map<String, Value> {
    claims.retain(|name, _| !ABOUT_THE_TOKEN.contains(&name.as_str()));
    claims
}

const ABOUT_THE_TOKEN: [&str; 11] =
    ["iss", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash"];

fn check_claims(
    claims: Map<String, Value>,
    algorithm: Algorithm,
    expected: &Expectations<'_>,
) -> Result<IdTokenClaims, IdTokenError> {
    if text(&claims, "iss")? != Some(expected.issuer) {
        return Err(IdTokenError::Issuer);
    }
    check_audience(&claims, expected.client_id)?;
    let subject = match text(&claims, "sub")? {
        // OpenID Connect Core §2 allows 255 ASCII characters; a little mercy costs nothing.
        Some(subject) if !subject.is_empty() && subject.len() <= 1024 => subject.to_owned(),
        _ => return Err(IdTokenError::Claim("sub")),
    };
    if expected.subject.is_some_and(|known| known != subject) {
        return Err(IdTokenError::Subject);
    }
    if let Some(nonce) = expected.nonce {
        let given = text(&claims, "nonce")?.unwrap_or_default();
        if !crypto::constant_time_eq(given.as_bytes(), nonce.as_bytes()) {
            return Err(IdTokenError::Nonce);
        }
    }
    if let (Some(hash), Some(token)) = (text(&claims, "at_hash")?, expected.access_token)
        && !crypto::constant_time_eq(hash.as_bytes(), access_token_hash(algorithm, token).as_bytes())
    {
        return Err(IdTokenError::AccessTokenHash);
    }
    check_times(&claims, expected)?;
    // Without `max_age`, nobody asked for it: an odd one says nothing.
    Ok(IdTokenClaims { subject, auth_time: seconds(&claims, "auth_time").ok().flatten(), claims })
}

/// We are in the audience; where others are too, the token must have been issued to us (OpenID Connect Core §3.1.3.7,
/// 3 to 5). `azp`, where it is there, always has to name us.
fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), IdTokenError> {
    let (ours, others) = match claims.get("aud") {
        Some(Value::String(audience)) => (audience == client_id, false),
        Some(Value::Array(audiences)) => {
            if !audiences.iter().all(Value::is_string) {
                return Err(IdTokenError::Claim("aud"));
            }
            let is_ours = |audience: &Value| audience == client_id;
            (audiences.iter().any(is_ours), !audiences.iter().all(is_ours))
        }
        _ => return Err(IdTokenError::Claim("aud")),
    };
    if !ours {
        return Err(IdTokenError::Audience);
    }
    match text(claims, "azp")? {
        Some(party) if party != client_id => Err(IdTokenError::AuthorizedParty),
        None if others => Err(IdTokenError::AuthorizedParty),
        _ => Ok(()),
    }
}

fn check_times(claims: &Map<String, Value>, expected: &Expectations<'_>) -> Result<(), IdTokenError> {
    let Expectations { now, leeway, .. } = *expected;
    let issued = seconds(claims, "iat")?.ok_or(IdTokenError::Claim("iat"))?;
    let expires = seconds(claims, "exp")?.ok_or(IdTokenError::Claim("exp"))?;
    if expires <= issued {
        return Err(IdTokenError::Claim("exp"));
    }
    let begins = seconds(claims, "nbf")?.unwrap_or(issued).max(issued);
    // The token has just been issued, so `iat` is the provider's clock.
    if now >= expires.saturating_add(leeway) || now < begins.saturating_sub(leeway) {
        return Err(IdTokenError::Clock(now.saturating_sub(issued)));
    }
    if let Some(max_age) = expected.max_age {
        let signed_in = seconds(claims, "auth_time")?.ok_or(IdTokenError::Claim("auth_time"))?;
        let max_age = i64::try_from(max_age).unwrap_or(i64::MAX);
        if now.saturating_sub(signed_in) > max_age.saturating_add(leeway) {
            return Err(IdTokenError::TooLongAgo);
        }
    }
    Ok(())
}

/// The left half of the hash that goes with the signature's algorithm (OpenID Connect Core §3.1.3.6).
fn access_token_hash(algorithm: Algorithm, token: &str) -> String {
    let token = token.as_bytes();
    match algorithm.hash() {
        Hash::Sha256 => URL_SAFE_NO_PAD.encode(&crypto::sha256(token)[..16]),
        Hash::Sha384 => URL_SAFE_NO_PAD.encode(&crypto::sha384(token)[..24]),
        Hash::Sha512 => URL_SAFE_NO_PAD.encode(&crypto::sha512(token)[..32]),
    }
}

/// A text; `null` is the same as nothing.
fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, IdTokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(IdTokenError::Claim(name)),
    }
}

/// A NumericDate (RFC 7519 §2), which may have a fraction, between the years 1970 and 9999. Some providers write it as
/// a text of digits.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, IdTokenError> {
    let whole = match claims.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float saturates, and the range is checked next"
        )]
        Some(value) => value.as_i64().or_else(|| value.as_f64().map(|fraction| fraction.floor() as i64)),
    };
    whole.filter(|whole| (0..=253_402_300_799).contains(whole)).map(Some).ok_or(IdTokenError::Claim(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(claims: &str) -> bool {
        let token = format!("eyJhbGciOiJub25lIn0.{}.", URL_SAFE_NO_PAD.encode(claims));
        names_another_user(&token, "https://id.example.com", "notes", "ada")
    }

    #[test]
    fn a_refreshed_id_token_names_the_issuer_the_client_and_the_user_of_the_session() {
        for claims in [
            r#"{"iss":"https://id.example.com","sub":"ada","aud":"notes","exp":1,"iat":0}"#,
            r#"{"iss":"https://id.example.com","sub":"ada","aud":["api","notes"],"azp":"notes","nonce":"x"}"#,
            r#"{"sub":"ada"}"#,
            r#"{"sub":"ada","iss":null,"aud":null,"azp":null}"#,
            "{}",
            "no claims",
            r#"{"sub":"eve""#,
        ] {
            assert!(!is_refused(claims), "{claims}");
        }
        for text in ["", "x", "x.y.z", "..", "e30.!.x"] {
            assert!(!names_another_user(text, "https://id.example.com", "notes", "ada"), "{text}");
        }
    }

    #[test]
    fn another_issuer_client_or_user_is_refused_however_it_is_written() {
        for claims in [
            r#"{"sub":"eve"}"#,
            r#"{"sub":7}"#,
            r#"{"sub":""}"#,
            r#"{"sub":["ada"]}"#,
            r#"{"sub":"ada","sub":"eve"}"#,
            r#"{"sub":"eve","sub":"ada"}"#,
            r#"{"sub":"ada","\u0073ub":"eve"}"#,
            r#"{"sub":"ada","more":{"x":1,"x":2}}"#,
            r#"{"sub":"ada"}{"sub":"eve"}"#,
            r#"{"iss":"https://id.example.com/","sub":"ada"}"#,
            r#"{"iss":7,"sub":"ada"}"#,
            r#"{"sub":"ada","aud":"other"}"#,
            r#"{"sub":"ada","aud":["other"]}"#,
            r#"{"sub":"ada","aud":[]}"#,
            r#"{"sub":"ada","aud":{"notes":true}}"#,
            r#"{"sub":"ada","aud":"notes","azp":"other"}"#,
        ] {
            assert!(is_refused(claims), "{claims}");
        }
        let padded = "e30.eyJzdWIiOiJldmUifQ==.x";
        assert!(names_another_user(padded, "https://id.example.com", "notes", "ada"));
    }
}
