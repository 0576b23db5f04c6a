//! DPoP proofs.

#[path = "../../../fuzz/shared/input.rs"]
#[expect(dead_code, reason = "this target needs one of its functions")]
mod input;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::*;
use input::first_line;
use moorline_server_base::clock::{Clock, Timestamp};

const ISSUER: &str = "https://id.example.com";
const PATH: &str = "/v1/notes/a-b";
const TOKEN: &str = "access";

/// The text of a `DPoP` header; or, behind an `S`, a line with a header and then claims, both JSON, which our key
/// signs. In both, `JWK` stands for our key, and `NONCE` for the server's.
///
/// A proof is only good with our key, and for this method, address and token, and with the server's nonce. It is good
/// once, and never with a character changed.
pub fn dpop_proof(input: &[u8]) {
    let clock = Clock::manual(Timestamp::from_millis(1_795_000_000_000));
    let dpop = Dpop::new(ISSUER, Duration::from_secs(900), clock, &Random::system());
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed");
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().as_ref()) });
    let Some(drafted) = input.strip_prefix(b"S") else {
        // Nobody but us knows the nonce, so this can't be good.
        assert!(!matches!(check(&dpop, input), Checked::Good(_)));
        return;
    };
    let Ok(drafted) = std::str::from_utf8(drafted) else { return };
    let drafted = drafted.replace("JWK", &jwk.to_string()).replace("NONCE", &dpop.nonce());
    let (header, claims) = first_line(drafted.as_bytes());
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let text = format!("{signed}.{}", base64url(key.sign(signed.as_bytes()).as_ref()));
    let Checked::Good(proof) = check(&dpop, text.as_bytes()) else { return };

    // What the product has no use for it skips without a look, so that this reader may know less.
    let Ok(header) = serde_json::from_slice::<Value>(header) else { return };
    let Ok(claims) = serde_json::from_slice::<Value>(claims) else { return };
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("EdDSA")));
    assert!(header["jwk"]["x"] == jwk["x"] && header["jwk"].get("d").is_none_or(Value::is_null));
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]);
    assert_eq!(proof.jkt(), base64url(&sha256(members.as_bytes())));
    assert_eq!((&claims["htm"], &claims["nonce"]), (&json!("PUT"), &json!(dpop.nonce())));
    assert_eq!(claims["ath"], base64url(&sha256(TOKEN.as_bytes())));
    let htu = claims["htu"].as_str().expect("it was read");
    assert!(htu.to_ascii_lowercase().starts_with("https:"));
    assert!(claims["jti"].as_str().is_some_and(|jti| (1..=256).contains(&jti.len())));
    assert!(claims["iat"].is_number());

    let claim = || dpop.claim(&proof).now();
    assert!(claim() == Some(Claim::Fresh) && claim() == Some(Claim::Replayed));
    let at = usize::from(sha256(input)[0]) * text.len() / 256;
    let mut changed = text.clone();
    changed.replace_range(at..=at, if &text[at..=at] == "A" { "B" } else { "A" });
    assert!(!matches!(check(&dpop, changed.as_bytes()), Checked::Good(_)), "with character {at} changed");
    for (method, path, token) in [
        (Method::GET, PATH, Some(TOKEN)),
        (Method::PUT, "/v1/notes/a-c", Some(TOKEN)),
        (Method::PUT, PATH, Some("another")),
    ] {
        let headers = proof_header(text.as_bytes()).expect("it was one before");
        assert!(matches!(dpop.check(&headers, &method, path, token), Checked::Bad(_)));
    }
}

fn check(dpop: &Dpop, text: &[u8]) -> Checked {
    match proof_header(text) {
        Some(headers) => dpop.check(&headers, &Method::PUT, PATH, Some(TOKEN)),
        None => Checked::Absent,
    }
}

fn proof_header(text: &[u8]) -> Option<HeaderMap> {
    Some(HeaderMap::from_iter([(DPOP, HeaderValue::from_bytes(text).ok()?)]))
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
