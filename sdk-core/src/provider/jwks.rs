//! The provider's public keys (RFC 7517).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::jws::Jws;
use crate::{
    crypto::{Algorithm, PublicKey, verify_signature},
    json,
};

/// The keys that can verify ID tokens and signed userinfo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Jwks {
    keys: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    /// The one algorithm that the provider uses it for, where it says so.
    algorithm: Option<String>,
    public: PublicKey,
}

impl Jwks {
    /// Reads a key set. Keys for other uses, of other types, too weak or malformed are skipped, as RFC 7517 §5 asks;
    /// `None` if `document` is no key set at all. The limit counts the keys that are left.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let document: Map<String, Value> = json::read(document)?;
        let keys = document.get("keys")?.as_array()?;
        // A provider that signs has a key: an empty set says as little as none.
        (!keys.is_empty()).then(|| Self::of(keys))
    }

    /// The usable ones among these keys.
    pub(crate) fn of(keys: &[Value]) -> Self {
        Self { keys: keys.iter().filter_map(Key::parse).take(MAX_KEYS).collect() }
    }

    /// Whether it has no usable key.
    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, reduced to what is read of them: they read as the same again.
    pub(crate) fn to_keys(&self) -> Vec<Value> {
        self.keys.iter().map(Key::to_jwk).collect()
    }

    /// Checks who signed a JWS.
    pub(crate) fn check(&self, jws: &Jws<'_>) -> Result<(), BadSignature> {
        let (algorithm, key_id) = (jws.algorithm, jws.key_id.as_deref());
        let made_it = |key: &PublicKey| verify_signature(algorithm, key, jws.signed, &jws.signature);
        if self.candidates(algorithm, key_id).any(made_it) {
            return Ok(());
        }
        // A key without a name may be any other: the one that the token names may be in a newer set.
        let is_named = |key: &Key| key_id.is_none() || key.id.as_deref() == key_id;
        let is_known = self.keys.iter().any(|key| is_named(key) && key.fits(algorithm));
        Err(if is_known { BadSignature::Wrong } else { BadSignature::UnknownKey })
    }

    /// The keys that may have made a signature of `algorithm` under the name `key_id`. Where the token names no key,
    /// or a key has no name, it is a candidate: the name is a hint (RFC 7515 §4.1.4), and the signature decides.
    pub(crate) fn candidates(
        &self,
        algorithm: Algorithm,
        key_id: Option<&str>,
    ) -> impl Iterator<Item = &PublicKey> {
        let named = move |key: &&Key| key_id.is_none() || key.id.is_none() || key.id.as_deref() == key_id;
        self.keys.iter().filter(named).filter(move |key| key.fits(algorithm)).map(|key| &key.public)
    }
}

impl Key {
    fn parse(jwk: &Value) -> Option<Self> {
        let jwk = jwk.as_object()?;
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        if let Some(Value::Array(operations)) = jwk.get("key_ops")
            && !operations.iter().any(|operation| operation == "verify")
        {
            return None;
        }
        let public = match (text("kty")?, text("crv")) {
            ("RSA", _) => rsa(text("n")?, text("e")?)?,
            ("EC", Some("P-256")) => PublicKey::P256(point::<32, 65>(text("x")?, text("y")?)?),
            ("EC", Some("P-384")) => PublicKey::P384(point::<48, 97>(text("x")?, text("y")?)?),
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519(coordinate(text("x")?)?),
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), algorithm: text("alg").map(str::to_owned), public })
    }

    fn to_jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.public {
            PublicKey::Rsa { n, e } => json!({ "kty": "RSA", "n": text(n), "e": text(e) }),
            PublicKey::P256(point) => {
                json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            PublicKey::P384(point) => {
                json!({ "kty": "EC", "crv": "P-384", "x": text(&point[1..49]), "y": text(&point[49..]) })
            }
            PublicKey::Ed25519(point) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(point) }),
        };
        for (name, value) in [("kid", &self.id), ("alg", &self.algorithm)] {
            if let Some(value) = value {
                jwk[name] = value.as_str().into();
            }
        }
        jwk
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let allowed = self.algorithm.as_deref().is_none_or(|only| Algorithm::named(only) == Some(algorithm));
        allowed && self.public.fits(algorithm)
    }
}

/// 2048 to 8192 bits, and an odd exponent of 3 or more that isn't absurd.
fn rsa(n: &str, e: &str) -> Option<PublicKey> {
    let (n, e) = (integer(n)?, integer(e)?);
    let bits = n.len() * 8 - usize::try_from(n[0].leading_zeros()).ok()?;
    let exponent_is_sound = e.len() <= 4 && e.last().is_some_and(|last| last % 2 == 1) && e != [1];
    ((2048..=8192).contains(&bits) && exponent_is_sound).then_some(PublicKey::Rsa { n, e })
}

/// A big-endian integer. RFC 7518 §6.3.1 allows no leading zero, and some providers send one.
fn integer(text: &str) -> Option<Vec<u8>> {
    if text.len() > 2048 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[start..].to_vec())
}

/// `04 ‖ x ‖ y`.
fn point<const COORDINATE: usize, const POINT: usize>(x: &str, y: &str) -> Option<[u8; POINT]> {
    let (x, y) = (coordinate::<COORDINATE>(x)?, coordinate::<COORDINATE>(y)?);
    [&[4], &x[..], &y[..]].concat().try_into().ok()
}

fn coordinate<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() > 2 * LENGTH {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadSignature {
    /// None of the keys can have made it.
    UnknownKey,
    Wrong,
}

const MAX_KEYS: usize = 64;

#[cfg(test)]
mod tests;
