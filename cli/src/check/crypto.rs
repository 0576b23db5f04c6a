//! Hashes, randomness and DPoP proofs (RFC 9449 §4.2), by the provider that TLS uses, too.

use std::time::UNIX_EPOCH;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moorline::{Clock as _, SystemClock};
use serde_json::{Value, json};
use url::Url;

use super::secret::Secret;

/// SHA-256, in base64url without padding.
pub(super) fn sha256_base64url(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, data))
}

/// 256 random bits in base64url: 43 characters that `state`, `nonce`, `code_verifier` and `refresh_attempt` all allow.
///
/// # Panics
/// When the operating system has no randomness to give.
pub(super) fn random() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the operating system's random generator works");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970, by this machine's clock.
pub(super) fn now() -> i64 {
    let since = SystemClock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A key for DPoP proofs. It lives as long as the check.
pub(super) struct ProofKey(EcdsaKeyPair);

impl ProofKey {
    /// # Panics
    /// When the operating system has no randomness to give.
    pub(super) fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self(pair.expect("the operating system's random generator works"))
    }

    /// A fresh proof for a `POST` to `url`.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub(super) fn prove_post(&self, url: &Url, nonce: Option<&str>) -> Secret {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let mut claims = json!({ "jti": random(), "htm": "POST", "htu": target(url), "iat": now() });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("the operating system's random generator works");
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted key]")
    }
}

/// `htu`: the address without query and fragment.
fn target(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_proof_is_signed_by_the_key_that_it_names() {
        let key = ProofKey::generate();
        let url = Url::parse("https://id.example.com/token?tenant=1#x").unwrap();
        let proof = key.prove_post(&url, Some("n1"));
        let (signed, signature) = proof.expose().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.0.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).unwrap();
        let parts: Vec<Value> = signed
            .split('.')
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        assert_eq!(parts[0]["typ"], "dpop+jwt");
        assert_eq!((&parts[1]["htm"], &parts[1]["nonce"]), (&"POST".into(), &"n1".into()));
        assert_eq!(parts[1]["htu"], "https://id.example.com/token");
    }

    #[test]
    fn random_values_fit_where_they_are_used() {
        let value = random();
        assert_eq!(value.len(), 43);
        assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_ne!(value, random());
    }
}
