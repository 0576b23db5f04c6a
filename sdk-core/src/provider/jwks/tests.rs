//! Key sets, good and odd, and when the provider is asked for them.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::Configuration;
use crate::provider::id_token::{Expectations, IdTokenError, KeySource, verify};
use crate::testing::signer::Signer;
use crate::testing::tls_server::{Server, answer};

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
    assert_eq!(number_of_keys(&json!({ "keys": [] })), 0);
    assert_eq!(number_of_keys(&json!({ "keys": vec![good; 1000] })), MAX_KEYS);
}

#[test]
fn what_is_no_key_set_is_refused_without_a_panic() {
    for text in ["", "null", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>", &"[".repeat(100_000)]
    {
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

/// A provider whose key is called `old` in the first answer and `new` from then on.
async fn rotating_provider(signer: &Signer) -> Server {
    let jwk = signer.jwk();
    let answers = AtomicUsize::new(0);
    Server::plain(move |_, _| {
        let mut key = jwk.clone();
        key["kid"] = if answers.fetch_add(1, Ordering::SeqCst) == 0 { "old".into() } else { "new".into() };
        answer(200, &json!({ "keys": [key] }).to_string())
    })
    .await
}

fn transport() -> Transport {
    let configuration = Configuration::builder("http://127.0.0.1:1", "notes").allow_http_on_loopback();
    Transport::new(&configuration.build().unwrap()).unwrap()
}

const NOW: i64 = 1_800_000_000;

async fn signed_by(
    key_id: &str,
    signer: &Signer,
    server: &Server,
    cache: &JwksCache,
    now: Duration,
) -> Result<(), IdTokenError> {
    let claims = json!({ "iss": "i", "sub": "ada", "aud": "notes", "iat": NOW, "exp": NOW + 60 });
    let token = signer.sign_with_header(&json!({ "alg": "ES256", "kid": key_id }), &claims);
    let expected = Expectations {
        issuer: "i",
        client_id: "notes",
        nonce: None,
        access_token: None,
        subject: None,
        max_age: None,
        now: NOW,
        leeway: 0,
    };
    let (transport, jwks_uri) = (transport(), server.plain_url("/jwks"));
    verify(&token, KeySource { cache, transport: &transport, jwks_uri: &jwks_uri, now }, &expected)
        .await
        .map(drop)
}

#[tokio::test]
async fn an_unknown_key_id_is_asked_for_exactly_once_more() {
    let signer = Signer::es256("x");
    let (server, cache) = (rotating_provider(&signer).await, JwksCache::default());
    let at = Duration::from_secs;
    assert_eq!(signed_by("old", &signer, &server, &cache, at(0)).await, Ok(()));
    assert_eq!(signed_by("old", &signer, &server, &cache, at(60)).await, Ok(()));
    assert_eq!(server.seen().requests.len(), 1, "the keys are kept");
    assert_eq!(signed_by("new", &signer, &server, &cache, at(61)).await, Ok(()));
    assert_eq!(server.seen().requests.len(), 2, "a rotation is noticed");
    assert_eq!(signed_by("never", &signer, &server, &cache, at(80)).await, Err(IdTokenError::UnknownKey));
    assert_eq!(server.seen().requests.len(), 3, "once, and no more");
}

#[tokio::test]
async fn many_unknown_key_ids_do_not_become_many_requests() {
    let signer = Signer::es256("x");
    let (server, cache) = (rotating_provider(&signer).await, JwksCache::default());
    for number in 0..20 {
        let verdict =
            signed_by(&number.to_string(), &signer, &server, &cache, Duration::from_millis(number)).await;
        assert_eq!(verdict, Err(IdTokenError::UnknownKey));
    }
    assert_eq!(server.seen().requests.len(), 1);
}

#[tokio::test]
async fn keys_are_asked_for_again_after_an_hour() {
    let signer = Signer::es256("x");
    let (server, cache) = (rotating_provider(&signer).await, JwksCache::default());
    assert_eq!(signed_by("old", &signer, &server, &cache, Duration::ZERO).await, Ok(()));
    assert_eq!(signed_by("old", &signer, &server, &cache, LIFETIME).await, Err(IdTokenError::UnknownKey));
    assert_eq!(server.seen().requests.len(), 2);
}

#[tokio::test]
async fn an_unsigned_token_causes_no_request() {
    let (server, cache) = (Server::plain(|_, _| answer(200, "{}")).await, JwksCache::default());
    let (transport, jwks_uri) = (transport(), server.plain_url("/jwks"));
    let expected = Expectations {
        issuer: "i",
        client_id: "c",
        nonce: None,
        access_token: None,
        subject: None,
        max_age: None,
        now: 0,
        leeway: 0,
    };
    let keys = KeySource { cache: &cache, transport: &transport, jwks_uri: &jwks_uri, now: Duration::ZERO };
    assert!(matches!(verify("eyJhbGciOiJub25lIn0.e30.", keys, &expected).await, Err(IdTokenError::Jws(_))));
    assert_eq!(server.seen().requests.len(), 0);
}

#[tokio::test]
async fn a_provider_that_fails_to_give_keys_is_told_from_a_bad_token() {
    let signer = Signer::es256("x");
    let down = Server::plain(|_, _| answer(503, "")).await;
    let verdict = signed_by("x", &signer, &down, &JwksCache::default(), Duration::ZERO).await.unwrap_err();
    assert_eq!(verdict, IdTokenError::Keys(JwksError::Status(503)));
    assert!(crate::Error::from(verdict).is_passing());
    let odd = Server::plain(|_, _| answer(200, "<html>")).await;
    let verdict = signed_by("x", &signer, &odd, &JwksCache::default(), Duration::ZERO).await;
    assert_eq!(verdict, Err(IdTokenError::Keys(JwksError::Malformed)));
}
