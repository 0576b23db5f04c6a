//! Every algorithm that a provider may sign ID tokens with, and what passes for one and is none.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use serde_json::{Value, json};

use super::id_token::{claims, expected};
use crate::{
    crypto,
    provider::{
        id_token::{IdTokenError, verify_with},
        jwks::Jwks,
    },
    testing::signer::base64url,
};

/// A token whose claims are these, and the algorithm of its header.
fn token(algorithm: &str, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let header = json!({ "alg": algorithm }).to_string();
    let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.to_string().as_bytes()));
    format!("{signed}.{}", base64url(&sign(signed.as_bytes())))
}

fn with_hash(hash: &[u8]) -> Value {
    let mut claims = claims();
    claims["at_hash"] = base64url(&hash[..hash.len() / 2]).into();
    claims
}

const RSA: [(&str, &dyn RsaEncoding); 6] = [
    ("RS256", &RSA_PKCS1_SHA256),
    ("RS384", &RSA_PKCS1_SHA384),
    ("RS512", &RSA_PKCS1_SHA512),
    ("PS256", &RSA_PSS_SHA256),
    ("PS384", &RSA_PSS_SHA384),
    ("PS512", &RSA_PSS_SHA512),
];

/// The access token's hash by the algorithm's own hash function.
fn hash_for(algorithm: &str) -> Vec<u8> {
    match &algorithm[2..] {
        "256" => crypto::sha256(b"access").to_vec(),
        "384" => crypto::sha384(b"access").to_vec(),
        _ => crypto::sha512(b"access").to_vec(),
    }
}

#[test]
fn each_rsa_algorithm_verifies_as_itself_alone() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // PKCS #1 of a 2048-bit key: `30 82 …  02 82 01 01 00 n  02 03 e`.
    let public = pair.public_key().as_ref();
    let jwk = json!({ "kty": "RSA", "n": base64url(&public[9..265]), "e": base64url(&public[267..]) });
    let keys = Jwks::of(std::slice::from_ref(&jwk));
    let sign = |encoding: &'static dyn RsaEncoding| {
        let pair = &pair;
        move |message: &[u8]| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        }
    };
    for (name, encoding) in RSA {
        let good = token(name, &with_hash(&hash_for(name)), sign(encoding));
        assert!(verify_with(&good, &keys, &expected()).is_ok(), "{name}");
        for (other, _) in RSA.into_iter().filter(|(other, _)| *other != name) {
            let lying = token(other, &claims(), sign(encoding));
            assert_eq!(
                verify_with(&lying, &keys, &expected()),
                Err(IdTokenError::Signature),
                "{name} as {other}"
            );
            let mut only = jwk.clone();
            only["alg"] = other.into();
            assert_eq!(verify_with(&good, &Jwks::of(&[only]), &expected()), Err(IdTokenError::UnknownKey));
        }
        let wrong = if name.ends_with("256") {
            crypto::sha512(b"access").to_vec()
        } else {
            crypto::sha256(b"access").to_vec()
        };
        let other_hash = token(name, &with_hash(&wrong), sign(encoding));
        assert_eq!(
            verify_with(&other_hash, &keys, &expected()),
            Err(IdTokenError::AccessTokenHash),
            "{name}"
        );
    }
}

#[test]
fn es384_verifies_and_its_key_makes_no_other_signatures() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let jwk =
        json!({ "kty": "EC", "crv": "P-384", "x": base64url(&point[1..49]), "y": base64url(&point[49..]) });
    let keys = Jwks::of(&[jwk]);
    let sign = |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    let good = token("ES384", &with_hash(&hash_for("ES384")), sign);
    assert_eq!(verify_with(&good, &keys, &expected()).unwrap().subject, "ada");
    assert_eq!(
        verify_with(&token("ES256", &claims(), sign), &keys, &expected()),
        Err(IdTokenError::UnknownKey)
    );
    let (signed, _) = good.rsplit_once('.').unwrap();
    let changed = format!("{signed}.{}", base64url(&[7; 96]));
    assert_eq!(verify_with(&changed, &keys, &expected()), Err(IdTokenError::Signature));
}

#[test]
fn what_nobody_here_can_verify_is_no_algorithm() {
    let keys = Jwks::of(&[crate::testing::signer::Signer::es256("1").jwk()]);
    for name in ["ES512", "ES256K", "RS1", "HS384", "Ed448", "rs256", "RS256 "] {
        let odd = token(name, &claims(), |_| vec![7; 64]);
        assert!(matches!(verify_with(&odd, &keys, &expected()), Err(IdTokenError::Jws(_))), "{name}");
    }
}
