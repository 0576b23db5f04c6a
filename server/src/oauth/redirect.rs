//! Redirect URIs: which are a client's own, and how an answer is put on them.

use moorline_server_base::config::is_loopback;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// Whether `presented` is `registered`: the very same text (RFC 9700 §2.1), but for the port of a loopback address,
/// which a desktop app does not choose (RFC 8252 §7.3).
pub(super) fn matches(registered: &str, presented: &str) -> bool {
    if registered == presented {
        return true;
    }
    ["http://127.0.0.1", "http://[::1]"].into_iter().any(|host| {
        let registered = registered.strip_prefix(host).and_then(without_port);
        let presented = presented.strip_prefix(host).and_then(without_port);
        registered.is_some() && registered == presented
    })
}

/// Whether no other program on the device can receive what is sent there: a claimed `https` redirect (RFC 8252 §7.2).
/// Any program can register an app's scheme, or listen on a port of loopback (§8.6).
pub(super) fn is_claimed(redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|url| url.scheme() == "https" && !is_loopback(url.host()))
}

/// What follows the port of `:8080/path?query`, or the whole when it begins with no port.
fn without_port(rest: &str) -> Option<&str> {
    let path = match rest.strip_prefix(':') {
        Some(rest) => {
            let path = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            rest[..rest.len() - path.len()].parse::<u16>().ok().filter(|port| *port != 0)?;
            path
        }
        None => rest,
    };
    (path.is_empty() || path.starts_with(['/', '?'])).then_some(path)
}

/// The redirect URI with the answer's parameters added to its query.
pub(super) fn with_answer(redirect_uri: &str, answer: &[(&str, &str)]) -> String {
    let mut uri = redirect_uri.to_owned();
    for (name, value) in answer {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.push_str(name);
        uri.push('=');
        uri.extend(byte_serialize(value.as_bytes()));
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_must_be_the_very_same_text() {
        let registered = "https://app.example.com/callback";
        assert!(matches(registered, registered));
        for other in [
            "https://app.example.com/callback/",
            "https://app.example.com/callback?x=1",
            "https://app.example.com/Callback",
            "https://app.example.com:443/callback",
            "https://APP.example.com/callback",
            "http://app.example.com/callback",
            "https://app.example.com/callback#",
            "https://app.example.com/a/../callback",
            "",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
        assert!(!matches("com.example.notes:/signed-in", "com.example.notes:/signed-in2"));
    }

    #[test]
    fn a_loopback_address_may_have_any_port() {
        for host in ["http://127.0.0.1", "http://[::1]"] {
            let registered = format!("{host}/callback");
            assert!(matches(&registered, &format!("{host}:49152/callback")));
            assert!(matches(&format!("{host}:1/callback"), &registered));
            for other in [
                ":0/callback",
                ":65536/callback",
                ":/callback",
                ":1/other",
                ":1@evil.example/callback",
                ".evil.example/callback",
                ":80:80/callback",
                ":+1/callback",
            ] {
                assert!(!matches(&registered, &format!("{host}{other}")), "{host}{other}");
            }
        }
        assert!(!matches("http://127.0.0.1/callback", "http://localhost:5000/callback"));
        assert!(!matches("http://localhost/callback", "http://localhost:5000/callback"));
        assert!(!matches("https://127.0.0.1/callback", "https://127.0.0.1:5000/callback"));
    }

    #[test]
    fn only_an_https_redirect_to_another_host_is_claimed() {
        assert!(is_claimed("https://app.example.com/callback"));
        for anybodys in [
            "com.example.notes:/signed-in",
            "http://127.0.0.1:5000/callback",
            "http://[::1]/callback",
            "https://localhost/callback",
            "https://127.0.0.1/callback",
            "https://[::1]/callback",
            "http://app.example.com/callback",
            "https:",
            "",
        ] {
            assert!(!is_claimed(anybodys), "{anybodys}");
        }
    }

    #[test]
    fn an_answer_is_added_to_the_query() {
        assert_eq!(with_answer("a:/b", &[("code", "1"), ("state", "x &=")]), "a:/b?code=1&state=x+%26%3D");
        assert_eq!(with_answer("https://a/?b=c", &[("code", "1")]), "https://a/?b=c&code=1");
    }
}
