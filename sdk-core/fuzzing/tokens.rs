//! ID tokens, the keys that sign them, and userinfo.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{first_line, place};
use crate::{
    User,
    crypto::{Algorithm, verify_signature},
    json,
    provider::{
        IdTokenClaims,
        id_token::{Expectations, verify_with},
        jwks::Jwks,
        jws::Jws,
        userinfo::{self, ExpectedUserInfo},
    },
};

/// The provider's key. Ed25519 signs the same text always alike, and so a crash comes again.
static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed"));

static KEYS: LazyLock<Jwks> = LazyLock::new(|| {
    let x = base64url(KEY.public_key().as_ref());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "1", "x": x }] });
    Jwks::parse(keys.to_string().as_bytes()).expect("it is a key set")
});

const NOW: i64 = 1_800_000_000;
const LEEWAY: i64 = 120;

const EXPECTED: Expectations<'_> = Expectations {
    issuer: "https://id.example.com",
    client_id: "notes",
    nonce: Some("n-0S6_WzA2Mj"),
    access_token: Some("access"),
    subject: None,
    max_age: Some(3600),
    now: NOW,
    leeway: LEEWAY,
};

/// The text of a token, from anybody.
///
/// A text that can be read has one spelling, and only what the provider's key has signed is accepted.
pub fn jwt(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let read = Jws::parse(text);
    let verdict = verify_with(text, &KEYS, &EXPECTED);
    let Ok(jws) = read else {
        assert!(verdict.is_err());
        return;
    };
    let signed = std::str::from_utf8(jws.signed).expect("it is part of a text");
    assert_eq!(format!("{signed}.{}", base64url(&jws.signature)), text);
    for part in signed.split('.') {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("it was read");
        assert_eq!(base64url(&bytes), part);
    }
    if let Ok(claims) = verdict {
        assert_eq!(KEY.sign(jws.signed).as_ref(), jws.signature);
        accepted(&claims);
    }
}

/// A line with a header and then claims, both JSON, which the provider's key signs.
///
/// They are accepted only if they say what an ID token for us must say, and never with a byte changed.
pub fn id_token(input: &[u8]) {
    let (header, claims) = first_line(input);
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let token = format!("{signed}.{}", base64url(KEY.sign(signed.as_bytes()).as_ref()));
    let Ok(verified) = verify_with(&token, &KEYS, &EXPECTED) else { return };
    accepted(&verified);
    let header: Value = serde_json::from_slice(header).expect("it was read");
    assert!(matches!(header["alg"].as_str(), Some("EdDSA" | "Ed25519")));
    assert_eq!(serde_json::from_slice::<Value>(claims).ok(), Some(Value::Object(verified.claims)));
    let at = place(input, token.len());
    let mut changed = token.clone();
    changed.replace_range(at..=at, if &token[at..=at] == "A" { "B" } else { "A" });
    assert!(verify_with(&changed, &KEYS, &EXPECTED).is_err(), "with character {at} changed");
}

fn accepted(verified: &IdTokenClaims) {
    let claims = &verified.claims;
    assert_eq!(claims["iss"], EXPECTED.issuer);
    assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
    assert_eq!(claims["sub"], verified.subject.as_str());
    let aud = &claims["aud"];
    let others = aud.as_array().is_some_and(|all| all.iter().any(|one| *one != EXPECTED.client_id));
    assert!(*aud == EXPECTED.client_id || aud.as_array().is_some_and(|all| all.contains(&"notes".into())));
    let azp = claims.get("azp").and_then(Value::as_str);
    assert!(azp == Some(EXPECTED.client_id) || (azp.is_none() && !others));
    assert!(number(&claims["exp"]) + LEEWAY as f64 > NOW as f64);
    assert!(number(&claims["iat"]) - (LEEWAY as f64) < (NOW + 1) as f64);
    assert!(number(&claims["auth_time"]) >= (NOW - 3600 - LEEWAY) as f64);
    assert!(verified.auth_time.is_some());
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).expect("a time is a number")
}

/// A key set.
///
/// No key of it accepts a signature that nobody made, however odd the key.
pub fn jwks(input: &[u8]) {
    let Some(keys) = Jwks::parse(input) else { return };
    assert_eq!(Jwks::of(&keys.to_keys()), keys);
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::EdDsa) {
        let length = match algorithm {
            Algorithm::Es256 => 64,
            Algorithm::Es384 => 96,
            _ => 256,
        };
        for key in keys.candidates(algorithm, None) {
            assert!(!verify_signature(algorithm, key, b"message", &vec![0x5a; length]));
        }
    }
    for key in keys.candidates(Algorithm::EdDsa, None) {
        // Of a key of small order anything may be a signature. It is the provider's own key, and its own loss.
        let _ = verify_signature(Algorithm::EdDsa, key, b"message", &[0x5a; 64]);
    }
    let document: Value = json::read(input).expect("it was read");
    let listed = document["keys"].as_array().map_or(0, Vec::len);
    let usable = [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa]
        .map(|algorithm| keys.candidates(algorithm, None).count());
    assert!(usable.iter().sum::<usize>() <= listed.min(64));
}

/// A line with a header and then claims, both JSON, which the provider's key signs as userinfo.
///
/// They are accepted only for this client, about the user that was asked for, and never with a byte changed.
pub fn signed_userinfo(input: &[u8]) {
    let (header, claims) = first_line(input);
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let token = format!("{signed}.{}", base64url(KEY.sign(signed.as_bytes()).as_ref()));
    let expected = ExpectedUserInfo {
        issuer: EXPECTED.issuer,
        client_id: EXPECTED.client_id,
        subject: Some("ada"),
        now: NOW,
        leeway: LEEWAY,
    };
    let Ok(read) = userinfo::verify_signed(&token, &KEYS, &expected) else { return };
    let said: Value = serde_json::from_slice(claims).expect("it was read");
    assert_eq!((&said["iss"], &read["sub"]), (&EXPECTED.issuer.into(), &"ada".into()));
    assert!(
        said["aud"] == "notes" || said["aud"].as_array().is_some_and(|all| all.contains(&"notes".into()))
    );
    assert!(read.iter().all(|(name, value)| said[name] == *value) && !read.contains_key("aud"));
    let at = place(input, token.len());
    let mut changed = token.clone();
    changed.replace_range(at..=at, if &token[at..=at] == "A" { "B" } else { "A" });
    assert!(userinfo::verify_signed(&changed, &KEYS, &expected).is_err(), "with character {at} changed");
}

/// A userinfo answer.
///
/// It is about the user that it was requested for, and the user is the same after being stored in the vault.
pub fn userinfo(input: &[u8]) {
    let Ok(claims) = userinfo::parse(input, Some("ada")) else { return };
    assert_eq!(claims["sub"], "ada");
    let user = User::from_claims("ada".to_owned(), claims);
    let stored = serde_json::to_vec(&user).expect("claims are JSON");
    assert!(serde_json::from_slice::<User>(&stored).is_ok_and(|read| read == user));
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
