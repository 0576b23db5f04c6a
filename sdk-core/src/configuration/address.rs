//! Addresses that the SDK may talk to.

use url::Url;

use super::error::ConfigurationError;

/// Whether `url` is a loopback address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

pub(super) fn check_issuer(issuer: &str, http_on_loopback: bool) -> Result<Url, ConfigurationError> {
    let url = parse_address("issuer", issuer, http_on_loopback)?;
    // OpenID Connect Discovery §3: an issuer has neither.
    let part = if issuer.contains('?') {
        "a query"
    } else if issuer.contains('#') {
        "a fragment"
    } else {
        return Ok(url);
    };
    Err(ConfigurationError::Surplus { what: "issuer", given: issuer.to_owned(), part })
}

pub(super) fn check_origin(origin: &str, http_on_loopback: bool) -> Result<Url, ConfigurationError> {
    let url = parse_address("API origin", origin, http_on_loopback)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(ConfigurationError::Surplus {
            what: "API origin",
            given: origin.to_owned(),
            part: "a path, a query or a fragment",
        });
    }
    Ok(url)
}

fn parse_address(what: &'static str, given: &str, http_on_loopback: bool) -> Result<Url, ConfigurationError> {
    let url = Url::parse(given).map_err(|error| ConfigurationError::NotAUrl {
        what,
        given: given.to_owned(),
        why: error.to_string(),
    })?;
    // `Url` is lenient about white space and missing slashes; an address that is compared as text may have neither.
    if given.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') || !given.contains("://") {
        let why = "white space, a backslash or a missing //".to_owned();
        return Err(ConfigurationError::NotAUrl { what, given: given.to_owned(), why });
    }
    check_address(what, &url, http_on_loopback)?;
    Ok(url)
}

/// Reads an absolute URL that every HTTP client reads as one of the same origin. `None` for other text: parsers differ
/// about white space, control characters, backslashes and percent signs before the path, and about an empty authority.
/// A token that is meant for the host which one parser finds would go to the host which another one finds.
pub(crate) fn unambiguous_url(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let differs = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '%');
    if authority.is_empty() || scheme.contains(differs) || authority.contains(differs) {
        return None;
    }
    Url::parse(text).ok()
}

pub(super) fn check_address(
    what: &'static str,
    url: &Url,
    http_on_loopback: bool,
) -> Result<(), ConfigurationError> {
    let encrypted = url.scheme() == "https" && url.has_host();
    let excused = url.scheme() == "http" && http_on_loopback && is_loopback(url);
    if !(encrypted || excused) {
        return Err(ConfigurationError::NotHttps { what, given: shown(url) });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigurationError::Surplus { what, given: shown(url), part: "a user name or password" });
    }
    Ok(())
}

/// Scheme, host and path: a user name, password or query may hold secrets.
fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}
