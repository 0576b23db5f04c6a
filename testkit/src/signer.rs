//! A provider's signing keys.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Generating RSA keys takes a while, so all tests share these two.
static RSA: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("the system has randomness"));

/// A key with which a provider signs.
pub struct Signer {
    /// The `kid`.
    pub key_id: String,
    key: Key,
}

enum Key {
    Rs256(&'static RsaKeyPair),
    Ps256(&'static RsaKeyPair),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    /// An RSA key for `RS256`. All share one: generating it takes a while.
    pub fn rs256(key_id: &str) -> Self {
        Self { key_id: key_id.to_owned(), key: Key::Rs256(&RSA) }
    }

    /// The same RSA key for `PS256`.
    pub fn ps256(key_id: &str) -> Self {
        Self { key_id: key_id.to_owned(), key: Key::Ps256(&RSA) }
    }

    /// A new P-256 key.
    pub fn es256(key_id: &str) -> Self {
        Self {
            key_id: key_id.to_owned(),
            key: Key::Es256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("the system has randomness"),
            ),
        }
    }

    /// A new Ed25519 key.
    pub fn ed25519(key_id: &str) -> Self {
        Self {
            key_id: key_id.to_owned(),
            key: Key::EdDsa(Ed25519KeyPair::generate().expect("the system has randomness")),
        }
    }

    /// Its `alg`.
    pub fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rs256(_) => "RS256",
            Key::Ps256(_) => "PS256",
            Key::Es256(_) => "ES256",
            Key::EdDsa(_) => "EdDSA",
        }
    }

    /// The public key, as a provider publishes it.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Rs256(pair) | Key::Ps256(pair) => {
                let (n, e) = rsa_parts(pair);
                json!({ "kty": "RSA", "n": base64url(&n), "e": base64url(&e) })
            }
            Key::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..]) })
            }
            Key::EdDsa(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) })
            }
        };
        jwk["kid"] = self.key_id.as_str().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm().into();
        jwk
    }

    /// What a thief of public keys has: the bytes of the public key.
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.key {
            Key::Rs256(pair) | Key::Ps256(pair) => pair.public_key().as_ref().to_vec(),
            Key::Es256(pair) => pair.public_key().as_ref().to_vec(),
            Key::EdDsa(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// A token of these claims, with the header that a provider writes.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with_header(&json!({ "alg": self.algorithm(), "kid": self.key_id, "typ": "JWT" }), claims)
    }

    /// The same with another header.
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same from the texts of header and claims, which need not be JSON.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", base64url(&signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("the key signs");
                signature
            }
            Key::Ps256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature).expect("the key signs");
                signature
            }
            Key::Es256(pair) => pair.sign(&random, message).expect("the key signs").as_ref().to_vec(),
            Key::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Base64 for URLs, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Modulus and exponent out of the PKCS #1 form of a 2048-bit key, whose lengths are always the same:
/// `30 82 …  02 82 01 01 00 n  02 03 e`.
fn rsa_parts(pair: &RsaKeyPair) -> (Vec<u8>, Vec<u8>) {
    let der = pair.public_key().as_ref();
    assert_eq!((der.len(), &der[4..9], &der[265..267]), (270, &[2, 0x82, 1, 1, 0][..], &[2, 3][..]));
    (der[9..265].to_vec(), der[267..].to_vec())
}
