//! What comes back from the browser.

use url::Url;

use crate::{
    secret::Secret,
    sign_in::{callback::Callback, loopback_receiver::Expected},
    vault::PendingLogin,
};

/// The address of a callback.
///
/// A code is only taken where state, issuer and place are those of the sign-in; the same address with the code changed
/// gives the changed code.
pub fn callback(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(callback) = Callback::read(text) else { return };
    let url = Url::parse(text).expect("it was read as an address");
    let parameter = |name: &str| {
        let mut found = url.query_pairs().filter(|(other, _)| other == name).map(|(_, value)| value);
        let first = found.next();
        assert!(found.next().is_none(), "a parameter that is repeated is refused");
        first.filter(|value| !value.is_empty())
    };
    for redirect_uri in REDIRECT_URIS {
        for iss_required in [true, false] {
            let Ok(code) = callback.code(&login(redirect_uri), ISSUER, iss_required) else { continue };
            assert_eq!(parameter("state").as_deref(), Some(STATE));
            assert_eq!(parameter("code").as_deref(), Some(code.expose()));
            assert!(!code.expose().is_empty() && parameter("error").is_none());
            assert!(parameter("iss").map_or(!iss_required, |iss| iss == ISSUER));
            let expected = Url::parse(redirect_uri).expect("it is a good address");
            assert_eq!((url.scheme(), url.path()), (expected.scheme(), expected.path()));
            assert_eq!(url.host_str().unwrap_or_default(), expected.host_str().unwrap_or_default());
            assert_eq!(url.port(), expected.port());
            printed_again(redirect_uri, code.expose());
        }
    }
}

fn printed_again(redirect_uri: &str, code: &str) {
    let mut url = Url::parse(redirect_uri).expect("it is a good address");
    url.query_pairs_mut().append_pair("code", code).append_pair("state", STATE).append_pair("iss", ISSUER);
    let callback = Callback::read(url.as_str()).expect("it is a callback");
    let read = callback.code(&login(redirect_uri), ISSUER, true).expect("it is the answer to this sign-in");
    assert_eq!(read.expose(), code);
}

fn login(redirect_uri: &str) -> PendingLogin {
    PendingLogin {
        state: Secret::new(STATE.into()),
        nonce: Secret::new("n1".into()),
        code_verifier: Secret::new("v1".into()),
        proof_key: None,
        redirect_uri: redirect_uri.into(),
        scope: vec![],
        resources: vec![],
        max_age: None,
        device: None,
        subject: None,
        started_at: None,
    }
}

/// The head of a request to the loopback receiver.
///
/// Only a `GET` of the callback's path, at our own host and with our state once, is taken for the callback.
pub fn loopback(input: &[u8]) {
    let Ok(head) = std::str::from_utf8(input) else { return };
    let expected = Expected { origin: ORIGIN.to_owned(), state: Secret::new(STATE.to_owned()) };
    let Ok((url, _)) = expected.callback_in(head) else { return };
    assert!(head.starts_with("GET /"));
    assert!(head.to_ascii_lowercase().contains("\r\nhost"));
    assert_eq!((url.origin().ascii_serialization().as_str(), url.path()), (ORIGIN, "/callback"));
    let states: Vec<_> = url.query_pairs().filter(|(name, _)| name == "state").collect();
    assert!(matches!(states.as_slice(), [(_, state)] if state == STATE));
}

const STATE: &str = "s1";
const ISSUER: &str = "https://id.example.com";
const ORIGIN: &str = "http://127.0.0.1:49152";
const REDIRECT_URIS: [&str; 3] =
    ["com.example.notes:/signed-in", "http://127.0.0.1:49152/callback", "https://app.example/cb?tenant=1"];
