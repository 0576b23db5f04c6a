//! Proofs that are not good, one fault at a time.

use std::time::Duration;

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value as Json, json};

use super::nonce::windows_of_a_refresh;
use super::testing::{Device, Draft, encode};
use super::{Checked, Claim, DPOP, Dpop, ProofError, TOKEN_ENDPOINT};
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::random::Random;
use moorline_server_shared::{SHORT, WINDOW};

const ISSUER: &str = "https://id.example.com";
const PATH: &str = "/v1/notes";
const TOKEN: &str = "an.access.token";
/// How long access tokens live here.
const LIFETIME: Duration = Duration::from_secs(900);

struct Guard {
    dpop: Dpop,
    clock: Clock,
}

impl Guard {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
        Self { dpop: Dpop::new(ISSUER, LIFETIME, clock.clone(), &Random::system()), clock }
    }

    fn draft<'a>(&self, device: &'a Device) -> Draft<'a> {
        device.draft("POST", &format!("{ISSUER}{PATH}"), &self.dpop.nonce(), Some(TOKEN))
    }

    fn check(&self, proof: &str) -> Checked {
        let headers = HeaderMap::from_iter([(DPOP, HeaderValue::from_str(proof).unwrap())]);
        self.dpop.check(&headers, &Method::POST, PATH, Some(TOKEN))
    }

    /// A good proof for the token endpoint, just now.
    fn for_tokens(&self, device: &Device) -> String {
        device.draft("POST", &format!("{ISSUER}{TOKEN_ENDPOINT}"), &self.dpop.nonce(), None).sign()
    }

    /// What the proof is worth with a refresh token, and with a code.
    fn check_for_tokens(&self, proof: &str) -> [Checked; 2] {
        let headers = HeaderMap::from_iter([(DPOP, HeaderValue::from_str(proof).unwrap())]);
        let refresh = self.dpop.check_refresh(&headers, &Method::POST);
        [refresh, self.dpop.check(&headers, &Method::POST, TOKEN_ENDPOINT, None)]
    }

    /// Spoils a good proof before it is signed.
    fn spoilt(&self, spoil: impl FnOnce(&mut Draft<'_>)) -> Checked {
        let device = Device::new();
        let mut draft = self.draft(&device);
        spoil(&mut draft);
        self.check(&draft.sign())
    }
}

#[test]
fn a_good_proof_of_each_algorithm_names_its_key() {
    let guard = Guard::new();
    for device in [Device::new(), Device::with_ed25519(), Device::with_rsa()] {
        let text = guard.draft(&device).sign();
        let Checked::Good(proof) = guard.check(&text) else { panic!("{} {text}", device.alg()) };
        assert_eq!(proof.jkt(), device.jkt());
        assert_eq!(proof.hash(), encode(super::sha256(text.as_bytes())));
        assert!(!format!("{proof:?}").contains(proof.hash()));
    }
}

#[test]
fn no_header_is_no_proof_and_two_are_none_either() {
    let guard = Guard::new();
    let check = |headers: &HeaderMap| guard.dpop.check(headers, &Method::POST, PATH, Some(TOKEN));
    let mut headers = HeaderMap::new();
    assert_eq!(check(&headers), Checked::Absent);
    let device = Device::new();
    for _ in 0..2 {
        headers.append(DPOP, guard.draft(&device).sign().parse().unwrap());
    }
    assert_eq!(check(&headers), Checked::Bad(ProofError::Repeated));
    let joined = format!("{}, {}", guard.draft(&device).sign(), guard.draft(&device).sign());
    assert_eq!(guard.check(&joined), Checked::Bad(ProofError::Malformed));
}

#[test]
fn every_member_of_the_header_that_is_wrong_is_refused() {
    let guard = Guard::new();
    let other = Device::new().jwk();
    let ed25519 = Device::with_ed25519().jwk();
    for (member, value, why) in [
        ("typ", json!("JWT"), ProofError::Type),
        ("typ", json!("at+jwt"), ProofError::Type),
        ("typ", json!("application/dpop+jwt"), ProofError::Type),
        ("typ", Json::Null, ProofError::Malformed),
        ("alg", json!("none"), ProofError::Algorithm),
        ("alg", json!("None"), ProofError::Algorithm),
        ("alg", json!(""), ProofError::Algorithm),
        ("alg", json!("HS256"), ProofError::Algorithm),
        ("alg", json!("RS256"), ProofError::Algorithm),
        ("alg", json!("ES384"), ProofError::Algorithm),
        ("alg", json!("es256"), ProofError::Algorithm),
        ("alg", json!("EdDSA"), ProofError::Key),
        ("alg", json!("PS256"), ProofError::Key),
        ("alg", Json::Null, ProofError::Malformed),
        ("jwk", Json::Null, ProofError::Malformed),
        ("jwk", json!("key"), ProofError::Malformed),
        ("jwk", json!({}), ProofError::Malformed),
        ("jwk", ed25519, ProofError::Key),
        ("jwk", other, ProofError::Signature),
        ("crit", json!(["exp"]), ProofError::Malformed),
        ("crit", json!([]), ProofError::Malformed),
    ] {
        let name = format!("{member} {value}");
        assert_eq!(guard.spoilt(|draft| draft.header[member] = value), Checked::Bad(why), "{name}");
    }
}

