//! ID tokens that must be accepted, and many that must not: every known attack on a JWT library.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::{
    crypto,
    provider::{
        IdTokenClaims,
        id_token::{Expectations, IdTokenError, verify_with},
        jwks::Jwks,
        jws::JwsError,
    },
    testing::signer::{Signer, base64url},
};

pub(super) const NOW: i64 = 1_800_000_000;

pub(super) fn expected() -> Expectations<'static> {
    Expectations {
        issuer: "https://id.example.com",
        client_id: "notes",
        nonce: Some("n-0S6_WzA2Mj"),
        access_token: Some("access"),
        subject: None,
        max_age: None,
        now: NOW,
        leeway: 120,
    }
}

pub(super) fn claims() -> Value {
    json!({
        "iss": "https://id.example.com",
        "sub": "ada",
        "aud": "notes",
        "exp": NOW + 600,
        "iat": NOW,
        "nonce": "n-0S6_WzA2Mj",
        "name": "Ada",
    })
}

/// The claims, with these in their place; `null` takes one out.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(super) fn keys(signers: &[&Signer]) -> Jwks {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    Jwks::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(super) fn verdict(changes: Value, expected: &Expectations<'_>) -> Result<IdTokenClaims, IdTokenError> {
    let signer = Signer::es256("1");
    verify_with(&signer.sign(&claims_with(changes)), &keys(&[&signer]), expected)
}

pub(super) fn refused(changes: Value) -> IdTokenError {
    verdict(changes, &expected()).unwrap_err()
}

#[test]
fn a_good_token_is_accepted_under_each_algorithm() {
    for signer in [Signer::rs256("1"), Signer::ps256("2"), Signer::es256("3"), Signer::ed25519("4")] {
        let token = signer.sign(&claims());
        let verified = verify_with(&token, &keys(&[&signer]), &expected()).unwrap();
        assert_eq!(verified.subject, "ada");
        assert_eq!(verified.claims["name"], "Ada");
        assert!(!format!("{verified:?}").contains("Ada"), "a log is no place for names");
    }
}

