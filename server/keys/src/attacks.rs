//! Tokens that nobody here signed: another algorithm than the key's (RFC 8725 §2.1), and signatures that are none.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::key_pair::LONGEST_SIGNATURE;
use super::tests::{NOW, world};
use super::*;

async fn keys() -> Keys {
    world().keys(1, NOW).await.unwrap()
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Header and claims, as they are signed.
fn signed(header: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(r#"{"sub":"ada"}"#))
}

fn kid(keys: &Keys, algorithm: Algorithm) -> String {
    keys.signing().active(algorithm, NOW).unwrap().kid().to_owned()
}

/// What the server's own key of this algorithm signs.
fn signature(keys: &Keys, algorithm: Algorithm, signed: &str) -> Vec<u8> {
    let mut space = [0; LONGEST_SIGNATURE];
    let set = keys.signing();
    set.active(algorithm, NOW).unwrap().pair().sign(signed.as_bytes(), &mut space).unwrap().to_vec()
}

#[track_caller]
fn is_refused(keys: &Keys, signed: &str, signature: &[u8]) {
    let token = format!("{signed}.{}", encode(signature));
    let refused = keys.verify::<Value>(TokenType::AccessToken, &token);
    assert_eq!(refused, Err(JwsError::BadSignature), "{token}");
}

#[tokio::test]
async fn a_token_whose_header_names_another_algorithm_than_its_key_is_refused() {
    let keys = keys().await;
    for of_key in Algorithm::ALL {
        let kid = kid(&keys, of_key);
        for alg in
            ["none", "None", "", "HS256", "RS256", "ES256", "rs256", "es256", "PS256", "RS512", "ES384"]
        {
            let signed = signed(&json!({ "alg": alg, "kid": kid, "typ": "at+jwt" }));
            let own = signature(&keys, of_key, &signed);
            if alg == of_key.name() {
                let token = format!("{signed}.{}", encode(own));
                keys.verify::<Value>(TokenType::AccessToken, &token).unwrap();
                continue;
            }
            is_refused(&keys, &signed, &own);
            is_refused(&keys, &signed, b"");
        }
    }
}

/// The header says RS256 and the key is for ES256, or the reverse: neither key's signature is accepted.
#[tokio::test]
async fn a_genuine_signature_by_the_key_of_the_other_algorithm_is_refused() {
    let keys = keys().await;
    for (of_key, other) in [(Algorithm::Rs256, Algorithm::Es256), (Algorithm::Es256, Algorithm::Rs256)] {
        for alg in [of_key, other] {
            let signed = signed(&json!({ "alg": alg, "kid": kid(&keys, of_key), "typ": "at+jwt" }));
            is_refused(&keys, &signed, &signature(&keys, other, &signed));
        }
    }
}

#[tokio::test]
async fn a_tag_keyed_with_a_public_key_is_no_signature() {
    let keys = keys().await;
    for of_key in Algorithm::ALL {
        let jwks = keys.jwks();
        let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["alg"] == of_key.name()).unwrap();
        let member = if of_key == Algorithm::Rs256 { "n" } else { "x" };
        let member = jwk[member].as_str().unwrap();
        let decoded = URL_SAFE_NO_PAD.decode(member).unwrap();
        for alg in ["HS256", of_key.name()] {
            let signed = signed(&json!({ "alg": alg, "kid": kid(&keys, of_key), "typ": "at+jwt" }));
            for secret in [jwk.to_string().as_bytes(), member.as_bytes(), &decoded] {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
                is_refused(&keys, &signed, tag.as_ref());
            }
        }
    }
}

/// `r` and `s` of zero once passed elsewhere (CVE-2022-21449), and the DER form is not the one of RFC 7518 §3.4.
#[tokio::test]
async fn an_es256_signature_of_zeros_in_der_or_of_another_length_is_refused() {
    let keys = keys().await;
    let signed = signed(&json!({ "alg": "ES256", "kid": kid(&keys, Algorithm::Es256), "typ": "at+jwt" }));
    let good = signature(&keys, Algorithm::Es256, &signed);
    let (r, s) = good.split_at(32);
    let integer = |bytes: &[u8]| [&[0x02, 33, 0], bytes].concat();
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    for wrong in [&[0; 64][..], &der, &good[..63], &[&good[..], &[0]].concat(), r] {
        is_refused(&keys, &signed, wrong);
    }
    for bit in 0..8 * good.len() {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        is_refused(&keys, &signed, &flipped);
    }
}

#[tokio::test]
async fn a_key_that_the_header_brings_along_is_not_used() {
    let (keys, thief) = (keys().await, keys().await);
    for algorithm in Algorithm::ALL {
        let jwks = thief.jwks();
        let own = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["alg"] == algorithm.name()).unwrap();
        for kid in [kid(&keys, algorithm), kid(&thief, algorithm)] {
            let signed = signed(&json!({ "alg": algorithm, "kid": kid, "typ": "at+jwt", "jwk": own }));
            is_refused(&keys, &signed, &signature(&thief, algorithm, &signed));
        }
    }
}
