//! Headers on every answer: the request's id, and what keeps a browser from being talked into things.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use url::Url;

use crate::config::is_loopback;
use crate::state::AppState;

/// The id of one request: in the log, and in `X-Request-Id` of its answer.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// A layer that gives each request an id of our own making; a sender's is not believed.
pub(super) async fn request_id(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = state.random.id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let value = HeaderValue::try_from(id).expect("an id is base64url");
    response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    response
}

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

    fn policy(&self) -> String {
        let form_action = self.form_action.as_deref().unwrap_or("'none'");
        format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action {form_action}; \
             frame-ancestors 'none'; base-uri 'none'"
        )
    }
}

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

/// A layer that sets what an answer did not set for itself.
pub(super) async fn security_headers(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let security = response.extensions_mut().remove::<ContentSecurity>().unwrap_or_default();
    let policy = HeaderValue::try_from(security.policy()).unwrap_or_else(|_| {
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for (name, value) in &POLICIES {
        headers.insert(name.clone(), value.clone());
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // It holds for every port of a host: on localhost it would lock other people's development servers out.
    let issuer = &state.config.issuer;
    if issuer.is_https() && !is_loopback(issuer.url().host()) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
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
        assert!(ContentSecurity::default().policy().contains("form-action 'none'"));
    }
}
