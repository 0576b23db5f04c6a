//! What servers say of proofs.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::http::{Method, StatusCode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use url::Url;

use super::{first_line, head_and_body};
use crate::{
    Clock,
    dpop::{
        ProofKey,
        key::{Proof, Proven},
        peers::Peers,
        refuses_proof,
    },
    net::Response,
    secret::Secret,
};

static KEY: LazyLock<ProofKey> = LazyLock::new(ProofKey::generate);

/// A line with the status, header fields up to an empty line, and a body.
///
/// Only a 400 or a 401 refuses a proof. A nonce is taken exactly as in the header or not at all, for its own origin.
/// The next proof has it, for a URL without query and fragment.
pub fn proof_challenge(input: &[u8]) {
    let (status, rest) = first_line(input);
    let (headers, body) = head_and_body(rest);
    let status = StatusCode::from_bytes(status).unwrap_or(StatusCode::UNAUTHORIZED);
    let answer = Response { status, headers, body: body.to_vec().into() };
    if refuses_proof(&answer) {
        assert!(matches!(status.as_u16(), 400 | 401));
    }
    let address = |text| Url::parse(text).expect("it is a good address");
    let url = address("https://api.example.com:8443/v1/notes?limit=1#x");
    let peers = Peers::default();
    peers.learn(&url, &answer, &Still);
    assert_eq!(peers.nonce(&address("https://api.example.com/v1/notes")), None);
    let nonce = peers.nonce(&url);
    let time = peers.time(&url, &Still);
    if let Some(nonce) = &nonce {
        let fields = answer.headers.get_all("dpop-nonce").iter();
        assert!(fields.filter_map(|value| value.to_str().ok()).any(|value| value.trim_ascii() == nonce));
        assert!(!nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    assert!(time.is_none() || answer.headers.contains_key("date"));
    let token = Secret::new("access".to_owned());
    let proof = KEY.prove(&Proven {
        method: &Method::PUT,
        url: &url,
        access_token: Some(&token),
        nonce: nonce.as_deref(),
        issued_at: time.unwrap_or_default(),
    });
    let Proof::Signed(proof) = proof else { panic!("the key is here") };
    let claims = proof.expose().split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = serde_json::from_slice(&claims.expect("it is a JWS")).expect("its claims are JSON");
    assert_eq!(claims.get("nonce").and_then(Value::as_str), nonce.as_deref());
    assert_eq!(
        (&claims["htm"], &claims["htu"]),
        (&"PUT".into(), &"https://api.example.com:8443/v1/notes".into())
    );
}

/// A clock that does not advance.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn wall(&self) -> SystemTime {
        UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1000)
    }
}
