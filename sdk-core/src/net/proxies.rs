//! Which proxy a request goes through: the environment's (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) or the platform's.

use std::{env, ffi::OsString};

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// The proxies for HTTPS, by the rules that the HTTP client follows.
#[derive(Debug)]
pub struct Proxies {
    matcher: Matcher,
    /// No proxy at all is to be used.
    pub none: bool,
    /// Why none can be used although one was set.
    unusable: Option<String>,
}

impl Proxies {
    /// Reads the environment, or what the platform says.
    pub fn of_the_system() -> Self {
        Self::read(|name| env::var_os(name))
    }

    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let first = |names: [&'static str; 2]| {
            names
                .into_iter()
                .find_map(|name| Some((name, variable(name)?)))
                .filter(|(_, value)| !value.is_empty())
        };
        // The HTTP client reads `*` as "every name" and goes on to use the proxy for addresses.
        let excluded = first(["NO_PROXY", "no_proxy"]);
        let none = excluded.is_some_and(|(_, list)| list.to_string_lossy().split(',').any(|entry| entry.trim() == "*"))
            // Any client of a CGI program could set `HTTP_PROXY`, by a header: no variable counts there.
            || variable("REQUEST_METHOD").is_some();
        let set = [first(["HTTPS_PROXY", "https_proxy"]), first(["ALL_PROXY", "all_proxy"])];
        let is_usable = |value: &OsString| value.to_str().and_then(proxy_authority).is_some();
        let unusable = set.into_iter().flatten().find(|(_, value)| !is_usable(value)).map(|(name, _)| {
            format!(
                "the proxy that {name} names cannot be used; write an address such as http://proxy.example.com:8080 \
                 (http, https, socks4, socks4a, socks5 or socks5h), or unset {name}"
            )
        });
        Self { matcher: Matcher::from_system(), none, unusable: unusable.filter(|_| !none) }
    }

    /// Why a request to `url` must not be sent: without the proxy, it would go another way than the user wants.
    pub fn refusal(&self, url: &Url) -> Option<&str> {
        self.unusable.as_deref().filter(|_| url.scheme() == "https")
    }

    /// The proxy's host and port for a request to `url`, without its password.
    pub fn of(&self, url: &Url) -> Option<String> {
        if self.none || url.scheme() != "https" {
            return None;
        }
        let found = self.matcher.intercept(&url.as_str().parse().ok()?)?;
        Some(without_user(found.uri().authority()?))
    }
}

/// The host and port of a proxy's address, if the HTTP client would use it. What it cannot read, it ignores.
pub(super) fn proxy_authority(address: &str) -> Option<String> {
    // A password with `@`, `/`, `?` or `#` has to be percent-encoded. Otherwise a part of it would be taken for the
    // host, and shown as that.
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.matches('@').count() > 1 || rest.matches('@').count() > authority.matches('@').count() {
        return None;
    }
    let matcher = Matcher::builder().https(address).build();
    let found = matcher.intercept(&http::Uri::from_static("https://id.example.com/"))?;
    let authority = found.uri().authority().filter(|authority| has_port_or_none(authority))?;
    Some(without_user(authority))
}

fn without_user(authority: &http::uri::Authority) -> String {
    authority.as_str().rsplit('@').next().unwrap_or_default().to_owned()
}

/// Whether there is a host, and its port, if it is named, is one: the HTTP client would take what is none for a part of
/// the name, or leave it out.
fn has_port_or_none(authority: &http::uri::Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    !authority.host().is_empty()
        && (port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| port.parse().is_ok_and(|port: u16| port > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Proxies {
        Proxies::read(|name| {
            let found = variables.iter().find(|(other, _)| *other == name)?;
            Some(found.1.into())
        })
    }

    #[test]
    fn a_proxy_that_is_set_and_cannot_be_used_stops_https_and_its_password_is_not_shown() {
        let (https, http) =
            ("https://id.example.com/".parse().unwrap(), "http://127.0.0.1/".parse().unwrap());
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            for address in [
                "ftp://ada:secret@proxy.example.com",
                "http://ada:secret@[::1",
                "ada secret",
                "::",
                "http://",
                "http://ada:sec@secret@proxy.example.com",
                "socks5://ada:sec@secret@proxy.example.com",
                "http://ada:secret/more@proxy.example.com",
                "ada:secret?more@proxy.example.com",
                "http://ada:secret#more@proxy.example.com",
                "http://ada:secret@127.0.0.1:99999",
                "ada:secret@[::1]:65536",
                "socks5://ada:secret@proxy.example.com:0",
                "http://ada:secret@proxy.example.com:8o80",
                "http://ada:secret@:8080",
            ] {
                let proxies = of(&[(name, address)]);
                let refusal = proxies.refusal(&https).unwrap_or_else(|| panic!("{address}"));
                assert!(refusal.contains(name) && !refusal.contains("secret"), "{refusal}");
                assert_eq!(proxies.refusal(&http), None, "plain HTTP goes straight");
                assert_eq!(of(&[(name, address), ("NO_PROXY", "a.example, *")]).refusal(&https), None);
                assert_eq!(of(&[(name, address), ("REQUEST_METHOD", "GET")]).refusal(&https), None);
            }
            for address in [
                "",
                "http://proxy.example.com:8080",
                "proxy.example.com:8080",
                "socks5h://[::1]:1080",
                "https://[::1]",
                "proxy.example.com:65535",
                "http://ada:sec%40ret@proxy.example.com/",
            ] {
                assert_eq!(of(&[(name, address)]).refusal(&https), None, "{address}");
            }
        }
        assert_eq!(of(&[]).refusal(&https), None);
    }

    #[test]
    fn no_proxy_of_a_star_means_every_host() {
        for (list, none) in
            [("*", true), ("a.example,*", true), (" * ", true), ("*.example", false), ("", false)]
        {
            assert_eq!(of(&[("NO_PROXY", list)]).none, none, "{list}");
            assert_eq!(of(&[("no_proxy", list)]).none, none, "{list}");
        }
    }
}
