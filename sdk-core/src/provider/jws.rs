//! JWS in its compact form (RFC 7515 §7.1), read strictly.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::crypto::Algorithm;
use crate::json::strict_object;

/// No real ID token is nearly this long; longer ones are refused unread.
const MAX_LENGTH: usize = 64 * 1024;

/// Why a text isn't a JWS that we could verify. None of these quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwsError {
    #[error("it is longer than 64 KiB")]
    TooLong,
    #[error("it is not three parts of unpadded base64url with a JSON object in the first two")]
    Malformed,
    #[error("it is not signed, or with a shared secret, or with an algorithm that is not accepted")]
    Algorithm,
    #[error("its header demands an extension that is not understood")]
    Critical,
}

/// A JWS, taken apart and not yet verified.
pub(crate) struct Jws<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    /// The `typ` of the header, in lower case and without `application/` (RFC 7515 §4.1.9).
    pub(crate) kind: Option<String>,
    pub(crate) claims: Map<String, Value>,
    /// What is signed: header and payload as they were sent.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes `text` apart. Of the header, only `alg`, `kid`, `typ` and `crit` are read: a key or an address of a key
    /// in there (`jwk`, `jku`, `x5c`, `x5u`) is the sender's claim, and never used.
    pub(crate) fn parse(text: &'a str) -> Result<Self, JwsError> {
        if text.len() > MAX_LENGTH {
            return Err(JwsError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
        let header = object(header)?;
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named);
        let algorithm = algorithm.ok_or(JwsError::Algorithm)?;
        // We understand no extension, so any that must be understood is one too many (RFC 7515 §4.1.11). `b64` too.
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(JwsError::Critical);
        }
        Ok(Self {
            algorithm,
            key_id: optional_string(&header, "kid")?,
            kind: optional_string(&header, "typ")?.map(|kind| {
                let kind = kind.to_ascii_lowercase();
                kind.strip_prefix("application/").map(str::to_owned).unwrap_or(kind)
            }),
            claims: object(payload)?,
            signed: signed.as_bytes(),
            signature: decode(signature)?,
        })
    }
}

/// A text; `null` is the same as nothing.
fn optional_string(object: &Map<String, Value>, name: &str) -> Result<Option<String>, JwsError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JwsError::Malformed),
    }
}

fn object(part: &str) -> Result<Map<String, Value>, JwsError> {
    strict_object(&decode(part)?).ok_or(JwsError::Malformed)
}

/// Unpadded, without white space, and with no stray bits in the last character: one text for one value.
fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    if part.is_empty() {
        return Err(JwsError::Malformed);
    }
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed)
}
