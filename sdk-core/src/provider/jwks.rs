//! The provider's public keys (RFC 7517).

use std::sync::Arc;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use crate::crypto::{Algorithm, PublicKey};
use crate::net::{NetError, Request, Transport};

/// The keys that can verify ID tokens.
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
    /// nothing where `document` is no key set at all.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let document: Map<String, Value> = serde_json::from_slice(document).ok()?;
        let keys = document.get("keys")?.as_array()?;
        Some(Self { keys: keys.iter().take(MAX_KEYS).filter_map(Key::parse).collect() })
    }

    /// The keys that may have made a signature of `algorithm` under the name `key_id`. Where the token names no key,
    /// every key that fits is a candidate.
    pub(crate) fn candidates(
        &self,
        algorithm: Algorithm,
        key_id: Option<&str>,
    ) -> impl Iterator<Item = &PublicKey> {
        self.keys
            .iter()
            .filter(move |key| key_id.is_none() || key.id.as_deref() == key_id)
            .filter(move |key| key.public.fits(algorithm) && key.allows(algorithm))
            .map(|key| &key.public)
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
            ("EC", Some("P-256")) => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&coordinate(text("x")?)?);
                point[33..].copy_from_slice(&coordinate(text("y")?)?);
                PublicKey::P256(point)
            }
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519(coordinate(text("x")?)?),
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), algorithm: text("alg").map(str::to_owned), public })
    }

    fn allows(&self, algorithm: Algorithm) -> bool {
        let Some(only) = self.algorithm.as_deref() else { return true };
        match algorithm {
            Algorithm::Rs256 => only == "RS256",
            Algorithm::Ps256 => only == "PS256",
            Algorithm::Es256 => only == "ES256",
            Algorithm::EdDsa => only == "EdDSA" || only == "Ed25519",
        }
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

fn coordinate(text: &str) -> Option<[u8; 32]> {
    if text.len() > 64 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwksError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the provider answered with status {0} when asked for its keys")]
    Status(u16),
    #[error("the provider's keys are not a JSON Web Key Set")]
    Malformed,
}

/// One client's copy of the provider's keys, asked for again after an hour, or when a token names a key that isn't
/// among them: that is how a provider's key rotation is noticed.
#[derive(Debug, Default)]
pub(crate) struct JwksCache {
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    from: Url,
    keys: Arc<Jwks>,
    fetched: Duration,
}

impl JwksCache {
    /// The keys at `address`. `now` is a reading of the monotonic clock.
    pub(crate) async fn keys(
        &self,
        transport: &Transport,
        address: &Url,
        now: Duration,
    ) -> Result<Arc<Jwks>, JwksError> {
        self.keys_not_older_than(LIFETIME, transport, address, now).await
    }

    /// The keys once more, unless they were asked for a moment ago.
    pub(crate) async fn newer_keys(
        &self,
        transport: &Transport,
        address: &Url,
        now: Duration,
    ) -> Result<Arc<Jwks>, JwksError> {
        self.keys_not_older_than(MINIMUM_INTERVAL, transport, address, now).await
    }

    async fn keys_not_older_than(
        &self,
        age: Duration,
        transport: &Transport,
        address: &Url,
        now: Duration,
    ) -> Result<Arc<Jwks>, JwksError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref()
            && held.from == *address
            && now.saturating_sub(held.fetched) < age
        {
            return Ok(held.keys.clone());
        }
        let answer = transport.send(Request::get_json(address.clone())).await?;
        if !answer.status.is_success() {
            return Err(JwksError::Status(answer.status.as_u16()));
        }
        let keys = Arc::new(Jwks::parse(&answer.body).ok_or(JwksError::Malformed)?);
        *held = Some(Held { from: address.clone(), keys: keys.clone(), fetched: now });
        Ok(keys)
    }
}

const MAX_KEYS: usize = 64;
const LIFETIME: Duration = Duration::from_secs(3600);
/// A provider is asked for its keys no more often than this, whatever tokens come in.
const MINIMUM_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
