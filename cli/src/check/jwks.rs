//! The provider's keys (RFC 7517), judged, and used to verify an ID token's signature.

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use moorline::SIGNATURE_ALGORITHMS;
use serde_json::Value;

use super::checks::JWKS;
use super::finding::Finding;

/// Base64url as it is found: with padding and without.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

/// The keys of a provider, as they were sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Vec<Value>);

impl Keys {
    /// `None` if it is no key set.
    pub(super) fn new(document: &Value) -> Option<Self> {
        document.get("keys")?.as_array().cloned().map(Self)
    }

    /// Whether one of them, the one of this `kid` if there is one, verifies `signature` on `message`. `None` if the
    /// algorithm is not known here.
    pub(super) fn verify(
        &self,
        algorithm: &str,
        kid: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        if !SIGNATURE_ALGORITHMS.contains(&algorithm) {
            return None;
        }
        let fits = |key: &&Value| kid.is_none_or(|kid| text(key, "kid").is_none_or(|other| other == kid));
        Some(
            self.0
                .iter()
                .filter(fits)
                .any(|key| verifies(key, algorithm, message, signature).unwrap_or(false)),
        )
    }
}

fn verifies(key: &Value, algorithm: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
    let part = |name| text(key, name).and_then(decode);
    let rsa = match algorithm {
        "RS256" => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Some(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => Some(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    };
    if let Some(parameters) = rsa {
        let (n, e) = (part("n")?, part("e")?);
        return Some(RsaPublicKeyComponents { n: &n, e: &e }.verify(parameters, message, signature).is_ok());
    }
    if matches!(algorithm, "EdDSA" | "Ed25519") {
        let key = UnparsedPublicKey::new(&signature::ED25519, part("x")?);
        return Some(key.verify(message, signature).is_ok());
    }
    let ecdsa = match (algorithm, text(key, "crv")?) {
        ("ES256", "P-256") => &signature::ECDSA_P256_SHA256_FIXED,
        ("ES384", "P-384") => &signature::ECDSA_P384_SHA384_FIXED,
        _ => return None,
    };
    let point = [vec![4], part("x")?, part("y")?].concat();
    Some(UnparsedPublicKey::new(ecdsa, point).verify(message, signature).is_ok())
}

/// Judges a key set.
pub(super) fn judge(keys: &Keys) -> Finding {
    let keys = &keys.0;
    if keys.iter().any(|key| PRIVATE.iter().any(|name| key.get(name).is_some_and(|value| !value.is_null()))) {
        return JWKS
            .fail("A private key is published.", "Anybody can sign in as any user. Replace this key now.");
    }
    let signing: Vec<&Value> = keys.iter().filter(|key| is_for_signatures(key)).collect();
    if signing.is_empty() {
        return JWKS.fail("No public key for signatures is published.", "No app can verify who signed in.");
    }
    let weak = signing.iter().filter(|key| rsa_bits(key).is_some_and(|bits| bits < 2048)).count();
    if weak > 0 {
        return JWKS.fail(
            format!("{weak} of {} keys is RSA with less than 2048 bits.", signing.len()),
            "Apps reject its signatures, or accept forged ones.",
        );
    }
    let kids: Vec<Option<&str>> = signing.iter().map(|key| text(key, "kid")).collect();
    let repeated = kids.iter().enumerate().any(|(at, kid)| kids[..at].contains(kid));
    if repeated {
        return JWKS.warning(
            "Several keys have the same `kid`, or none.",
            "When the keys change, an app may pick the wrong one and refuse a sign-in.",
        );
    }
    let kinds: Vec<String> = signing.iter().map(|key| described(key)).collect();
    JWKS.pass(format!("{}.", kinds.join(", ")), "Apps verify who signed in.")
}

/// Private members of RSA, EC and OKP keys, and of symmetric ones (RFC 7518 §6).
const PRIVATE: [&str; 3] = ["d", "p", "k"];

fn is_for_signatures(key: &Value) -> bool {
    let usable = matches!(text(key, "kty"), Some("RSA" | "EC" | "OKP"));
    usable && matches!(text(key, "use"), None | Some("sig"))
}

fn rsa_bits(key: &Value) -> Option<usize> {
    if text(key, "kty") != Some("RSA") {
        return None;
    }
    let modulus = text(key, "n").and_then(decode).unwrap_or_default();
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let leading = modulus.get(zeros).map_or(0, |byte| byte.leading_zeros());
    Some(((modulus.len() - zeros) * 8).saturating_sub(usize::try_from(leading).unwrap_or_default()))
}

fn described(key: &Value) -> String {
    match rsa_bits(key) {
        Some(bits) => format!("RSA {bits}"),
        None => match text(key, "crv") {
            Some(curve @ ("P-256" | "P-384" | "P-521" | "Ed25519" | "Ed448" | "secp256k1")) => {
                curve.to_owned()
            }
            _ => "a key of another kind".to_owned(),
        },
    }
}

fn text<'a>(key: &'a Value, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::super::finding::Verdict;
    use super::*;

    fn rsa(bits: usize, kid: &str) -> Value {
        let n = URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8]);
        json!({ "kty": "RSA", "use": "sig", "kid": kid, "e": "AQAB", "n": n })
    }

    fn verdict(keys: Value) -> Verdict {
        judge(&Keys::new(&json!({ "keys": keys })).unwrap()).verdict
    }

    #[test]
    fn keys_are_judged() {
        assert_eq!(verdict(json!([rsa(2048, "a"), rsa(4096, "b")])), Verdict::Pass);
        assert_eq!(verdict(json!([rsa(2048, "a"), rsa(2048, "a")])), Verdict::Warning);
        assert_eq!(verdict(json!([rsa(1024, "a")])), Verdict::Fail);
        assert_eq!(verdict(json!([])), Verdict::Fail);
        assert_eq!(verdict(json!([{ "kty": "oct", "k": "c2VjcmV0" }])), Verdict::Fail);
        let mut private = rsa(2048, "a");
        private["d"] = json!("AQAB");
        assert_eq!(verdict(json!([private])), Verdict::Fail);
        for odd in
            [json!([null]), json!([1, "x", {}]), json!([{ "kty": "RSA", "n": 5 }]), json!([{ "kty": [] }])]
        {
            assert_eq!(verdict(odd), Verdict::Fail);
        }
    }

    #[test]
    fn a_document_that_is_no_key_set_is_none() {
        for odd in [json!({}), json!([]), json!({ "keys": {} }), json!({ "keys": "x" }), Value::Null] {
            assert!(Keys::new(&odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn a_signature_is_verified_by_its_key_only() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let keys =
            json!({ "keys": [rsa(2048, "a"), { "kty": "EC", "crv": "P-256", "kid": "b", "x": x, "y": y }] });
        let keys = Keys::new(&keys).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"m").unwrap();
        let verify = |algorithm, kid, message| keys.verify(algorithm, kid, message, signature.as_ref());
        assert_eq!(verify("ES256", Some("b"), b"m"), Some(true));
        assert_eq!(verify("ES256", None, b"m"), Some(true));
        assert_eq!(verify("ES256", Some("a"), b"m"), Some(false));
        assert_eq!(verify("ES256", Some("b"), b"n"), Some(false));
        assert_eq!(verify("RS256", Some("b"), b"m"), Some(false));
        assert_eq!(verify("none", None, b"m"), None);
    }
}
