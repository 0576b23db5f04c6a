//! The address that a request came from: the socket's, or what a trusted proxy reports.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use http::HeaderMap;
use http::request::Parts;

/// The address a request came from. An extractor, filled in by [`client_address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The key to count this address by: an IPv6 subscriber owns a whole /64, so its addresses count as one.
    pub fn limit_key(&self) -> String {
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(UNKNOWN))
    }
}

/// Works the address out, for the edge to put where the extractor finds it.
pub fn client_address(request: &Request, trusted_proxies: &[IpAddr]) -> ClientAddress {
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    socket.map_or(UNKNOWN, |socket| forwarded(socket, request.headers(), trusted_proxies))
}

/// The last address of `X-Forwarded-For` that is not itself a trusted proxy; anyone can write the ones before it.
pub(super) fn forwarded(socket: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> ClientAddress {
    let mut address = socket.to_canonical();
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.iter().rev() {
        if !trusted.contains(&address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(hop) => address = hop.to_canonical(),
            Err(_) => break,
        }
    }
    ClientAddress(address)
}

/// Where a request has no socket (a test that calls the router itself), everyone shares one key.
const UNKNOWN: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(socket: &str, header: Option<&str>, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-forwarded-for", header.parse().unwrap());
        }
        let trusted: Vec<IpAddr> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        forwarded(socket.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn a_forwarded_header_is_believed_only_from_a_trusted_proxy() {
        assert_eq!(ask("203.0.113.9", Some("198.51.100.1"), &[]), "203.0.113.9");
        assert_eq!(ask("127.0.0.1", Some("198.51.100.1"), &["127.0.0.1"]), "198.51.100.1");
    }

    #[test]
    fn what_the_client_itself_wrote_into_the_header_is_ignored() {
        assert_eq!(ask("127.0.0.1", Some("8.8.8.8, 198.51.100.1"), &["127.0.0.1"]), "198.51.100.1");
        assert_eq!(
            ask("10.0.0.2", Some("8.8.8.8, 198.51.100.1, 10.0.0.1"), &["10.0.0.1", "10.0.0.2"]),
            "198.51.100.1"
        );
        assert_eq!(ask("127.0.0.1", Some("nonsense"), &["127.0.0.1"]), "127.0.0.1");
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_count_as_one() {
        let key = |text: &str| ClientAddress(text.parse().unwrap()).limit_key();
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
