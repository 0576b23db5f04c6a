//! The cookies of this server's pages: the session's, the one that ties a sign-in form to its browser, and the one that
//! a browser is known by.

use std::time::Duration;

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};
use zeroize::Zeroizing;

use moorline_server_base::config::Issuer;

/// A cookie of ours, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// Says who is signed in.
    Session,
    /// Ties a sign-in form to this browser.
    Visit,
    /// What the browser is known by to those who have signed in with it ([`super::devices::Devices`]). It lets nobody
    /// in.
    Devices,
}

impl Cookie {
    /// The name. `__Host-` (RFC 6265bis) keeps other hosts of the domain from setting it; a browser takes it only
    /// by TLS, so plain HTTP on loopback goes without.
    fn name(self, issuer: &Issuer) -> &'static str {
        match (self, issuer.is_https()) {
            (Self::Session, true) => "__Host-moorline-session",
            (Self::Visit, true) => "__Host-moorline-visit",
            (Self::Devices, true) => "__Host-moorline-devices",
            (Self::Session, false) => "moorline-session",
            (Self::Visit, false) => "moorline-visit",
            (Self::Devices, false) => "moorline-devices",
        }
    }

    /// The value that the browser sent. Two of one name are a sign of tampering: neither counts.
    pub fn read(self, issuer: &Issuer, headers: &HeaderMap) -> Option<Zeroizing<String>> {
        let name = self.name(issuer);
        // By bytes: another program on this host may have set a cookie that is not ASCII.
        let mut values = headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        let value = std::str::from_utf8(values.next()?).ok()?;
        let most = if self == Self::Devices { MOST_USERS } else { 1 };
        let plausible = value.split('.').count() <= most && value.split('.').all(is_base64url_of_32_bytes);
        (plausible && values.next().is_none()).then(|| Zeroizing::new(value.to_owned()))
    }

    /// The `Set-Cookie` value that gives the browser this cookie: until it closes, or for as long as it is known.
    pub fn set(self, issuer: &Issuer, value: &str) -> HeaderValue {
        match self {
            Self::Session | Self::Visit => self.header(issuer, value, ""),
            Self::Devices => {
                let lifetime = KNOWN_FOR.as_secs();
                self.header(issuer, value, &format!("; Max-Age={lifetime}"))
            }
        }
    }

    /// The `Set-Cookie` value that deletes it.
    pub fn clear(self, issuer: &Issuer) -> HeaderValue {
        self.header(issuer, "", "; Max-Age=0")
    }

    fn header(self, issuer: &Issuer, value: &str, more: &str) -> HeaderValue {
        let secure = if issuer.is_https() { "; Secure" } else { "" };
        let text = Zeroizing::new(format!(
            "{}={value}; Path=/{secure}; HttpOnly; SameSite=Lax{more}",
            self.name(issuer)
        ));
        let mut header = HeaderValue::try_from(text.as_str()).expect("a cookie of ours is base64url");
        header.set_sensitive(true);
        header
    }
}

/// How many users a browser is known to. The one who has not signed in for longest makes room.
pub(super) const MOST_USERS: usize = 4;

/// How long a browser stays known after a sign-in.
pub(super) const KNOWN_FOR: Duration = Duration::from_secs(400 * 24 * 3600);

fn is_base64url_of_32_bytes(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(text: &str) -> Issuer {
        text.parse().unwrap()
    }

    fn cookies(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_bytes(text.as_bytes()).unwrap());
        headers
    }

    #[test]
    fn by_tls_a_cookie_is_host_bound_secure_and_out_of_reach_of_scripts() {
        let set = Cookie::Session.set(&issuer("https://id.example.com"), "abc");
        assert_eq!(set, "__Host-moorline-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(set.is_sensitive());
    }

    #[test]
    fn a_cookie_that_stands_twice_or_is_malformed_does_not_count() {
        let issuer = issuer("https://id.example.com");
        let good = "a".repeat(43);
        let name = "__Host-moorline-session";
        let read =
            |text: String| Cookie::Session.read(&issuer, &cookies(&text)).map(|value| value.to_string());
        assert_eq!(read(format!("x=1; {name}={good}; y=2")), Some(good.clone()));
        assert_eq!(read(format!("{name}={good}; {name}={good}")), None);
        assert_eq!(read(format!("{name}={}", "a".repeat(42))), None);
        assert_eq!(read(format!("{name}={}", "%".repeat(43))), None);
        for foreign in ["a=\u{fc}", "\u{fc}", "\u{fc}=1; =; ="] {
            assert_eq!(read(format!("{foreign}; {name}={good}; b=\u{fc}")), Some(good.clone()), "{foreign}");
        }
        assert_eq!(read(format!("{name}=\u{fc}{}", "a".repeat(42))), None);
        // As many as a browser is known to, and for one user alone where there can be one.
        let devices = |count| vec![good.as_str(); count].join(".");
        let many = |cookie: Cookie, name: &str, value: &str| {
            cookie.read(&issuer, &cookies(&format!("__Host-moorline-{name}={value}"))).is_some()
        };
        assert!(many(Cookie::Devices, "devices", &devices(4)));
        assert!(!many(Cookie::Devices, "devices", &devices(5)));
        assert!(!many(Cookie::Devices, "devices", &format!("{good}.")));
        assert!(!many(Cookie::Session, "session", &devices(2)));
        // What a neighbour host, or a page by plain HTTP, could have set.
        assert_eq!(read(format!("moorline-session={good}")), None);
    }
}
