//! Headers on every answer: the request's id, and what keeps a browser from being talked into things.

use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use url::Url;

use moorline_server_base::config::{Issuer, is_loopback};

/// The id of one request, of our own making: in the log, and in `X-Request-Id` of its answer. A sender's own is
/// ignored.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Where a page's form may lead. An answer carries this as an extension; without one, nothing may be posted.
///
/// Chromium checks every redirect that follows a form post against `form-action`, so the page that posts must name
/// where the app will be returned to.
#[derive(Clone, Debug, Default)]
pub struct ContentSecurity {
    form_action: Option<String>,
}

impl ContentSecurity {
    /// The page has a form that posts to this server.
    pub fn form() -> Self {
        Self { form_action: Some("'self'".to_owned()) }
    }

    /// The page has a form that posts to this server, which may then redirect to this redirect URI.
    pub fn form_returning_to(redirect_uri: &str) -> Self {
        match Url::parse(redirect_uri).ok().and_then(|url| source_expression(&url)) {
            Some(source) => Self { form_action: Some(format!("'self' {source}")) },
            None => Self::form(),
        }
    }

    fn policy(&self) -> HeaderValue {
        let Some(form_action) = &self.form_action else { return HeaderValue::from_static(NO_FORM) };
        let policy = NO_FORM.replace("form-action 'none'", &format!("form-action {form_action}"));
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(NO_FORM))
    }
}

const NO_FORM: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; \
                       frame-ancestors 'none'; base-uri 'none'";

/// The narrowest CSP source that matches a redirect URI, or `None` if it can't be written as one.
fn source_expression(url: &Url) -> Option<String> {
    let scheme = url.scheme();
    if !matches!(scheme, "http" | "https") {
        // An app's own scheme has no host that CSP could match.
        return Some(format!("{scheme}:"));
    }
    match url.host()? {
        // CSP's grammar has no IPv6 addresses.
        url::Host::Ipv6(_) => Some(format!("{scheme}:")),
        // An app listens on whichever port it gets (RFC 8252 §7.3).
        url::Host::Ipv4(address) if address.is_loopback() => Some(format!("{scheme}://{address}:*")),
        host => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            Some(format!("{scheme}://{host}{port}"))
        }
    }
}

/// Sets what an answer did not set for itself.
pub fn security_headers(issuer: &Issuer, response: &mut Response) {
    let security = response.extensions_mut().remove::<ContentSecurity>().unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, security.policy());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for (name, value) in &POLICIES {
        headers.insert(name.clone(), value.clone());
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // It holds for every port of a host: on localhost it would lock other people's development servers out.
    if issuer.is_https() && !is_loopback(issuer.url().host()) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

static POLICIES: [(HeaderName, HeaderValue); 4] = [
    (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), \
             payment=(), usb=()",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_may_lead_to_its_redirect_uri_and_nowhere_else() {
        for (redirect_uri, expected) in [
            ("http://127.0.0.1/callback", "'self' http://127.0.0.1:*"),
            ("http://[::1]/callback", "'self' http:"),
            ("com.example.notes:/signed-in", "'self' com.example.notes:"),
            ("https://app.example.com/cb?x=1", "'self' https://app.example.com"),
            ("https://app.example.com:8443/cb", "'self' https://app.example.com:8443"),
            ("nonsense; script-src *", "'self'"),
        ] {
            let security = ContentSecurity::form_returning_to(redirect_uri);
            assert_eq!(security.form_action.as_deref(), Some(expected), "{redirect_uri}");
        }
        assert_eq!(ContentSecurity::default().policy(), NO_FORM);
        let form = ContentSecurity::form().policy();
        assert!(form.to_str().unwrap().contains("; form-action 'self'; frame-ancestors 'none';"), "{form:?}");
    }
}
