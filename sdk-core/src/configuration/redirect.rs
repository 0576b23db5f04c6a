//! Redirect URIs of native apps (RFC 8252 §7).

use url::Url;

use super::{address::is_loopback, error::ConfigurationError};

/// Schemes that a browser would run or show itself, or that no app can own.
const REFUSED_SCHEMES: [&str; 10] =
    ["about", "blob", "data", "file", "filesystem", "ftp", "javascript", "view-source", "ws", "wss"];

/// Whether `given` can be an app's redirect URI.
pub(super) fn check(given: &str) -> Result<(), ConfigurationError> {
    let refused = |why| Err(ConfigurationError::RedirectUri { given: given.to_owned(), why });
    let Ok(url) = Url::parse(given) else {
        return refused("is not an absolute URI; write it as in com.example.notes:/signed-in");
    };
    if given.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refused("has white space in it");
    }
    if given.contains('#') {
        return refused("has a fragment, which RFC 6749 section 3.1.2 forbids; leave it out");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("has a user name or password; leave it out");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => {
            refused("uses http to another machine; use https, a private-use scheme, or http://127.0.0.1")
        }
        scheme if REFUSED_SCHEMES.contains(&scheme) => refused(
            "has a scheme that no app can own; use one made of your domain, as in com.example.notes:/signed-in",
        ),
        scheme => {
            if !scheme.contains('.') {
                // RFC 8252 §7.1 wants a domain's name in it, and providers refuse others; some apps live with one.
                tracing::warn!(
                    scheme,
                    "this redirect scheme names no domain, so another app may claim it too; use one such as \
                     com.example.notes"
                );
            }
            Ok(())
        }
    }
}