#[test]
fn a_key_that_is_private_symmetric_or_not_in_its_one_form_is_refused() {
    let guard = Guard::new();
    for (member, value, why) in [
        ("d", json!("AAAA"), ProofError::PrivateKey),
        ("k", json!("AAAA"), ProofError::PrivateKey),
        ("p", json!(1), ProofError::PrivateKey),
        ("q", json!({}), ProofError::PrivateKey),
        ("dp", json!(""), ProofError::PrivateKey),
        ("dq", json!(""), ProofError::PrivateKey),
        ("qi", json!(""), ProofError::PrivateKey),
        ("oth", json!([]), ProofError::PrivateKey),
        ("kty", json!("oct"), ProofError::Key),
        ("kty", json!("RSA"), ProofError::Key),
        ("crv", json!("P-384"), ProofError::Key),
        ("crv", json!("secp256k1"), ProofError::Key),
        ("crv", Json::Null, ProofError::Key),
        ("alg", json!("ES384"), ProofError::Key),
        ("x", Json::Null, ProofError::Key),
        ("y", json!(""), ProofError::Key),
        ("y", json!("AAAA"), ProofError::Key),
        ("x", json!(encode([7; 33])), ProofError::Key),
        ("x", json!(format!("{}=", encode([7; 32]))), ProofError::Key),
        ("x", json!(encode([7; 32])), ProofError::Signature),
    ] {
        let name = format!("{member} {value}");
        assert_eq!(guard.spoilt(|draft| draft.header["jwk"][member] = value), Checked::Bad(why), "{name}");
    }
    let rsa = Device::with_rsa();
    for (member, value) in [
        ("n", encode([7; 255])),
        ("n", encode([7; 513])),
        ("n", encode([&[0][..], &[7; 256]].concat())),
        ("e", encode([0, 1, 0, 1])),
        ("e", encode([1, 0, 0, 0, 1])),
        ("e", String::new()),
    ] {
        let mut draft = guard.draft(&rsa);
        draft.header["jwk"][member] = value.into();
        assert_eq!(guard.check(&draft.sign()), Checked::Bad(ProofError::Key), "{member}");
    }
}

#[test]
fn every_claim_that_is_wrong_or_missing_is_refused() {
    let guard = Guard::new();
    for (claim, value, why) in [
        ("jti", Json::Null, ProofError::Malformed),
        ("jti", json!(7), ProofError::Malformed),
        ("jti", json!(""), ProofError::Identifier),
        ("jti", json!("x".repeat(257)), ProofError::Identifier),
        ("htm", json!("GET"), ProofError::Method),
        ("htm", json!("post"), ProofError::Method),
        ("htm", Json::Null, ProofError::Malformed),
        ("htu", json!("https://id.example.com/v1/notes/1"), ProofError::Address),
        ("htu", json!("https://id.example.com/oauth/token"), ProofError::Address),
        ("htu", json!("https://evil.example/v1/notes"), ProofError::Address),
        ("htu", json!("/v1/notes"), ProofError::Address),
        ("htu", Json::Null, ProofError::Malformed),
        ("iat", Json::Null, ProofError::Malformed),
        ("iat", json!("1700000000"), ProofError::Malformed),
        ("ath", Json::Null, ProofError::TokenHash),
        ("ath", json!(""), ProofError::TokenHash),
        ("ath", json!(encode(super::sha256(b"another token"))), ProofError::TokenHash),
        ("ath", json!(TOKEN), ProofError::TokenHash),
        ("nonce", json!(7), ProofError::Malformed),
    ] {
        let name = format!("{claim} {value}");
        assert_eq!(guard.spoilt(|draft| draft.claims[claim] = value), Checked::Bad(why), "{name}");
    }
}

#[test]
fn a_device_whose_clock_is_wrong_by_years_makes_good_proofs() {
    let guard = Guard::new();
    for iat in [json!(0), json!(-1), json!(4_000_000_000_u64), json!(1_700_000_000.5)] {
        let name = iat.to_string();
        assert!(matches!(guard.spoilt(|draft| draft.claims["iat"] = iat), Checked::Good(_)), "{name}");
    }
}

