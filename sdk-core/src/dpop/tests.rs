//! Proofs, and what is sent with them.

use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method, StatusCode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::Url;

use super::{
    key::{Proof, Proven},
    peers::Peers,
    *,
};
use crate::{net::Response, secret::Secret, testing::TestClock};

/// RFC 7638 has an example for RSA only; this is the key of RFC 9449 §4.1's example proof, with the `jkt` of its §6.1.
#[test]
fn the_thumbprint_of_the_rfcs_key_is_the_rfcs() {
    let members = r#"{"crv":"P-256","kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
    let jwk: Value = serde_json::from_str(members).unwrap();
    let x = jwk["x"].as_str().unwrap();
    let y = jwk["y"].as_str().unwrap();
    assert_eq!(key::thumbprint_of(x, y), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn a_key_comes_back_from_the_vault_as_it_was() {
    let key = ProofKey::generate();
    let json = serde_json::to_string(&key).unwrap();
    let kept: ProofKey = serde_json::from_str(&json).unwrap();
    assert_eq!((kept.thumbprint(), &kept), (key.thumbprint(), &key));
    assert_ne!(ProofKey::generate(), key);
    let stored = Secret::from(key.clone());
    assert!(!format!("{key:?}").contains(stored.expose()));
    for nonsense in ["\"\"", "\"AAAA\"", "7", "null"] {
        assert!(serde_json::from_str::<ProofKey>(nonsense).is_err(), "{nonsense}");
    }
}

#[test]
fn a_proof_is_for_one_request_and_says_so() {
    let key = ProofKey::generate();
    let url = Url::parse("https://api.example.com:8443/v1/notes?page=2#top").unwrap();
    let token = Secret::new("token".into());
    let proven = |nonce| Proven {
        method: &Method::POST,
        url: &url,
        access_token: Some(&token),
        nonce,
        issued_at: 1_700_000_000,
    };
    let [first, second] = [(); 2].map(|()| claims_of(&signed(&key, &proven(Some("n-1")))));
    assert_eq!(
        (&first["htm"], &first["htu"]),
        (&json!("POST"), &json!("https://api.example.com:8443/v1/notes"))
    );
    assert_eq!((&first["iat"], &first["nonce"]), (&json!(1_700_000_000), &json!("n-1")));
    assert_eq!(first["ath"], "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A");
    assert_ne!(first["jti"], second["jti"]);
    let bare = Proven { access_token: None, ..proven(None) };
    let bare = claims_of(&signed(&key, &bare));
    assert!(bare.get("ath").is_none() && bare.get("nonce").is_none());
}

fn signed(key: &ProofKey, proven: &Proven<'_>) -> Secret {
    match key.prove(proven) {
        Proof::Signed(proof) => proof,
        Proof::ToSign(..) => panic!("the key is here"),
    }
}

#[test]
fn a_key_in_the_signer_is_kept_by_name_and_is_never_taken_for_one_of_the_vault() {
    let point = crate::crypto::Es256Key::from_pkcs8(&crate::crypto::Es256Key::generate()).unwrap().point();
    let key = ProofKey::in_signer("moorline-proof-a:b".into(), point);
    let stored = Secret::from(key.clone());
    let kept: ProofKey = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
    assert_eq!((kept.thumbprint(), &kept), (key.thumbprint(), &key));
    assert_eq!(kept.of_signer().unwrap().id, "moorline-proof-a:b");
    assert_eq!(ProofKey::generate().of_signer(), None);
    let text = stored.expose();
    let compressed = URL_SAFE_NO_PAD.encode([&[2][..], &point[1..]].concat());
    for nonsense in [
        "signer:".to_owned(),
        "signer:AAAA:name".to_owned(),
        format!("signer:{compressed}:name"),
        text.rsplit_once(":moorline").unwrap().0.to_owned(),
        format!("{}:", text.rsplit_once(":moorline").unwrap().0),
        text.replace("signer:", "Signer:"),
    ] {
        assert!(ProofKey::try_from(Secret::new(nonsense.clone())).is_err(), "{nonsense}");
    }
    let url = Url::parse("https://id.example/token").unwrap();
    let proven = Proven {
        method: &Method::POST,
        url: &url,
        access_token: None,
        nonce: None,
        issued_at: 1_700_000_000,
    };
    let Proof::ToSign(unsigned, of_signer) = key.prove(&proven) else { panic!("the key is not here") };
    assert_eq!(of_signer.point, point);
    let message = String::from_utf8(unsigned.message().to_vec()).unwrap();
    let proof = unsigned.signed(&[7; 64]);
    assert_eq!(proof.expose(), format!("{message}.{}", URL_SAFE_NO_PAD.encode([7; 64])));
    assert_eq!(claims_of(&proof)["htm"], "POST");
}

fn claims_of(proof: &Secret) -> Value {
    let claims = proof.expose().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn answer(status: u16, header: (&'static str, &str), body: &str) -> Response {
    let headers =
        [(HeaderName::from_static(header.0), HeaderValue::from_str(header.1).unwrap())].into_iter().collect();
    Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.as_bytes().to_vec().into() }
}

#[test]
fn a_refused_proof_is_distinguished_from_every_other_answer() {
    let nonce = r#"{"error":"use_dpop_nonce"}"#;
    let none = ("x-none", "");
    for (status, header, body, refused) in [
        (400, none, nonce, true),
        (401, none, nonce, true),
        (400, none, r#"{"error":"invalid_dpop_proof","error_description":"old"}"#, true),
        (401, ("www-authenticate", r#"DPoP error="use_dpop_nonce", error_description="x""#), "", true),
        (401, ("www-authenticate", r#"DPoP algs="ES256", error="invalid_dpop_proof""#), "<html>", true),
        (401, ("www-authenticate", "DPoP error=use_dpop_nonce"), "", true),
        (
            401,
            ("www-authenticate", r#"Basic realm="x", dpop algs = ES256 ,ERROR = "use_dpop\_nonce""#),
            "",
            true,
        ),
        (401, ("www-authenticate", r#"DPoP error="invalid_token""#), "{}", false),
        (
            401,
            ("www-authenticate", r#"DPoP error="invalid_token", error_description="no use_dpop_nonce""#),
            "",
            false,
        ),
        (401, ("www-authenticate", r#"Basic realm="error=\"use_dpop_nonce\"""#), "", false),
        (401, ("www-authenticate", "DPoP"), "", false),
        (400, none, r#"{"error":"invalid_grant"}"#, false),
        (400, none, r#"{"error":["use_dpop_nonce"]}"#, false),
        (200, none, nonce, false),
        (503, none, nonce, false),
        (403, none, nonce, false),
    ] {
        assert_eq!(refuses_proof(&answer(status, header, body)), refused, "{status} {header:?} {body}");
    }
}

#[test]
fn the_latest_nonce_of_an_origin_is_kept_for_that_origin_alone() {
    let (peers, clock) = (Peers::default(), TestClock::default());
    let here = Url::parse("https://a.example/token").unwrap();
    for nonce in ["n-1", " \tn-2 "] {
        peers.learn(&here, &answer(200, ("dpop-nonce", nonce), ""), &clock);
    }
    let too_long = "n".repeat(1025);
    for nonsense in ["", "a b", "a\"b", "a\\b", &too_long] {
        peers.learn(&here, &answer(200, ("dpop-nonce", nonsense), ""), &clock);
    }
    assert_eq!(peers.nonce(&Url::parse("https://a.example/elsewhere?x").unwrap()).as_deref(), Some("n-2"));
    for other in ["https://b.example/token", "http://a.example/token", "https://a.example:444/token"] {
        assert_eq!(peers.nonce(&Url::parse(other).unwrap()), None, "{other}");
    }
}

#[test]
fn the_servers_time_goes_on_whatever_the_wall_clock_is_set_to() {
    let (peers, clock) = (Peers::default(), TestClock::default());
    let url = Url::parse("https://a.example/").unwrap();
    assert_eq!(peers.time(&url, &clock), None);
    peers.learn(&url, &answer(200, ("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ""), &clock);
    clock.set_ahead_by_years(-10);
    clock.pass(Duration::from_secs(60));
    assert_eq!(peers.time(&url, &clock), Some(784_111_837));
    for nonsense in ["", "yesterday", "Sun, 06 Nov 1994", "Thu, 01 Jan 1970 00:00:01 GMT"] {
        peers.learn(&url, &answer(200, ("date", nonsense), ""), &clock);
        assert_eq!(peers.time(&url, &clock), Some(784_111_837), "{nonsense}");
    }
}

#[test]
fn an_answer_out_of_a_cache_says_nothing_about_the_time() {
    let (peers, clock) = (Peers::default(), TestClock::default());
    let url = Url::parse("https://a.example/").unwrap();
    let mut cached = answer(200, ("date", "Sun, 06 Nov 1994 08:49:37 GMT"), "");
    cached.headers.insert("age", HeaderValue::from_static("3600"));
    peers.learn(&url, &cached, &clock);
    assert_eq!(peers.time(&url, &clock), None);
}
