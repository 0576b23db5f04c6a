//! Proofs, checked as RFC 9449 §4.3 says.

use std::collections::HashSet;

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// What a server knows of proofs.
pub struct Proofs {
    /// The nonces that it accepts; the last is the one that it hands out. With none, it asks for none.
    pub nonces: Vec<String>,
    /// How old a proof may be, and how far ahead, in seconds.
    pub window: i64,
    seen: HashSet<String>,
}

/// A request as far as its proof is concerned.
pub(crate) struct Proven<'a> {
    pub(crate) proof: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) address: &'a str,
    pub(crate) access_token: Option<&'a str>,
    pub(crate) now: i64,
}

/// Why a proof isn't accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Bad(&'static str),
    Nonce,
}

/// A proof that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) thumbprint: String,
    pub(crate) id: String,
}

impl Default for Proofs {
    fn default() -> Self {
        Self { nonces: vec!["nonce-1".into()], window: 60, seen: HashSet::new() }
    }
}

impl Proofs {
    /// The proof's key, if it is good for this request and was never seen before.
    pub(crate) fn check(&mut self, request: &Proven<'_>) -> Result<Accepted, Refused> {
        let proof = request.proof.ok_or(Refused::Bad("none"))?;
        let (signed, signature) = proof.rsplit_once('.').ok_or(Refused::Bad("form"))?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Bad("form"))?;
        let [header, claims]: [Value; 2] = [header, claims].map(|part| {
            URL_SAFE_NO_PAD
                .decode(part)
                .ok()
                .and_then(|json| serde_json::from_slice(&json).ok())
                .unwrap_or_default()
        });
        if header["typ"] != "dpop+jwt" || header["alg"] != "ES256" {
            return Err(Refused::Bad("typ, alg"));
        }
        let jwk = header["jwk"].as_object().ok_or(Refused::Bad("jwk"))?;
        let mut members: Vec<&str> = jwk.keys().map(String::as_str).collect();
        members.sort_unstable();
        // Above all no `d`.
        if members != ["crv", "kty", "x", "y"] || jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
            return Err(Refused::Bad("jwk"));
        }
        let mut point = vec![4];
        for coordinate in ["x", "y"] {
            point.extend(
                URL_SAFE_NO_PAD.decode(jwk[coordinate].as_str().unwrap_or_default()).unwrap_or_default(),
            );
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Bad("signature"))?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
        if key.verify(signed.as_bytes(), &signature).is_err() {
            return Err(Refused::Bad("signature"));
        }
        if claims["htm"] != request.method || claims["htu"] != request.address {
            return Err(Refused::Bad("htm, htu"));
        }
        let hash = request.access_token.map(|token| URL_SAFE_NO_PAD.encode(sha256(token.as_bytes())));
        if claims.get("ath").and_then(Value::as_str) != hash.as_deref() {
            return Err(Refused::Bad("ath"));
        }
        let nonce = claims.get("nonce").and_then(Value::as_str);
        if !self.nonces.is_empty() && !nonce.is_some_and(|nonce| self.nonces.iter().any(|good| good == nonce))
        {
            return Err(Refused::Nonce);
        }
        if claims["iat"]
            .as_i64()
            .is_none_or(|issued| issued.abs_diff(request.now) > self.window.unsigned_abs())
        {
            return Err(Refused::Bad("iat"));
        }
        let id = claims["jti"].as_str().unwrap_or_default().to_owned();
        if id.len() < 22 || !self.seen.insert(id.clone()) {
            return Err(Refused::Bad("jti"));
        }
        Ok(Accepted { thumbprint: thumbprint(jwk), id })
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// RFC 7638.
fn thumbprint(jwk: &serde_json::Map<String, Value>) -> String {
    // A JSON map of this crate is sorted by name, as the RFC wants it.
    URL_SAFE_NO_PAD.encode(sha256(Value::Object(jwk.clone()).to_string().as_bytes()))
}
