//! One value at a time, and then any JSON at all.

use serde_json::{Map, Value, json};

use super::super::finding::Verdict;
use super::*;

const IS: &str = "https://id.example.com";

/// A provider that offers everything.
fn good() -> Value {
    json!({
        "issuer": IS,
        "authorization_endpoint": "https://id.example.com/authorize",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://id.example.com/jwks",
        "revocation_endpoint": "https://id.example.com/revoke",
        "end_session_endpoint": "https://id.example.com/end",
        "pushed_authorization_request_endpoint": "https://id.example.com/par",
        "device_authorization_endpoint": "https://id.example.com/device",
        "response_types_supported": ["code"],
        "grant_types_supported":
            ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "dpop_signing_alg_values_supported": ["ES256"],
        "refresh_attempt_supported": true,
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn judged(document: Value) -> Vec<Finding> {
    judge(&Metadata::new(document, false).unwrap(), IS)
}

/// The verdict of one check, with one member of a good document replaced.
fn verdict(id: &str, name: &str, value: Value) -> Verdict {
    let mut document = good();
    document[name] = value;
    judged(document).into_iter().find(|finding| finding.check.id == id).unwrap().verdict
}

#[test]
fn a_provider_that_offers_everything_passes_everywhere() {
    for finding in judged(good()) {
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
    }
}

#[test]
fn each_member_is_judged_by_what_it_costs_users() {
    use Verdict::{Fail, Note, Pass, Warning};
    for (id, name, value, expected) in [
        ("issuer", "issuer", json!("https://id.example.com/"), Fail),
        ("issuer", "issuer", Value::Null, Fail),
        ("issuer", "issuer", json!([IS]), Fail),
        ("endpoints", "token_endpoint", Value::Null, Fail),
        ("endpoints", "token_endpoint", json!("/token"), Fail),
        ("endpoints", "jwks_uri", json!("http://id.example.com/jwks"), Fail),
        ("endpoints", "end_session_endpoint", json!(""), Warning),
        ("end_session", "end_session_endpoint", json!(""), Warning),
        ("end_session", "end_session_endpoint", Value::Null, Warning),
        ("revocation", "revocation_endpoint", Value::Null, Warning),
        ("revocation", "revocation_endpoint", json!("revoke"), Warning),
        ("grants", "grant_types_supported", json!(["authorization_code"]), Fail),
        ("grants", "grant_types_supported", json!(["refresh_token"]), Fail),
        (
            "grants",
            "grant_types_supported",
            json!(["authorization_code", "refresh_token", "password"]),
            Warning,
        ),
        ("grants", "grant_types_supported", Value::Null, Warning),
        ("grants", "grant_types_supported", json!("refresh_token"), Warning),
        ("grants", "response_types_supported", json!(["id_token"]), Fail),
        ("public_clients", "token_endpoint_auth_methods_supported", json!(["client_secret_post"]), Warning),
        ("public_clients", "token_endpoint_auth_methods_supported", Value::Null, Warning),
        ("pkce", "code_challenge_methods_supported", json!(["plain"]), Fail),
        ("pkce", "code_challenge_methods_supported", json!(["plain", "S256"]), Warning),
        ("pkce", "code_challenge_methods_supported", Value::Null, Warning),
        ("iss", "authorization_response_iss_parameter_supported", json!("true"), Warning),
        ("iss", "authorization_response_iss_parameter_supported", Value::Null, Warning),
        ("par", "pushed_authorization_request_endpoint", Value::Null, Note),
        ("dpop", "dpop_signing_alg_values_supported", Value::Null, Warning),
        ("dpop", "dpop_signing_alg_values_supported", json!(["RS256"]), Warning),
        ("refresh_attempt", "refresh_attempt_supported", Value::Null, Note),
        ("refresh_attempt", "refresh_attempt_supported", json!(1), Warning),
        ("id_token_algorithms", "id_token_signing_alg_values_supported", json!(["HS256", "none"]), Fail),
        ("id_token_algorithms", "id_token_signing_alg_values_supported", json!(["ES256K"]), Fail),
        ("id_token_algorithms", "id_token_signing_alg_values_supported", json!(["ES512"]), Fail),
        ("id_token_algorithms", "id_token_signing_alg_values_supported", json!([]), Warning),
        ("id_token_algorithms", "id_token_signing_alg_values_supported", json!(["Ed25519", "HS256"]), Pass),
        ("id_token_algorithms", "id_token_signing_alg_values_supported", json!(["ES256", "none"]), Warning),
        ("device_grant", "device_authorization_endpoint", Value::Null, Warning),
    ] {
        assert_eq!(verdict(id, name, value.clone()), expected, "{id}: {name} = {value}");
    }
}

#[test]
fn algorithms_that_the_sdk_does_not_verify_are_named_with_those_that_it_does() {
    let mut document = good();
    document["id_token_signing_alg_values_supported"] = json!(["ES256K"]);
    let findings = judged(document);
    let finding = findings.iter().find(|finding| finding.check.id == "id_token_algorithms").unwrap();
    assert!(finding.found.starts_with("Offered: \"ES256K\". The SDK verifies RS256, "), "{}", finding.found);
    assert!(finding.found.contains("EdDSA") && !finding.found.contains("ES512"), "{}", finding.found);
}

#[test]
fn a_device_grant_that_is_not_offered_at_all_is_a_note() {
    let mut document = good();
    document["device_authorization_endpoint"] = Value::Null;
    document["grant_types_supported"] = json!(["authorization_code", "refresh_token"]);
    let finding = judged(document).into_iter().find(|finding| finding.check.id == "device_grant").unwrap();
    assert_eq!(finding.verdict, Verdict::Note);
}

/// Numbers that look random and are the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    fn value(&mut self, depth: usize) -> Value {
        const TEXTS: [&str; 14] = [
            "",
            " ",
            "https://id.example.com",
            "https://[",
            "//x",
            "S256",
            "none",
            "\u{0}",
            "\u{202e}é",
            "ES256",
            "http://",
            "https://id.example.com:99999/",
            "data:,x",
            "authorization_code",
        ];
        match self.roll(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => Value::Bool(self.roll(2) == 0),
            2 => json!([i64::MIN, -1, 0, i64::MAX][self.roll(4)]),
            3 => json!(TEXTS[self.roll(TEXTS.len())].repeat(self.roll(3))),
            4 => json!("x".repeat(self.roll(5_000))),
            5 => (0..self.roll(5)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                Value::Object((0..self.roll(5)).map(|at| (format!("k{at}"), self.value(depth - 1))).collect())
            }
        }
    }
}

#[test]
fn any_json_object_is_judged_completely_and_without_a_panic() {
    let names: Vec<String> = good().as_object().unwrap().keys().cloned().collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3_000 {
        let members: Map<String, Value> = names
            .iter()
            .filter(|_| dice.roll(3) > 0)
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|name| (name, dice.value(3)))
            .collect();
        let findings = judged(Value::Object(members));
        assert_eq!(findings.len(), 13);
        for finding in findings {
            assert!(finding.found.len() < 2_000 && !finding.found.contains('\0'), "{finding:?}");
            assert!(!finding.users.is_empty(), "{finding:?}");
        }
    }
}
