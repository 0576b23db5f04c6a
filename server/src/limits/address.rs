//! The address that a request came from: the socket's, or what a trusted proxy reports.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Once;

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use http::HeaderMap;
use http::request::Parts;

use moorline_server_base::config::{self, Network};

/// The address a request came from. `None` if only a proxy's is known: counted by that, all users would be one.
///
/// An extractor, filled in by [`client_address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// The key to count this address by: an IPv6 subscriber owns a whole /64, so its addresses count as one.
    pub fn limit_key(&self) -> Option<String> {
        self.key(64)
    }

    /// The key to count it by where many subscribers may count as one: a household mostly gets an IPv6 /56, which has
    /// 256 of the other key.
    pub fn household_key(&self) -> Option<String> {
        self.key(56)
    }

    fn key(&self, prefix: u32) -> Option<String> {
        self.0.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << (128 - prefix));
                format!("{}/{prefix}", Ipv6Addr::from_bits(network))
            }
        })
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(None)))
    }
}

/// Works the address out, for the edge to put where the extractor finds it.
pub fn client_address(request: &Request, settings: &config::Http) -> ClientAddress {
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    ClientAddress(socket.and_then(|socket| {
        // Plain HTTP is only spoken on loopback: a forwarded request is from a proxy that the settings don't name.
        let unnamed_proxy = settings.plain && settings.trusted_proxies.is_empty();
        if unnamed_proxy && request.headers().contains_key(FORWARDED_FOR) {
            warn_once(
                "requests come through a proxy that http.trusted_proxies does not name: no limit by address holds",
            );
            return None;
        }
        forwarded(socket, request.headers(), &settings.trusted_proxies)
    }))
}

/// The last address of `X-Forwarded-For` that is not itself a trusted proxy; anyone can write the ones before it.
/// `None` if a trusted proxy sent no such address.
pub(super) fn forwarded(socket: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let mut address = socket.to_canonical();
    let hops: Vec<&[u8]> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .collect();
    let mut hops = hops.iter().rev();
    while is_trusted(address) {
        let Some(hop) = hops.next() else {
            warn_once("a trusted proxy sent no X-Forwarded-For: no limit by address holds for such requests");
            return None;
        };
        let Some(hop) = parse_hop(hop) else {
            warn_once(
                "a trusted proxy sent no address in X-Forwarded-For: no limit by address holds for such requests",
            );
            return None;
        };
        address = hop;
    }
    Some(address)
}

/// One entry of `X-Forwarded-For`: an address, with a port or without. IPv6 may be in brackets, and is if it has a
/// port.
pub(super) fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
        .or_else(|| bracketed().map(IpAddr::V6))
        .map(|address| address.to_canonical())
}

/// A setting is wrong, and each request would say so again.
fn warn_once(message: &'static str) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| tracing::warn!("{message}; see \"Behind a proxy\" in docs/operations.md"));
}

const FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(socket: &str, header: Option<&str>, trusted: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(FORWARDED_FOR, header.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        forwarded(socket.parse().unwrap(), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn a_forwarded_header_is_accepted_only_from_a_trusted_proxy() {
        assert_eq!(ask("203.0.113.9", Some("198.51.100.1"), &[]).unwrap(), "203.0.113.9");
        assert_eq!(ask("203.0.113.9", Some("198.51.100.1"), &["10.0.0.0/8"]).unwrap(), "203.0.113.9");
        assert_eq!(ask("127.0.0.1", Some("198.51.100.1"), &["127.0.0.1"]).unwrap(), "198.51.100.1");
        assert_eq!(ask("10.1.2.3", Some("198.51.100.1"), &["10.0.0.0/8"]).unwrap(), "198.51.100.1");
        assert_eq!(ask("::ffff:10.1.2.3", Some("198.51.100.1"), &["10.0.0.0/8"]).unwrap(), "198.51.100.1");
    }

    #[test]
    fn what_the_client_itself_wrote_into_the_header_is_ignored() {
        let trusted = ["10.0.0.1", "10.0.0.2"];
        assert_eq!(ask("10.0.0.1", Some("8.8.8.8, 198.51.100.1"), &trusted).unwrap(), "198.51.100.1");
        assert_eq!(ask("10.0.0.1", Some("nonsense,198.51.100.1"), &trusted).unwrap(), "198.51.100.1");
        let behind_two = Some("8.8.8.8, 198.51.100.1, 10.0.0.1");
        assert_eq!(ask("10.0.0.2", behind_two, &trusted).unwrap(), "198.51.100.1");
    }

    #[test]
    fn a_proxy_may_write_ports_and_brackets() {
        for (written, address) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            (" 198.51.100.1 ", "198.51.100.1"),
        ] {
            assert_eq!(ask("10.0.0.1", Some(written), &["10.0.0.1"]).as_deref(), Some(address), "{written}");
        }
    }

    #[test]
    fn a_request_of_which_only_proxies_are_known_has_no_address() {
        for header in [
            None,
            Some(""),
            Some("unknown"),
            Some("_hidden"),
            Some("198.51.100.1, unknown"),
            Some("198.51.100"),
            Some("[198.51.100.1]"),
            Some("[2001:db8::1"),
            Some("198.51.100.1:99999"),
            Some("fe80::1%eth0"),
            Some("10.0.0.7"),
        ] {
            assert_eq!(ask("10.0.0.1", header, &["10.0.0.0/8"]), None, "{header:?}");
        }
    }

    #[test]
    fn a_proxy_that_the_settings_do_not_name_makes_no_shared_address() {
        let address = |plain, forwarded: Option<&str>| {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
            if let Some(value) = forwarded {
                request.headers_mut().insert(FORWARDED_FOR, value.parse().unwrap());
            }
            client_address(&request, &config::Http { plain, ..config::Http::default() }).limit_key()
        };
        assert_eq!(address(true, Some("198.51.100.1")), None);
        assert_eq!(address(true, None).as_deref(), Some("127.0.0.1"));
        assert_eq!(address(false, Some("198.51.100.1")).as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_count_as_one() {
        let key = |text: &str| ClientAddress(Some(text.parse().unwrap())).limit_key().unwrap();
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_eq!(key("2001:db8:1:2::1"), "2001:db8:1:2::/64");
        let household = |text: &str| ClientAddress(Some(text.parse().unwrap())).household_key().unwrap();
        assert_eq!(household("2001:db8:1:2::1"), household("2001:db8:1:ff::9"));
        assert_ne!(household("2001:db8:1:2::1"), household("2001:db8:1:102::1"));
        assert_eq!(household("2001:db8:1:2ff::1"), "2001:db8:1:200::/56");
        assert_eq!(household("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
