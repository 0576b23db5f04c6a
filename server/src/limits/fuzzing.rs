//! What proxies say about where a request came from.

use std::net::{IpAddr, Ipv4Addr};

use moorline_server_base::config::Network;

use super::address::{forwarded, parse_hop};
use crate::fuzzing::head_and_body;

/// Header fields.
///
/// From a socket that we don't trust, the address is always the socket's. From one that we trust, it is in the header
/// and no trusted one, or there is none.
pub fn forwarded_for(input: &[u8]) {
    let (headers, _) = head_and_body(input);
    let (proxy, stranger) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from([203, 0, 113, 9]));
    let trusted: [Network; 2] =
        ["127.0.0.1", "10.0.0.0/8"].map(|network| network.parse().expect("it is one"));
    assert_eq!(forwarded(stranger, &headers, &trusted), Some(stranger));
    let Some(address) = forwarded(proxy, &headers, &trusted) else { return };
    let mut hops = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    assert!(hops.any(|hop| parse_hop(hop) == Some(address)));
    assert!(!trusted.iter().any(|network| network.contains(address)));
}
