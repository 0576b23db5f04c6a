//! Compact JWS (RFC 7515 §7.1), RS256 or ES256: what we sign, and what we signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::key_pair::LONGEST_SIGNATURE;
use super::signing_key::KeySet;
use super::token_type::TokenType;
use moorline_server_base::clock::Timestamp;

/// No token of ours is near this long.
const LONGEST: usize = 16 * 1024;

/// A token could not be signed, or is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// No key is active.
    #[error("no signing key is active")]
    NoKey,
    /// The claims can't be written or the library refuses to sign.
    #[error("the token could not be signed")]
    Signing,
    /// Not a compact JWS of ours: parts, encoding, header or claims.
    #[error("the token is malformed")]
    Malformed,
    /// A token for something else.
    #[error("the token is of another type")]
    WrongType,
    /// The key is unknown, or the signature is not its.
    #[error("the token's signature is not ours")]
    BadSignature,
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

pub(super) fn sign(
    keys: &KeySet,
    algorithm: Algorithm,
    typ: TokenType,
    claims: &impl Serialize,
    now: Timestamp,
) -> Result<String, JwsError> {
    let key = keys.active(algorithm, now).ok_or(JwsError::NoKey)?;
    let claims = serde_json::to_vec(claims).map_err(|_| JwsError::Signing)?;
    let mut token = String::with_capacity(1024);
    token.push_str(key.header(typ));
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let mut space = [0; LONGEST_SIGNATURE];
    let signature = key.pair().sign(token.as_bytes(), &mut space).ok_or(JwsError::Signing)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

pub(super) fn verify<C: serde::de::DeserializeOwned>(
    keys: &KeySet,
    typ: TokenType,
    token: &str,
) -> Result<C, JwsError> {
    let (signed, signature, header, claims) = split(token)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| JwsError::Malformed)?;
    if header.typ != typ.header() {
        return Err(JwsError::WrongType);
    }
    let key = keys.published(header.kid).ok_or(JwsError::BadSignature)?;
    // The key decides how it is verified, never the header (RFC 8725 §3.1).
    if header.alg != key.algorithm().name() {
        return Err(JwsError::BadSignature);
    }
    key.public().verify_sig(signed.as_bytes(), &signature).map_err(|_| JwsError::BadSignature)?;
    serde_json::from_slice(&claims).map_err(|_| JwsError::Malformed)
}

/// The claims of a compact JWS whose signature nobody has checked: for tests and for telling tokens apart.
///
/// # Errors
/// [`JwsError::Malformed`] when it is not three parts of base64url with JSON claims.
pub fn decode<C: serde::de::DeserializeOwned>(token: &str) -> Result<C, JwsError> {
    let (.., claims) = split(token)?;
    serde_json::from_slice(&claims).map_err(|_| JwsError::Malformed)
}

type Parts<'a> = (&'a str, Vec<u8>, Vec<u8>, Vec<u8>);

/// What was signed, the signature, the header and the claims.
fn split(token: &str) -> Result<Parts<'_>, JwsError> {
    if token.len() > LONGEST {
        return Err(JwsError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed);
    Ok((signed, decode(signature)?, decode(header)?, decode(claims)?))
}