#[test]
fn a_signature_with_any_bit_flipped_and_one_by_another_key_are_refused() {
    let guard = Guard::new();
    for device in [Device::new(), Device::with_ed25519(), Device::with_rsa()] {
        let text = guard.draft(&device).sign();
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let signature = {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap()
        };
        for bit in (0..signature.len() * 8).step_by(7) {
            let mut spoilt = signature.clone();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            let spoilt = guard.check(&format!("{signed}.{}", encode(spoilt)));
            assert_eq!(spoilt, Checked::Bad(ProofError::Signature), "{} bit {bit}", device.alg());
        }
        for cut in [0, 1, signature.len() - 1] {
            let short = guard.check(&format!("{signed}.{}", encode(&signature[..cut])));
            assert_eq!(short, Checked::Bad(ProofError::Signature), "{} cut to {cut}", device.alg());
        }
    }
}

#[test]
fn a_tag_keyed_with_the_public_key_is_no_signature() {
    let guard = Guard::new();
    let device = Device::new();
    let mut draft = guard.draft(&device);
    for alg in ["HS256", "ES256"] {
        draft.header["alg"] = alg.into();
        let text = draft.sign();
        let (signed, _) = text.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, device.jwk().to_string().as_bytes());
        let forged = format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())));
        assert!(matches!(guard.check(&forged), Checked::Bad(_)), "{alg}");
    }
}

