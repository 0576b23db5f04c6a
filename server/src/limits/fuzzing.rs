//! What proxies say about where a request came from.

use std::net::{IpAddr, Ipv4Addr};

use super::address::forwarded;
use crate::fuzzing::head_and_body;

/// Header fields.
///
/// The address is the socket's, or stands in the header; and from a socket that we don't trust, it is always its own.
pub fn forwarded_for(input: &[u8]) {
    let (headers, _) = head_and_body(input);
    let (proxy, stranger) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from([203, 0, 113, 9]));
    let trusted = [proxy, IpAddr::from([10, 0, 0, 1])];
    assert_eq!(forwarded(stranger, &headers, &trusted).0, stranger);
    let address = forwarded(proxy, &headers, &trusted);
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let named = hops
        .flat_map(|value| value.split(','))
        .filter_map(|hop| hop.trim().parse::<IpAddr>().ok())
        .any(|hop| hop.to_canonical() == address.0);
    assert!(address.0 == proxy || named);
    assert!(!address.limit_key().is_empty());
}
