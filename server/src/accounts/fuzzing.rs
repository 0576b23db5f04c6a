//! The cookies of the pages.

use http::HeaderMap;
use http::header::COOKIE;

use super::cookies::Cookie;
use crate::fuzzing::first_line;
use moorline_server_base::config::Issuer;

/// Values of the `Cookie` header, a line each.
///
/// Only a value that could be ours, and stands there once under its name, counts; what we set comes back as it was.
pub fn cookie(input: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = input;
    while !rest.is_empty() {
        let (line, after) = first_line(rest);
        rest = after;
        if let Ok(value) = line.try_into() {
            headers.append(COOKIE, value);
        }
    }
    for (issuer, prefix) in [("https://id.example.com", "__Host-"), ("http://127.0.0.1:8080", "")] {
        let issuer: Issuer = issuer.parse().expect("it is a good issuer");
        let all = [(Cookie::Session, "session"), (Cookie::Visit, "visit"), (Cookie::Devices, "devices")];
        for (cookie, name) in all {
            let Some(value) = cookie.read(&issuer, &headers) else { continue };
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(value.split('.').all(|one| one.len() == 43 && one.bytes().all(is_safe)));
            assert!(cookie == Cookie::Devices || value.len() == 43);
            let pair = format!("{prefix}moorline-{name}={}", *value);
            let sent = headers.get_all(COOKIE).iter();
            let pairs = sent.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
            assert_eq!(pairs.filter(|sent| sent.trim_ascii() == pair.as_bytes()).count(), 1);
            let set = cookie.set(&issuer, &value);
            assert!(set.is_sensitive());
            let back = set.to_str().expect("a cookie of ours is text").split(';').next();
            let back = back.and_then(|pair| pair.parse().ok()).expect("a pair is a header value");
            assert_eq!(cookie.read(&issuer, &HeaderMap::from_iter([(COOKIE, back)])), Some(value));
        }
    }
}
