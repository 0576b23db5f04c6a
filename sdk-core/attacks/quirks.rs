//! JSON as it is met in the field: `null` for absent, numbers as text, unknown members. Anything else is refused.

use serde_json::{Value, json};

use super::id_token::{NOW, claims, expected, keys, refused, verdict};
use crate::{
    User,
    provider::{
        id_token::{IdTokenError, verify_with},
        jwks::Jwks,
        jws::JwsError,
        userinfo::{UserInfoError, parse as parse_userinfo},
    },
    testing::signer::Signer,
};

#[test]
fn times_as_text_are_the_same_times() {
    let text =
        json!({ "exp": "1800000600", "iat": "1800000000", "nbf": "1800000000", "auth_time": "1799999990" });
    assert_eq!(verdict(text, &expected()).unwrap().auth_time, Some(NOW - 10));
    assert_eq!(refused(json!({ "exp": "1799999880", "iat": "1799999000" })), IdTokenError::Clock(1000));
}

#[test]
fn what_is_null_in_a_header_is_not_there() {
    let signer = Signer::es256("1");
    let header = json!({ "alg": "ES256", "kid": null, "typ": null, "x5c": null });
    assert!(
        verify_with(&signer.sign_with_header(&header, &claims()), &keys(&[&signer]), &expected()).is_ok()
    );
    for name in ["crit", "b64"] {
        let header = json!({ "alg": "ES256", "kid": "1", name: null });
        let token = signer.sign_with_header(&header, &claims());
        assert_eq!(
            verify_with(&token, &keys(&[&signer]), &expected()),
            Err(JwsError::Critical.into()),
            "{name}"
        );
    }
}

#[test]
fn claims_that_nobody_needs_may_be_null_or_anything() {
    for name in ["azp", "nbf", "auth_time", "at_hash"] {
        let mut claims = claims();
        claims[name] = Value::Null;
        let signer = Signer::es256("1");
        assert!(verify_with(&signer.sign(&claims), &keys(&[&signer]), &expected()).is_ok(), "{name}");
    }
    assert!(verdict(json!({ "unknown": { "deep": [1, 1e300, null] }, "acr": 7 }), &expected()).is_ok());
}

#[test]
fn members_of_a_key_may_be_null() {
    let good = Signer::es256("1").jwk();
    for name in ["use", "alg", "kid", "key_ops", "x5c", "unknown"] {
        let mut key = good.clone();
        key[name] = Value::Null;
        let keys = Jwks::parse(json!({ "keys": [key], "more": null }).to_string().as_bytes()).unwrap();
        assert_ne!(keys, Jwks::default(), "{name}");
    }
    for name in ["kty", "crv", "x", "y"] {
        let mut key = good.clone();
        key[name] = Value::Null;
        let keys = Jwks::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
        assert_eq!(keys, Jwks::default(), "{name}");
    }
}

#[test]
fn what_is_almost_json_is_read_and_what_is_cut_is_refused_without_a_panic() {
    let keys = json!({ "keys": [Signer::es256("1").jwk()] }).to_string();
    let person = r#"{"sub":"ada"}"#.to_owned();
    for change in [
        |text: &str| format!("{},\"x\":\"\\ud800\"}}", &text[..text.len() - 1]),
        |text: &str| format!("{},\"x\":1e999}}", &text[..text.len() - 1]),
        |text: &str| format!("{},\"x\":{}{}}}", &text[..text.len() - 1], "[".repeat(200), "]".repeat(200)),
        |text: &str| format!("{text}<!-- served by x -->\0"),
    ] {
        assert_eq!(Jwks::parse(change(&keys).as_bytes()), Jwks::parse(keys.as_bytes()));
        assert_eq!(parse_userinfo(change(&person).as_bytes(), Some("ada")).unwrap()["sub"], "ada");
    }
    for change in [
        |text: &str| text[..text.len() - 1].to_owned(),
        |text: &str| format!("<!-- served by x -->{text}"),
        |text: &str| text.replace('"', "'"),
    ] {
        assert_eq!(Jwks::parse(change(&keys).as_bytes()), None);
        assert_eq!(parse_userinfo(change(&person).as_bytes(), Some("ada")), Err(UserInfoError::NotJson));
    }
    let twice = format!("{person}{person}");
    assert_eq!(parse_userinfo(twice.as_bytes(), Some("ada")), Err(UserInfoError::NotJson), "which one?");
}

#[test]
fn a_byte_order_mark_and_an_odd_charset_cost_nothing() {
    let keys = json!({ "keys": [Signer::es256("1").jwk()] }).to_string();
    let user = r#"{"sub":"ada"}"#.to_owned();
    for change in [
        |text: &str| format!("\u{feff}{text}\r\n").into_bytes(),
        |text: &str| [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xff\"}"].concat(),
    ] {
        assert_eq!(Jwks::parse(&change(&keys)), Jwks::parse(keys.as_bytes()));
        assert_eq!(parse_userinfo(&change(&user), Some("ada")).unwrap()["sub"], "ada");
    }
}

#[test]
fn a_users_numbers_come_out_of_the_vault_as_they_went_in() {
    let claims =
        br#"{"sub":"ada","a":-92233.19888888888888888888888888888817691250,"b":0.1,"c":1e300,"d":-0.0}"#;
    let user = User::from_claims("ada".to_owned(), parse_userinfo(claims, Some("ada")).unwrap());
    let stored = serde_json::to_vec(&user).unwrap();
    assert_eq!(serde_json::from_slice::<User>(&stored).unwrap(), user);
}

#[test]
fn a_user_with_odd_claims_is_still_a_user() {
    let odd = r#"{"sub":"ada","name":null,"email":7,"email_verified":"true","picture":[],"updated_at":"1700000000"}"#;
    let user = User::from_claims("ada".to_owned(), parse_userinfo(odd.as_bytes(), Some("ada")).unwrap());
    assert_eq!((user.name, user.email, user.picture, user.email_verified), (None, None, None, Some(true)));
}
