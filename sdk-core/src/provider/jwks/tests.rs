//! Key sets, good and odd.

use serde_json::json;

use super::*;
use crate::testing::signer::Signer;

fn number_of_keys(document: &Value) -> usize {
    Jwks::parse(document.to_string().as_bytes()).unwrap().keys.len()
}

#[test]
fn keys_that_can_not_be_used_are_skipped_and_the_others_kept() {
    let good = Signer::es256("good").jwk();
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let odd = [
        json!(null),
        json!("key"),
        json!({}),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "EC", "crv": "P-521", "x": "AAAA", "y": "AAAA" }),
        json!({ "kty": "EC", "crv": "P-384", "x": good["x"], "y": good["y"] }),
        json!({ "kty": "OKP", "crv": "X25519", "x": good["x"] }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "RSA", "n": "", "e": "" }),
        json!({ "kty": "RSA" }),
        with("use", json!("enc")),
        with("key_ops", json!(["encrypt"])),
        with("x", json!("AAAA")),
        with("x", json!("!!!")),
        with("y", json!(7)),
    ];
    for key in &odd {
        assert_eq!(number_of_keys(&json!({ "keys": [key, good] })), 1, "{key}");
    }
    assert_eq!(
        number_of_keys(&json!({ "keys": [with("key_ops", json!(["verify"])), with("use", json!(null))] })),
        2
    );
    assert_eq!(number_of_keys(&json!({ "keys": [odd[0], odd[1]] })), 0);
}

#[test]
fn what_is_no_key_set_is_refused_without_a_panic() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]}"#,
        "<html>",
        &"[".repeat(100_000),
    ] {
        assert_eq!(Jwks::parse(text.as_bytes()), None);
    }
}

#[test]
fn rsa_keys_are_2048_bits_or_more_with_an_exponent_that_is_sound() {
    let rsa = |n: &[u8], e: &[u8]| rsa(&URL_SAFE_NO_PAD.encode(n), &URL_SAFE_NO_PAD.encode(e));
    let (n2048, e) = ([0xff; 256], [1, 0, 1]);
    assert!(rsa(&n2048, &e).is_some() && rsa(&[0xff; 1024], &e).is_some());
    let mut n2047 = n2048;
    n2047[0] = 0x7f;
    assert!(rsa(&n2047, &e).is_none() && rsa(&[0xff; 128], &e).is_none() && rsa(&[0xff; 1025], &e).is_none());
    assert!(rsa(&n2048, &[1]).is_none() && rsa(&n2048, &[4]).is_none() && rsa(&n2048, &[0]).is_none());
    // A leading zero is against RFC 7518 §6.3.1.1, and met in the wild.
    let mut padded = vec![0];
    padded.extend(n2048);
    assert_eq!(rsa(&padded, &e), rsa(&n2048, &e));
}

#[test]
fn the_limit_counts_the_keys_that_are_left() {
    let (good, odd) = (Signer::es256("good").jwk(), json!({ "kty": "oct", "k": "AAAA" }));
    let mut keys = vec![odd; 1000];
    keys.push(good.clone());
    assert_eq!(number_of_keys(&json!({ "keys": keys })), 1);
    assert_eq!(number_of_keys(&json!({ "keys": vec![good; 1000] })), MAX_KEYS);
}

#[test]
fn keys_that_were_stored_read_as_the_same() {
    let p384 =
        json!({ "kty": "EC", "crv": "P-384", "x": "A".repeat(64), "y": "B".repeat(64), "alg": "ES384" });
    let signers = [Signer::rs256("1"), Signer::es256("2"), Signer::ed25519("3")];
    let mut keys: Vec<_> = signers.iter().map(Signer::jwk).collect();
    keys.push(p384);
    keys[1].as_object_mut().unwrap().remove("kid");
    let read = Jwks::of(&keys);
    assert_eq!((read.keys.len(), &Jwks::of(&read.to_keys())), (4, &read));
}

#[test]
fn a_key_without_a_name_may_have_made_any_signature() {
    let (named, nameless, other) = (Signer::es256("1"), Signer::es256("2"), Signer::rs256("3"));
    let without_name = |signer: &Signer| {
        let mut key = signer.jwk();
        key.as_object_mut().unwrap().remove("kid");
        key
    };
    let keys = Jwks::of(&[other.jwk(), without_name(&nameless), named.jwk()]);
    let check = |token: String, keys: &Jwks| keys.check(&Jws::parse(&token).unwrap());
    let claims = json!({});
    for signer in [&named, &nameless, &other] {
        assert_eq!(check(signer.sign(&claims), &keys), Ok(()), "{}", signer.key_id);
    }
    // The one that the token names may be in a newer set.
    let newer = Signer::es256("4");
    assert_eq!(check(newer.sign(&claims), &keys), Err(BadSignature::UnknownKey));
    let forged = Signer::es256("1");
    assert_eq!(check(forged.sign(&claims), &keys), Err(BadSignature::Wrong));
    let only = Jwks::of(&[without_name(&other)]);
    assert_eq!(check(named.sign(&claims), &only), Err(BadSignature::UnknownKey), "of another type");
    let numbered = json!({ "keys": [{ "kid": 2, "kty": "EC", "crv": "P-256", "x": nameless.jwk()["x"], "y": nameless.jwk()["y"] }] });
    let keys = Jwks::parse(numbered.to_string().as_bytes()).unwrap();
    assert_eq!(check(nameless.sign(&claims), &keys), Ok(()));
}