#[test]
fn what_is_no_compact_jws_or_too_long_is_refused_before_any_arithmetic() {
    let guard = Guard::new();
    let good = guard.draft(&Device::new()).sign();
    let (header, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let twice =
        encode(format!(r#"{{"typ":"dpop+jwt","alg":"none","alg":"ES256","jwk":{}}}"#, Device::new().jwk()));
    for wrong in [
        String::new(),
        "nonsense".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{good}.{signature}"),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}.{signature}=="),
        format!("{header}.{claims}.!"),
        format!("{}.{claims}.{signature}", encode("[]")),
        format!("{}.{claims}.{signature}", encode([0xff, 0xfe])),
        format!("{header}.{}.{signature}", encode("null")),
        format!("{header}.{}.{signature}", encode("[".repeat(2000))),
        format!("{twice}.{claims}.{signature}"),
    ] {
        assert_eq!(guard.check(&wrong), Checked::Bad(ProofError::Malformed), "{wrong}");
    }
    let long = guard.spoilt(|draft| draft.claims["padding"] = "x".repeat(3000).into());
    assert_eq!(long, Checked::Bad(ProofError::TooLong));
    let bytes = HeaderMap::from_iter([(DPOP, HeaderValue::from_bytes(b"\xff\xfe").unwrap())]);
    let checked = guard.dpop.check(&bytes, &Method::POST, PATH, Some(TOKEN));
    assert_eq!(checked, Checked::Bad(ProofError::Malformed));
}

#[test]
fn escapes_and_members_that_nobody_asked_for_do_no_harm() {
    let guard = Guard::new();
    let device = Device::new();
    let mut draft = guard.draft(&device);
    draft.header["kid"] = "a name".into();
    draft.header["jwk"]["use"] = "sig".into();
    draft.claims["exp"] = 0.into();
    let header = draft.header.to_string().replace('+', "\\u002B");
    let signed = format!("{}.{}", encode(header), encode(draft.claims.to_string()));
    let text = format!("{signed}.{}", encode(device.sign(signed.as_bytes())));
    let Checked::Good(proof) = guard.check(&text) else { panic!("{:?}", guard.check(&text)) };
    assert_eq!(proof.jkt(), device.jkt(), "the thumbprint is of the key alone");
}

#[test]
fn the_current_and_the_previous_nonce_are_accepted_and_no_other() {
    let guard = Guard::new();
    let device = Device::new();
    let early = guard.draft(&device).sign();
    assert!(matches!(guard.check(&early), Checked::Good(_)));
    guard.clock.advance(WINDOW);
    assert!(matches!(guard.check(&early), Checked::Good(_)));
    guard.clock.advance(WINDOW);
    assert_eq!(guard.check(&early), Checked::NonceWanted);
    assert_eq!(guard.spoilt(|draft| draft.claims["nonce"] = Json::Null), Checked::NonceWanted);
    assert_eq!(guard.spoilt(|draft| draft.claims["nonce"] = "".into()), Checked::NonceWanted);
    let foreign = Guard::new().dpop.nonce();
    assert_eq!(guard.spoilt(|draft| draft.claims["nonce"] = foreign.into()), Checked::NonceWanted);
}

#[test]
fn an_old_nonce_is_good_for_a_refresh_alone_and_for_no_longer_than_its_time() {
    let guard = Guard::new();
    let device = Device::new();
    let (early, elsewhere) = (guard.for_tokens(&device), guard.draft(&device).sign());
    for age in 0..=windows_of_a_refresh(LIFETIME) {
        let [refresh, exchange] = guard.check_for_tokens(&early);
        assert!(matches!(refresh, Checked::Good(_)), "{age}: {refresh:?}");
        assert_eq!(exchange == Checked::NonceWanted, age > SHORT, "{age}: {exchange:?}");
        assert_eq!(guard.check(&elsewhere) == Checked::NonceWanted, age > SHORT, "{age}");
        guard.clock.advance(WINDOW);
    }
    assert_eq!(guard.check_for_tokens(&early), [Checked::NonceWanted, Checked::NonceWanted]);
}

#[test]
fn a_refreshs_proof_with_an_old_nonce_is_used_once_whenever_it_comes_again() {
    let guard = Guard::new();
    let device = Device::new();
    let claim = |proof: &str| match guard.check_for_tokens(proof) {
        [Checked::Good(proof), _] => guard.dpop.claim(&proof).now().unwrap(),
        other => panic!("{other:?}"),
    };
    let [one, other] = [(); 2].map(|()| guard.for_tokens(&device));
    assert_eq!(claim(&one), Claim::Fresh);
    for _ in 0..windows_of_a_refresh(LIFETIME) {
        guard.clock.advance(WINDOW);
        assert_eq!(claim(&one), Claim::Replayed);
    }
    assert_eq!(claim(&other), Claim::Fresh, "at the very end");
    assert_eq!(claim(&other), Claim::Replayed);
}

#[test]
fn a_proof_that_came_with_a_code_is_not_good_for_a_refresh_later() {
    let guard = Guard::new();
    let early = guard.for_tokens(&Device::new());
    let [_, Checked::Good(exchange)] = guard.check_for_tokens(&early) else { panic!("a good proof") };
    assert_eq!(guard.dpop.claim(&exchange).now().unwrap(), Claim::Fresh);
    guard.clock.advance(LIFETIME);
    let [Checked::Good(refresh), _] = guard.check_for_tokens(&early) else { panic!("a good nonce") };
    assert_eq!(guard.dpop.claim(&refresh).now().unwrap(), Claim::Replayed);
}

#[test]
fn a_proof_made_in_advance_without_a_nonce_is_worthless() {
    let guard = Guard::new();
    guard.clock.advance(Duration::from_secs(3600));
    // RFC 9449 §11.2: whoever ran code on the device for a moment has proofs for years to come, but not their nonces.
    let future = guard.spoilt(|draft| {
        draft.claims["iat"] = 1_800_000_000.into();
        draft.claims.as_object_mut().unwrap().remove("nonce");
    });
    assert_eq!(future, Checked::NonceWanted);
}

#[test]
fn a_proof_is_used_once_and_after_a_restart_it_is_old() {
    let guard = Guard::new();
    let device = Device::new();
    let text = guard.draft(&device).sign();
    let Checked::Good(proof) = guard.check(&text) else { panic!("{:?}", guard.check(&text)) };
    assert_eq!(guard.dpop.claim(&proof).now().unwrap(), Claim::Fresh);
    let Checked::Good(again) = guard.check(&text) else { panic!("{:?}", guard.check(&text)) };
    assert_eq!(guard.dpop.claim(&again).now().unwrap(), Claim::Replayed);
    // The same jti in another proof of the same key is the same; by another key it is another.
    let mut draft = guard.draft(&device);
    draft.claims["jti"] = "one".into();
    let one = draft.sign();
    draft.claims["iat"] = 5.into();
    let other_device = Device::new();
    let mut elsewhere = guard.draft(&other_device);
    elsewhere.claims["jti"] = "one".into();
    let mut claims = [one, draft.sign(), elsewhere.sign()].map(|text| match guard.check(&text) {
        Checked::Good(proof) => guard.dpop.claim(&proof).now().unwrap(),
        other => panic!("{other:?}"),
    });
    claims.sort_by_key(|claim| *claim == Claim::Replayed);
    assert_eq!(claims, [Claim::Fresh, Claim::Fresh, Claim::Replayed]);

    let restarted = Dpop::new(ISSUER, LIFETIME, guard.clock.clone(), &Random::system());
    let headers = HeaderMap::from_iter([(DPOP, text.parse().unwrap())]);
    let checked = restarted.check(&headers, &Method::POST, PATH, Some(TOKEN));
    assert_eq!(checked, Checked::NonceWanted, "what this process can't remember, it refuses");
}

#[test]
fn a_proof_waits_no_longer_than_its_nonce_lives() {
    let guard = Guard::new();
    let text = guard.draft(&Device::new()).sign();
    let Checked::Good(proof) = guard.check(&text) else { panic!("{:?}", guard.check(&text)) };
    guard.clock.advance(2 * WINDOW);
    assert_eq!(guard.dpop.claim(&proof).now().unwrap(), Claim::Stale);
}
