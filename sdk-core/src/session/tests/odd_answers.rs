//! Successors that arrive in odd responses, at a provider that knows no attempts: it issues them once.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use crate::{
    Error, ReauthReason, SessionState,
    testing::{Device, Fault, a_new_one, any},
};

fn http(status: u16, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

fn ok(body: &str) -> Vec<u8> {
    http(200, "", body.as_bytes())
}

fn with(body: &str, member: &str) -> Vec<u8> {
    ok(&format!("{},{member}}}", &body[..body.len() - 1]))
}

fn gzip(body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn labelled(body: &[u8]) -> Vec<u8> {
    http(200, "Content-Encoding: gzip\r\n", body)
}

fn deflate(body: &str, with_frame: bool) -> Vec<u8> {
    let encoded = if with_frame {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body.as_bytes()).unwrap();
        encoder.finish().unwrap()
    } else {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    http(200, "Content-Encoding: deflate\r\n", &encoded)
}

/// What is odd, and the response for a body.
type Odd = (&'static str, fn(&str) -> Vec<u8>);

const ODD: &[Odd] = &[
    ("201", |body| http(201, "", body.as_bytes())),
    ("202", |body| http(202, "", body.as_bytes())),
    ("203", |body| http(203, "", body.as_bytes())),
    ("an unknown type", |body| ok(&body.replace(r#""DPoP""#, r#""N_A""#))),
    ("a space behind the type", |body| ok(&body.replace(r#""DPoP""#, r#""DPoP ""#))),
    ("too large a number", |body| ok(&body.replace("900", "1e999"))),
    ("Infinity", |body| ok(&body.replace("900", "Infinity"))),
    ("half of a surrogate pair", |body| with(body, r#""x":"\ud800""#)),
    ("a raw newline", |body| with(body, "\"x\":\"a\nb\"")),
    ("deep nesting", |body| with(body, &format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200)))),
    ("NUL behind it", |body| ok(&format!("{body}\0"))),
    ("a comment behind it", |body| ok(&format!("{body}<!-- served by x -->"))),
    ("a warning before it", |body| ok(&format!("<b>Warning</b>: deprecated\n{body}"))),
    ("a warning with braces before it", |body| ok(&format!("<b>Warning</b>: {{main}} in x.php\n{body}"))),
    ("UTF-16", |body| {
        let units = [0xfeff].into_iter().chain(body.encode_utf16());
        http(200, "", &units.flat_map(u16::to_le_bytes).collect::<Vec<_>>())
    }),
    ("zeros behind gzip", |body| labelled(&[&gzip(body)[..], &[0; 8]].concat())),
    ("a newline behind gzip", |body| labelled(&[&gzip(body)[..], b"\n"].concat())),
    ("gzip without its trailer", |body| labelled(gzip(body).split_last_chunk::<8>().unwrap().0)),
    ("gzip with a wrong checksum", |body| {
        let mut encoded = gzip(body);
        let at = encoded.len() - 8;
        encoded[at] ^= 1;
        labelled(&encoded)
    }),
    ("plain that is called gzip", |body| labelled(body.as_bytes())),
    ("gzip that is not called so", |body| http(200, "", &gzip(body))),
    ("deflate", |body| deflate(body, true)),
    ("deflate without its frame", |body| deflate(body, false)),
    ("too long a length", |body| {
        format!("HTTP/1.1 200 X\r\nContent-Length: 5000\r\n\r\n{body}").into_bytes()
    }),
    ("too long a length, and gzip", |body| {
        let head = b"HTTP/1.1 200 X\r\nContent-Length: 5000000\r\nContent-Encoding: gzip\r\n\r\n";
        [&head[..], &gzip(body)].concat()
    }),
    ("no last chunk", |body| {
        let head = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{body}\r\n", body.len()).into_bytes()
    }),
];

#[tokio::test]
async fn a_successor_that_arrives_is_taken_however_odd_its_response() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let session = device.signed_in().await;
    for (generation, (name, write)) in ODD.iter().enumerate() {
        device.provider.fault(Fault::Odd(*write));
        let before = session.latest().unwrap();
        let token =
            session.access_token(a_new_one(&session)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_ne!(token.secret(), before.secret(), "{name}");
        assert_eq!(
            device.provider.refreshes().len(),
            generation + 1,
            "{name}: the spent token is not sent again"
        );
        assert_eq!(device.provider.live_generation(), Some(generation + 1), "{name}");
    }
    // Each was the successor: the last one goes on.
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), ODD.len() + 1);
}

/// What cannot be read comes again as it is, or is a reuse.
#[tokio::test]
async fn a_success_that_cannot_be_read_is_not_followed_by_the_spent_token_at_once() {
    for body in
        ["<html>Log in to the hotel's network</html>", "", r#"{"access_token":["a"]}"#, r#"{"access_"#]
    {
        let device = Device::new().await;
        device.provider.state().knows_attempts = false;
        let session = device.signed_in().await;
        device.provider.fault(Fault::Instead(200, body));
        assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), Error::offline(), "{body}");
        assert_eq!(device.provider.refreshes().len(), 1, "{body}");
        // Later, it is the only chance, and a portal's page was no success of the provider.
        session.access_token(a_new_one(&session)).await.unwrap();
        assert_eq!(device.provider.refreshes().len(), 2, "{body}");
    }
    // With attempts, the same successor comes again.
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::Odd(|body| ok(&body[..body.len() - 1])));
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!((device.provider.refreshes().len(), device.provider.live_generation()), (2, Some(1)));
}

#[tokio::test]
async fn the_providers_word_that_a_session_is_over_ends_it_however_it_is_written() {
    for (status, body) in [
        (200, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":{"code":"invalid_grant"}}"#),
        (400, "error=invalid_grant&error_description=x"),
        (400, "{\"error\":\"invalid_grant\"}\0"),
        (401, r#"{"errorCode":"invalid_grant"}"#),
    ] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        device.provider.fault(Fault::Instead(status, body));
        let ended = Error::NeedsReauth(ReauthReason::Revoked);
        assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), ended, "{body}");
        assert_eq!(session.state(), SessionState::NeedsReauth(ReauthReason::Revoked));
        assert_eq!(session.access_token(any()).await.unwrap_err(), ended);
    }
}

/// RFC 6749 §A.17 allows a space, and no line break. But a provider that issues one may have stored it, too: the token
/// is opaque, and is sent as it was issued.
#[tokio::test]
async fn a_refresh_token_is_sent_as_it_was_issued_also_with_white_space_at_its_end() {
    let issued = [
        r#"{"access_token":"a1","expires_in":900,"refresh_token":"seen-rt\n"}"#,
        r#"{"access_token":"a2","expires_in":900,"refresh_token":"seen-rt "}"#,
        r#"{"access_token":"a3","expires_in":900,"refresh_token":"\tseen rt\r\n"}"#,
    ];
    for knows_attempts in [true, false] {
        let device = Device::new().await;
        device.provider.state().knows_attempts = knows_attempts;
        let mut session = device.signed_in().await;
        for body in issued {
            device.provider.fault(Fault::Instead(200, body));
            session.access_token(a_new_one(&session)).await.unwrap();
            session = device.process();
        }
        device.provider.fault(Fault::Instead(200, r#"{"access_token":"a4"}"#));
        session.access_token(a_new_one(&session)).await.unwrap();
        let sent = device.provider.refreshes();
        let sent: Vec<&str> = sent.iter().map(|seen| seen.form["refresh_token"].as_str()).collect();
        assert_eq!(sent[1..], ["seen-rt\n", "seen-rt ", "\tseen rt\r\n"]);
        assert!(matches!(session.state(), SessionState::SignedIn(_)));
    }
}

#[tokio::test]
async fn an_access_token_with_a_line_break_at_its_end_is_sent_without_it() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device
        .provider
        .fault(Fault::Instead(200, r#"{"access_token":"at-1\n","token_type":"DPoP","expires_in":900}"#));
    session.access_token(a_new_one(&session)).await.unwrap();
    let url = format!("{}/api", device.provider.issuer);
    let headers = session.api.request_headers("GET", &url, &std::time::Duration::ZERO.into()).await.unwrap();
    assert_eq!(headers.authorization(), "DPoP at-1");
    let claims = headers.dpop().unwrap().split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["ath"], URL_SAFE_NO_PAD.encode(crate::crypto::sha256(b"at-1")));
}
