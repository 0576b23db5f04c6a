//! The `Host` of a request, which hyper lets pass as it is: a proxy in front may read a wrong one otherwise than this
//! server does.

use axum::extract::Request;
use http::Version;
use http::header::HOST;
use http::uri::Authority;

/// Whether the request names one host, by the grammar (RFC 9112 §3.2).
pub(super) fn has_one_host(request: &Request) -> bool {
    let (version, mut hosts) = (request.version(), request.headers().get_all(HOST).iter());
    if version > Version::HTTP_11 {
        return true;
    }
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// `uri-host [ ":" port ]`. Empty is allowed: for an address that has no host.
fn is_host(value: &[u8]) -> bool {
    if value.is_empty() {
        return true;
    }
    let Ok(authority) = Authority::try_from(value) else { return false };
    let port = authority.as_str().strip_prefix(authority.host());
    port.is_some_and(|port| port.is_empty() || port == ":" || authority.port_u16().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(version: Version, headers: &[(&str, &str)]) -> Request {
        let mut request = http::Request::builder().version(version).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_a_port() {
        for host in
            ["id.example.com", "id.example.com:8443", "ID.example:", "127.0.0.1", "[::1]", "[::1]:443", ""]
        {
            assert!(has_one_host(&request(Version::HTTP_11, &[("host", host)])), "{host:?}");
        }
        for host in ["a b", "a/b", "a, b", "user@a", "a:b", "a:99999", "a:1:2", "[::1", "a\\b", "a?b", "a#b"]
        {
            assert!(!has_one_host(&request(Version::HTTP_11, &[("host", host)])), "{host:?}");
            assert!(!has_one_host(&request(Version::HTTP_10, &[("host", host)])), "{host:?}");
        }
    }

    #[test]
    fn there_is_one_host_in_http_1_1_and_none_need_be_elsewhere() {
        let twice = [("host", "a"), ("host", "a")];
        for (version, headers, expected) in [
            (Version::HTTP_11, &[][..], false),
            (Version::HTTP_11, &twice, false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &twice, false),
            (Version::HTTP_2, &[], true),
        ] {
            assert_eq!(has_one_host(&request(version, headers)), expected, "{version:?} {headers:?}");
        }
    }
}
