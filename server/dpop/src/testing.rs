//! A device for tests: it has a key and makes proofs, good ones and others.

#![expect(clippy::unwrap_used, clippy::new_without_default, reason = "only tests are built with it")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use moorline_server_base::digest::sha256;

/// The key pair of a device.
pub struct Device(Pair);

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A proof in the making.
pub struct Draft<'a> {
    device: &'a Device,
    /// Its header, to be spoiled.
    pub header: Json,
    /// Its claims, to be spoiled.
    pub claims: Json,
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Device {
    /// A device as most are.
    pub fn new() -> Self {
        Self(Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    pub fn with_ed25519() -> Self {
        Self(Pair::Ed25519(Ed25519KeyPair::generate().unwrap()))
    }

    pub fn with_rsa() -> Self {
        Self(Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())))
    }

    pub fn alg(&self) -> &'static str {
        match &self.0 {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa(_) => "PS256",
        }
    }

    pub fn jwk(&self) -> Json {
        match &self.0 {
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
            Pair::Rsa(pair) => {
                // The DER of a 2048-bit key: the modulus begins after nine bytes, and F4 is the library's exponent.
                let der = pair.public_key().as_ref();
                json!({ "kty": "RSA", "n": encode(&der[9..265]), "e": "AQAB" })
            }
        }
    }

    /// The thumbprint, by a reading of RFC 7638 of its own: the required members in the order of their names.
    pub fn jkt(&self) -> String {
        let jwk: std::collections::BTreeMap<String, Json> = serde_json::from_value(self.jwk()).unwrap();
        encode(sha256(serde_json::to_string(&jwk).unwrap().as_bytes()))
    }

    /// A good proof for this request, with a `jti` of its own.
    pub fn draft(&self, method: &str, htu: &str, nonce: &str, token: Option<&str>) -> Draft<'_> {
        let header = json!({ "typ": "dpop+jwt", "alg": self.alg(), "jwk": self.jwk() });
        let jti = moorline_server_base::random::Random::system().id();
        let mut claims =
            json!({ "jti": jti, "htm": method, "htu": htu, "iat": 1_700_000_000, "nonce": nonce });
        if let Some(token) = token {
            claims["ath"] = encode(sha256(token.as_bytes())).into();
        }
        Draft { device: self, header, claims }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.0 {
            Pair::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

impl Draft<'_> {
    /// The proof as it is sent.
    pub fn sign(&self) -> String {
        let signed = format!("{}.{}", encode(self.header.to_string()), encode(self.claims.to_string()));
        let signature = self.device.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }
}
