//! A proof: a compact JWS that its own key signed (RFC 9449 §4.2), read strictly and with bounds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use subtle::ConstantTimeEq as _;

use super::error::ProofError;
use super::htu;
use super::jwk::{Jwk, Key};
use moorline_server_base::digest::sha256;

/// A proof by an RSA key of 4096 bits is some 2,500 bytes long.
const LONGEST: usize = 4096;

/// A proof's `jti`: 128 bits in base64url are 22.
const LONGEST_JTI: usize = 256;

impl std::fmt::Display for ProofError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for ProofError {}

/// The request that a proof has to be for.
pub(super) struct Expected<'a> {
    pub(super) method: &'a str,
    pub(super) origin: &'a str,
    pub(super) path: &'a str,
    pub(super) access_token: Option<&'a str>,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Jwk,
    // RFC 7515 §4.1.11: what we don't understand and must, we refuse; and we understand no extension.
    crit: Option<IgnoredAny>,
}

/// The claims. `iat` has to be there, but its value is not looked at: a phone's clock may be wrong by years, and the
/// nonce bounds a proof's age by our own clock (RFC 9449 §4.3, step 11).
#[derive(Deserialize)]
pub(super) struct Claims {
    jti: String,
    htm: String,
    htu: String,
    #[serde(rename = "iat")]
    _iat: serde_json::Number,
    nonce: Option<String>,
    ath: Option<String>,
}

impl Claims {
    /// Checks what needs no arithmetic.
    pub(super) fn check(&self, expected: &Expected<'_>) -> Result<(), ProofError> {
        if self.jti.is_empty() || self.jti.len() > LONGEST_JTI {
            return Err(ProofError::Identifier);
        }
        if self.htm != expected.method {
            return Err(ProofError::Method);
        }
        if !htu::is_address(&self.htu, expected.origin, expected.path) {
            return Err(ProofError::Address);
        }
        let Some(token) = expected.access_token else { return Ok(()) };
        let hash = URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()));
        let same = self.ath.as_ref().is_some_and(|ath| ath.as_bytes().ct_eq(hash.as_bytes()).into());
        if same { Ok(()) } else { Err(ProofError::TokenHash) }
    }

    pub(super) fn jti(&self) -> &str {
        &self.jti
    }

    pub(super) fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }
}

/// The three parts, decoded.
pub(super) struct Parts<'a> {
    signed: &'a str,
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, ProofError> {
        if text.len() > LONGEST {
            return Err(ProofError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(ProofError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(ProofError::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| ProofError::Malformed);
        Ok(Self { signed, header: decode(header)?, claims: decode(claims)?, signature: decode(signature)? })
    }

    /// The key in the header, if the header is that of a proof.
    pub(super) fn key(&self) -> Result<Key, ProofError> {
        let header: Header = serde_json::from_slice(&self.header).map_err(|_| ProofError::Malformed)?;
        if header.typ != "dpop+jwt" {
            return Err(ProofError::Type);
        }
        if header.crit.is_some() {
            return Err(ProofError::Malformed);
        }
        Key::read(&header.alg, &header.jwk)
    }

    pub(super) fn claims(&self) -> Result<Claims, ProofError> {
        serde_json::from_slice(&self.claims).map_err(|_| ProofError::Malformed)
    }

    pub(super) const fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}
