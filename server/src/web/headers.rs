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
/// Chromium checks every redirect that follows a form post against `form-action`. A page that leads to an app names the
/// app's scheme, which redirects no further. A web address may redirect on to anywhere, so no redirect leads there from
/// a form: a page in between does ([`super::after_form`]).
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
        match app_scheme(redirect_uri) {
            Some(scheme) => Self { form_action: Some(format!("'self' {scheme}:")) },
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

/// The scheme of a redirect URI that an app registered with its platform; `None` for a web address.
pub(super) fn app_scheme(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    (!matches!(url.scheme(), "http" | "https")).then(|| url.scheme().to_owned())
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
    fn a_form_may_lead_to_this_server_and_to_its_app_and_nowhere_else() {
        for (redirect_uri, expected) in [
            ("http://127.0.0.1/callback", "'self'"),
            ("http://[::1]/callback", "'self'"),
            ("com.example.notes:/signed-in", "'self' com.example.notes:"),
            ("https://app.example.com/cb?x=1", "'self'"),
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
