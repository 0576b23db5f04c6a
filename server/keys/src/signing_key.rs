//! A key that signs tokens, and the set of those that are published.

use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::KeysError;
use super::token_type::TokenType;
use moorline_server_base::clock::Timestamp;
use moorline_server_base::digest::sha256;
use moorline_server_store::{Row, StoreError};

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyState {
    /// In the JWK set, signs nothing yet.
    Published {
        /// From when on it signs.
        active_at: Timestamp,
    },
    /// Signs.
    Active,
    /// Signs no more; in the JWK set until the last token it signed has expired.
    Retired {
        /// Since when.
        at: Timestamp,
    },
}

/// One key pair with its place in life.
pub struct SigningKey {
    kid: String,
    pair: RsaKeyPair,
    public: ParsedPublicKey,
    jwk: serde_json::Value,
    access_token_header: String,
    id_token_header: String,
    active_at: Timestamp,
    retired_at: Option<Timestamp>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    pub(super) fn new(
        pair: RsaKeyPair,
        active_at: Timestamp,
        retired_at: Option<Timestamp>,
    ) -> Result<Self, KeysError> {
        let components = Components::of(&pair).ok_or(KeysError::Unusable)?;
        let kid = components.thumbprint();
        let jwk = components.jwk(&kid);
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
            .map_err(|_| KeysError::Unusable)?;
        Ok(Self {
            access_token_header: TokenType::AccessToken.jws_header(&kid),
            id_token_header: TokenType::IdToken.jws_header(&kid),
            kid,
            pair,
            public,
            jwk,
            active_at,
            retired_at,
        })
    }

    /// Where the key is in its life at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SigningKeyState {
        match self.retired_at {
            Some(at) => SigningKeyState::Retired { at },
            None if self.active_at <= now => SigningKeyState::Active,
            None => SigningKeyState::Published { active_at: self.active_at },
        }
    }

    /// The key's id (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether this row is this key, at the same place in its life.
    pub(super) fn is_stored_as(&self, row: &Row) -> Result<bool, StoreError> {
        Ok(row.text("kid")? == self.kid
            && row.timestamp("active_at")? == self.active_at
            && row.optional_timestamp("retired_at")? == self.retired_at)
    }

    pub(super) fn header(&self, typ: TokenType) -> &str {
        match typ {
            TokenType::AccessToken => &self.access_token_header,
            TokenType::IdToken => &self.id_token_header,
        }
    }

    pub(super) const fn pair(&self) -> &RsaKeyPair {
        &self.pair
    }

    pub(super) const fn public(&self) -> &ParsedPublicKey {
        &self.public
    }
}

/// The key's id: its thumbprint (RFC 7638).
pub(super) fn thumbprint(pair: &RsaKeyPair) -> Result<String, KeysError> {
    Ok(Components::of(pair).ok_or(KeysError::Unusable)?.thumbprint())
}

/// Modulus and exponent, as a JWK writes them: without leading zeros.
struct Components<'a> {
    n: &'a [u8],
    e: &'a [u8],
}

impl<'a> Components<'a> {
    /// Reads a DER `RSAPublicKey` (RFC 8017 §A.1.1), which is what the library gives for its own keys.
    fn of(pair: &'a RsaKeyPair) -> Option<Self> {
        let (sequence, rest) = der_value(pair.public_key().as_ref(), 0x30)?;
        let (n, exponent) = der_value(sequence, 0x02)?;
        let (e, end) = der_value(exponent, 0x02)?;
        let unsigned = |integer: &'a [u8]| integer.strip_prefix(&[0]).unwrap_or(integer);
        (rest.is_empty() && end.is_empty()).then_some(Self { n: unsigned(n), e: unsigned(e) })
    }

    /// The SHA-256 thumbprint of RFC 7638: the same key has the same name everywhere.
    fn thumbprint(&self) -> String {
        let json = format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(self.e), encode(self.n));
        encode(&sha256(json.as_bytes()))
    }

    fn jwk(&self, kid: &str) -> serde_json::Value {
        serde_json::json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": encode(self.n), "e": encode(self.e),
        })
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The contents of the DER value of this tag that `input` begins with, and what comes after it.
fn der_value(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// All keys that are published, the newest first.
#[derive(Debug, Default)]
pub(super) struct KeySet(pub(super) Vec<SigningKey>);

impl KeySet {
    /// The key that signs: the newest of the active ones. Setting the machine's clock may leave none; then the one
    /// that is next, since it is published and better than no answers at all.
    pub(super) fn active(&self, now: Timestamp) -> Option<&SigningKey> {
        let waits = |key: &&SigningKey| matches!(key.state(now), SigningKeyState::Published { .. });
        self.0
            .iter()
            .find(|key| key.state(now) == SigningKeyState::Active)
            .or_else(|| self.0.iter().rfind(waits))
    }

    pub(super) fn published(&self, kid: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    pub(super) fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": self.0.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }
}