#[test]
fn the_examples_of_rfc_7515_verify() {
    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let examples = [
        (
            // Appendix A.2
            r#"{"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]}"#,
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            // Appendix A.3
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ];
    let joe = Expectations { issuer: "joe", ..expected() };
    for (jwks, header, signature) in examples {
        let keys = Jwks::parse(jwks.as_bytes()).unwrap();
        // The signature passes, and then it turns out to be no ID token.
        let token = format!("{header}.{PAYLOAD}.{signature}");
        assert_eq!(verify_with(&token, &keys, &joe), Err(IdTokenError::Claim("aud")));
        let changed = token.replace("dHJ1ZX0", "dHJ1ZSB9").replace("cnVlfQ", "cnVlIH0");
        assert_eq!(verify_with(&changed, &keys, &joe), Err(IdTokenError::Signature));
    }
}

#[test]
fn the_at_hash_of_openid_connect_core_fits_its_access_token() {
    let hash = json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" });
    let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    let with = |token| Expectations { access_token: Some(token), ..expected() };
    assert!(verdict(hash.clone(), &with(token)).is_ok());
    assert_eq!(verdict(hash, &with("another")), Err(IdTokenError::AccessTokenHash));
}

#[test]
fn at_hash_takes_the_hash_of_the_signatures_algorithm() {
    let signer = Signer::ed25519("1");
    let half = base64url(&crypto::sha512(b"access")[..32]);
    let token = signer.sign(&claims_with(json!({ "at_hash": half })));
    assert!(verify_with(&token, &keys(&[&signer]), &expected()).is_ok());
}

#[test]
fn unsigned_tokens_are_refused_however_they_spell_it() {
    let signer = Signer::es256("1");
    let keys = keys(&[&signer]);
    for algorithm in
        [json!("none"), json!("None"), json!("NONE"), json!("nOnE"), json!(""), Value::Null, json!(["ES256"])]
    {
        let header = base64url(json!({ "alg": algorithm, "kid": "1" }).to_string().as_bytes());
        let payload = base64url(claims().to_string().as_bytes());
        for token in [
            format!("{header}.{payload}."),
            format!("{header}.{payload}.AAAA"),
            format!("{header}.{payload}"),
        ] {
            assert!(
                matches!(verify_with(&token, &keys, &expected()), Err(IdTokenError::Jws(_))),
                "{algorithm}"
            );
        }
    }
    let headless = format!("{}.{}.AAAA", base64url(b"{}"), base64url(claims().to_string().as_bytes()));
    assert_eq!(verify_with(&headless, &keys, &expected()), Err(JwsError::Algorithm.into()));
    let good = signer.sign(&claims());
    let stripped = &good[..=good.rfind('.').unwrap()];
    assert!(matches!(verify_with(stripped, &keys, &expected()), Err(IdTokenError::Jws(_))));
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let signer = Signer::rs256("1");
    for algorithm in ["HS256", "HS384", "HS512"] {
        let header = json!({ "alg": algorithm, "kid": "1" }).to_string();
        let signed =
            format!("{}.{}", base64url(header.as_bytes()), base64url(claims().to_string().as_bytes()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &signer.public_bytes());
        let mac = hmac::sign(&key, signed.as_bytes());
        let token = format!("{signed}.{}", base64url(mac.as_ref()));
        assert_eq!(verify_with(&token, &keys(&[&signer]), &expected()), Err(JwsError::Algorithm.into()));
    }
}

#[test]
fn a_key_makes_signatures_of_its_own_algorithm_alone() {
    let (rsa, pss, ec) = (Signer::rs256("1"), Signer::ps256("1"), Signer::es256("1"));
    // The very same RSA key, published for one padding and used with the other.
    assert_eq!(verify_with(&pss.sign(&claims()), &keys(&[&rsa]), &expected()), Err(IdTokenError::UnknownKey));
    assert_eq!(verify_with(&rsa.sign(&claims()), &keys(&[&ec]), &expected()), Err(IdTokenError::UnknownKey));
    // A header that claims another algorithm than the one that signed.
    let lying = rsa.sign_with_header(&json!({ "alg": "PS256", "kid": "1" }), &claims());
    assert_eq!(verify_with(&lying, &keys(&[&pss]), &expected()), Err(IdTokenError::Signature));
}

#[test]
fn another_key_under_the_same_name_is_a_wrong_signature_and_another_name_an_unknown_key() {
    let (ours, theirs) = (Signer::es256("1"), Signer::es256("1"));
    assert_eq!(
        verify_with(&theirs.sign(&claims()), &keys(&[&ours]), &expected()),
        Err(IdTokenError::Signature)
    );
    let unknown = Signer::es256("2");
    assert_eq!(
        verify_with(&unknown.sign(&claims()), &keys(&[&ours]), &expected()),
        Err(IdTokenError::UnknownKey)
    );
}

#[test]
fn a_token_without_a_key_id_is_tried_against_each_key_that_fits() {
    let (one, two, rsa) = (Signer::es256("1"), Signer::es256("2"), Signer::rs256("3"));
    let token = two.sign_with_header(&json!({ "alg": "ES256" }), &claims());
    assert!(verify_with(&token, &keys(&[&rsa, &one, &two]), &expected()).is_ok());
    assert_eq!(verify_with(&token, &keys(&[&rsa, &one]), &expected()), Err(IdTokenError::Signature));
}

#[test]
fn keys_that_a_token_brings_along_are_never_used() {
    let (ours, theirs) = (Signer::es256("1"), Signer::es256("1"));
    let jwk = theirs.jwk();
    for header in [
        json!({ "alg": "ES256", "kid": "1", "jwk": jwk }),
        json!({ "alg": "ES256", "jwk": jwk }),
        json!({ "alg": "ES256", "kid": "1", "jku": "https://evil.example/keys" }),
        json!({ "alg": "ES256", "kid": "1", "x5u": "https://evil.example/cert" }),
        json!({ "alg": "ES256", "kid": "1", "x5c": ["MIIB"] }),
        json!({ "alg": "ES256", "kid": "../../../../dev/null" }),
        json!({ "alg": "ES256", "kid": "' OR 1=1 --" }),
    ] {
        let token = theirs.sign_with_header(&header, &claims());
        let error = verify_with(&token, &keys(&[&ours]), &expected()).unwrap_err();
        assert!(matches!(error, IdTokenError::Signature | IdTokenError::UnknownKey), "{header}: {error:?}");
    }
}

#[test]
fn an_extension_that_must_be_understood_is_refused() {
    let signer = Signer::es256("1");
    for header in [
        json!({ "alg": "ES256", "kid": "1", "crit": ["exp"], "exp": NOW + 9 }),
        json!({ "alg": "ES256", "kid": "1", "crit": [] }),
        json!({ "alg": "ES256", "kid": "1", "b64": false, "crit": ["b64"] }),
        json!({ "alg": "ES256", "kid": "1", "b64": false }),
    ] {
        let token = signer.sign_with_header(&header, &claims());
        assert_eq!(
            verify_with(&token, &keys(&[&signer]), &expected()),
            Err(JwsError::Critical.into()),
            "{header}"
        );
    }
}

#[test]
fn repeated_members_are_refused_in_header_and_claims() {
    let signer = Signer::es256("1");
    let good_header = r#"{"alg":"ES256","kid":"1"}"#;
    let good_claims = claims().to_string();
    let twice = format!(r#"{{"sub":"eve",{}"#, &good_claims[1..]);
    assert!(
        verify_with(&signer.sign_text(good_header, &good_claims), &keys(&[&signer]), &expected()).is_ok()
    );
    for token in [
        signer.sign_text(r#"{"alg":"none","alg":"ES256","kid":"1"}"#, &good_claims),
        signer.sign_text(r#"{"alg":"ES256","kid":"2","kid":"1"}"#, &good_claims),
        signer.sign_text(good_header, &twice),
    ] {
        assert_eq!(verify_with(&token, &keys(&[&signer]), &expected()), Err(JwsError::Malformed.into()));
    }
}

#[test]
fn every_flipped_bit_of_the_signature_is_noticed() {
    for signer in [Signer::rs256("1"), Signer::ps256("2"), Signer::es256("3"), Signer::ed25519("4")] {
        let keys = keys(&[&signer]);
        let token = signer.sign(&claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1 << (at % 8);
            let token = format!("{signed}.{}", base64url(&changed));
            assert_eq!(verify_with(&token, &keys, &expected()), Err(IdTokenError::Signature), "byte {at}");
        }
        for other in
            [&signature[1..], &signature[..signature.len() - 1], &[&signature[..], &[0]].concat(), &[0; 64]]
        {
            let token = format!("{signed}.{}", base64url(other));
            assert_eq!(verify_with(&token, &keys, &expected()), Err(IdTokenError::Signature));
        }
    }
}

#[test]
fn every_changed_character_of_a_token_is_noticed() {
    let signer = Signer::es256("1");
    let keys = keys(&[&signer]);
    let token = signer.sign(&claims());
    for at in 0..token.len() {
        for replacement in ["A", "_", ".", "=", "+", " ", "\n", ""] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, replacement);
            if changed != token {
                assert!(verify_with(&changed, &keys, &expected()).is_err(), "character {at}");
            }
        }
    }
}

#[test]
fn one_token_has_one_spelling() {
    let signer = Signer::es256("1");
    let keys = keys(&[&signer]);
    let token = signer.sign(&claims());
    let standard = token.replace('-', "+").replace('_', "/");
    for other in [
        format!("{token}="),
        format!("{token}=="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.AAAA"),
    ] {
        assert_eq!(verify_with(&other, &keys, &expected()), Err(JwsError::Malformed.into()), "{other}");
    }
    if standard != token {
        assert!(verify_with(&standard, &keys, &expected()).is_err());
    }
}

#[test]
fn texts_of_any_size_and_kind_are_refused_without_a_panic() {
    let keys = keys(&[&Signer::es256("1")]);
    let deep = base64url("[".repeat(20_000).as_bytes());
    for text in
        ["", ".", "..", "...", "a.b.c", "a.b.c.d.e", "ü.ü.ü", "e30.e30.e30", &format!("{deep}.{deep}.AAAA")]
    {
        assert!(matches!(verify_with(text, &keys, &expected()), Err(IdTokenError::Jws(_))), "{text:.20}");
    }
    let huge = "A".repeat(10_000_000);
    assert_eq!(verify_with(&huge, &keys, &expected()), Err(JwsError::TooLong.into()));
}

#[test]
fn other_kinds_of_token_are_not_id_tokens() {
    let signer = Signer::es256("1");
    let with_type = |kind: Value| {
        let token = signer.sign_with_header(&json!({ "alg": "ES256", "kid": "1", "typ": kind }), &claims());
        verify_with(&token, &keys(&[&signer]), &expected())
    };
    for kind in ["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "dpop+jwt", "JOSE", ""] {
        assert!(matches!(with_type(kind.into()), Err(IdTokenError::Type(_))), "{kind}");
    }
    for kind in ["JWT", "jwt", "application/jwt"] {
        assert!(with_type(kind.into()).is_ok(), "{kind}");
    }
    assert_eq!(with_type(json!(7)), Err(JwsError::Malformed.into()));
}

#[test]
fn the_issuer_must_be_the_same_to_the_letter() {
    for issuer in [
        json!("https://id.example.com/"),
        json!("https://ID.example.com"),
        json!("http://id.example.com"),
        Value::Null,
    ] {
        assert_eq!(refused(json!({ "iss": issuer })), IdTokenError::Issuer);
    }
    assert_eq!(refused(json!({ "iss": ["https://id.example.com"] })), IdTokenError::Claim("iss"));
}

#[test]
fn the_audience_must_be_us_and_any_company_must_be_explained() {
    assert!(verdict(json!({ "aud": ["notes"] }), &expected()).is_ok());
    assert!(verdict(json!({ "aud": ["notes", "api"], "azp": "notes" }), &expected()).is_ok());
    assert!(verdict(json!({ "azp": "notes" }), &expected()).is_ok());
    assert_eq!(refused(json!({ "aud": "other" })), IdTokenError::Audience);
    assert_eq!(refused(json!({ "aud": ["other"] })), IdTokenError::Audience);
    assert_eq!(refused(json!({ "aud": [] })), IdTokenError::Audience);
    assert_eq!(refused(json!({ "aud": ["other"], "azp": "notes" })), IdTokenError::Audience);
    assert_eq!(refused(json!({ "aud": null })), IdTokenError::Claim("aud"));
    assert_eq!(refused(json!({ "aud": ["notes", 7] })), IdTokenError::Claim("aud"));
    assert_eq!(refused(json!({ "aud": { "notes": true } })), IdTokenError::Claim("aud"));
    assert_eq!(refused(json!({ "aud": ["notes", "api"] })), IdTokenError::AuthorizedParty);
    assert_eq!(refused(json!({ "aud": ["notes", "api"], "azp": "api" })), IdTokenError::AuthorizedParty);
    assert_eq!(refused(json!({ "azp": "other" })), IdTokenError::AuthorizedParty);
}

#[test]
fn the_nonce_must_be_that_of_our_request() {
    assert_eq!(refused(json!({ "nonce": "another" })), IdTokenError::Nonce);
    assert_eq!(refused(json!({ "nonce": "" })), IdTokenError::Nonce);
    assert_eq!(refused(json!({ "nonce": null })), IdTokenError::Nonce);
    assert_eq!(refused(json!({ "nonce": ["n-0S6_WzA2Mj"] })), IdTokenError::Claim("nonce"));
    let on_refresh = Expectations { nonce: None, ..expected() };
    assert!(verdict(json!({ "nonce": null }), &on_refresh).is_ok());
}

#[test]
fn the_subject_must_be_there_and_stay_the_same() {
    for subject in [Value::Null, json!(""), json!("x".repeat(1025))] {
        assert_eq!(refused(json!({ "sub": subject })), IdTokenError::Claim("sub"));
    }
    assert_eq!(refused(json!({ "sub": 7 })), IdTokenError::Claim("sub"));
    let known = Expectations { subject: Some("eve"), ..expected() };
    assert_eq!(verdict(json!({}), &known), Err(IdTokenError::Subject));
}

#[test]
fn a_wrong_clock_is_reported_with_its_delta() {
    let at = |now: i64| verdict(json!({}), &Expectations { now, ..expected() }).map(drop);
    assert_eq!(at(NOW - 120), Ok(()));
    assert_eq!(at(NOW - 121), Err(IdTokenError::Clock(-121)));
    assert_eq!(at(NOW + 600 + 119), Ok(()));
    assert_eq!(at(NOW + 600 + 120), Err(IdTokenError::Clock(720)));
    assert_eq!(at(NOW + 315_360_000), Err(IdTokenError::Clock(315_360_000)));
    assert_eq!(at(i64::MIN), Err(IdTokenError::Clock(i64::MIN)));
    assert_eq!(crate::Error::from(IdTokenError::Clock(-121)), crate::Error::ClockSkew(-121));
    assert_eq!(refused(json!({ "nbf": NOW + 121 })), IdTokenError::Clock(0));
    assert!(verdict(json!({ "nbf": NOW + 120 }), &expected()).is_ok());
}

#[test]
fn times_must_be_there_and_make_sense() {
    for (name, value) in [
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("exp", json!("")),
        ("exp", json!("1800000600.5")),
        ("exp", json!("+1800000600")),
        ("exp", json!(" 1800000600")),
        ("exp", json!("99999999999999999999")),
        ("exp", json!(NOW)),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("iat", json!(-1)),
        ("iat", json!(i64::MAX)),
        ("nbf", json!("soon")),
    ] {
        let error = refused(json!({ name: value }));
        assert!(matches!(error, IdTokenError::Claim(_)), "{name}: {value}: {error:?}");
    }
    // RFC 7519 §2 allows fractions.
    assert!(verdict(json!({ "exp": 1_800_000_600.5, "iat": 1_800_000_000.25 }), &expected()).is_ok());
}

#[test]
fn a_sign_in_longer_ago_than_asked_for_is_refused() {
    let asked = Expectations { max_age: Some(300), ..expected() };
    assert!(verdict(json!({ "auth_time": NOW - 420 }), &asked).is_ok());
    assert_eq!(verdict(json!({ "auth_time": NOW - 421 }), &asked), Err(IdTokenError::TooLongAgo));
    assert_eq!(verdict(json!({}), &asked), Err(IdTokenError::Claim("auth_time")));
    for odd in [json!(true), json!("junk"), json!([NOW]), json!(-1), json!(1e300)] {
        assert_eq!(verdict(json!({ "auth_time": odd }), &asked), Err(IdTokenError::Claim("auth_time")));
        assert_eq!(verdict(json!({ "auth_time": odd }), &expected()).unwrap().auth_time, None, "{odd}");
    }
}

#[test]
fn no_error_quotes_the_token() {
    let secret = "s3cret-value";
    for changes in [
        json!({ "nonce": secret }),
        json!({ "aud": secret }),
        json!({ "iss": secret }),
        json!({ "azp": secret }),
    ] {
        let error = refused(changes);
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}
