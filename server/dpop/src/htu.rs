//! `htu`: the address that a proof is for.

use std::borrow::Cow;

use url::{Position, Url};

/// Whether `htu` is the address of `path` at `origin`. A query and a fragment don't count (RFC 9449 §4.3), and two
/// spellings of one address are the same (RFC 3986 §6.2.2 and §6.2.3). `origin` is the issuer, which is how clients
/// reach this server through any proxy; the request's own `Host` is unauthenticated.
pub(super) fn is_address(htu: &str, origin: &str, path: &str) -> bool {
    // The URL parser silently repairs some characters; a proof's maker has no reason to need that.
    if !htu.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return false;
    }
    // As nearly every client writes it.
    if htu.strip_prefix(origin) == Some(path) {
        return true;
    }
    match (Url::parse(htu), Url::parse(&format!("{origin}{path}"))) {
        (Ok(claimed), Ok(expected)) => {
            claimed.username().is_empty()
                && claimed.password().is_none()
                && claimed[..Position::BeforePath] == expected[..Position::BeforePath]
                && spelled_out(claimed.path()) == spelled_out(expected.path())
        }
        _ => false,
    }
}

/// The path with its escapes in one spelling: those that are needless undone, the others in capitals.
fn spelled_out(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return path.into();
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let escape = rest.get(at..at + 3);
        match escape.and_then(|escape| u8::from_str_radix(&escape[1..], 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => out.push(byte.into()),
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None => {
                out.push('%');
                rest = &rest[at + 1..];
                continue;
            }
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "https://id.example.com";

    #[test]
    fn spellings_of_one_address_are_the_same() {
        for htu in [
            "https://id.example.com/v1/notes/a-b",
            "https://id.example.com:443/v1/notes/a-b",
            "HTTPS://ID.Example.COM/v1/notes/a-b",
            "https://id.example.com/v1/./x/../notes/a-b",
            "https://id.example.com/v1/notes/%61%2Db",
            "https://id.example.com/v1/notes/a-b?limit=1",
            "https://id.example.com/v1/notes/a-b#part",
            "https://id.example.com/v1/notes/a-b?x=1#part",
        ] {
            assert!(is_address(htu, ORIGIN, "/v1/notes/a-b"), "{htu}");
        }
        assert!(is_address("https://id.example.com/v1/notes/%c3%a4", ORIGIN, "/v1/notes/%C3%A4"));
        assert!(is_address("http://127.0.0.1:8443/oauth/token", "http://127.0.0.1:8443", "/oauth/token"));
    }

    #[test]
    fn another_address_is_another_address() {
        for htu in [
            "",
            "/oauth/token",
            "https://id.example.com",
            "https://id.example.com/oauth/token/",
            "https://id.example.com/oauth/Token",
            "https://id.example.com//oauth/token",
            "https://id.example.com/oauth%2Ftoken",
            "http://id.example.com/oauth/token",
            "https://id.example.com:8443/oauth/token",
            "https://evil.example/oauth/token",
            "https://id.example.com.evil.example/oauth/token",
            "https://id.example.com@evil.example/oauth/token",
            "https://me@id.example.com/oauth/token",
            "https://:secret@id.example.com/oauth/token",
            "https://id.example.com\\oauth\\token",
            " https://id.example.com/oauth/token",
            "https://id.example.com/oauth/to\tken",
            "https://id.example.com/oauth/token%",
        ] {
            assert!(!is_address(htu, ORIGIN, "/oauth/token"), "{htu}");
        }
    }
}
