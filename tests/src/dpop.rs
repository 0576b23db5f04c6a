//! Proofs made by hand (RFC 9449): for thieves, who have keys too, and for programs without the SDK.

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::oauth::{Answer, answer, attempt};

/// A key outside the SDK.
#[derive(Debug)]
pub struct HandMadeKey(EcdsaKeyPair);

impl HandMadeKey {
    /// A new one.
    ///
    /// Errors: when the system has no random bytes.
    pub fn new() -> Result<Self> {
        Ok(Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?))
    }

    /// A good proof by this key for one request.
    ///
    /// Errors: when the system has no random bytes.
    pub fn prove(&self, method: &str, url: &str, token: Option<&str>, nonce: Option<&str>) -> Result<String> {
        let point = self.0.public_key().as_ref();
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": coordinate(&point[1..33]), "y": coordinate(&point[33..]) });
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let now = std::time::UNIX_EPOCH.elapsed()?.as_secs();
        let mut claims = json!({ "jti": attempt(), "htm": method, "htu": url, "iat": now });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())).into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Sends a request with a proof, once for the nonce and once with it.
    ///
    /// Errors: when nobody answers, or without a nonce.
    pub async fn send(
        &self,
        request: RequestBuilder,
        [method, url]: [&str; 2],
        token: Option<&str>,
    ) -> Result<Answer> {
        let again = request.try_clone().context("a request that can be sent twice")?;
        let challenge = answer(request.header("dpop", self.prove(method, url, token, None)?)).await?;
        let nonce = challenge.header("dpop-nonce");
        answer(again.header("dpop", self.prove(method, url, token, Some(nonce))?)).await
    }
}
