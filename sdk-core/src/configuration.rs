//! The configuration: a builder takes text, and `build` checks it once and for all.

mod address;
mod error;
mod pins;
mod redirect;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use url::Url;

pub(crate) use self::address::unambiguous_url;
use self::address::{check_address, check_issuer, check_origin};
pub(crate) use self::error::ConfigurationError;
pub use self::pins::HostPins;
pub(crate) use self::pins::{PinSet, SpkiHash};
use crate::error::Error;

/// Which provider, which app and which account: checked, and ready to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    issuer: String,
    issuer_url: Url,
    client_id: String,
    redirect_uri: Option<String>,
    scopes: Vec<String>,
    resources: Vec<String>,
    pins: Vec<PinSet>,
    extra_roots: Vec<CertificateDer<'static>>,
    http_on_loopback: bool,
    bearer: bool,
    api_origins: Vec<Url>,
    account: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    authorization_parameters: Vec<(String, String)>,
}

impl Configuration {
    /// Starts the configuration of the client `client_id` at the provider `issuer`. The issuer is compared character
    /// by character with the one in the provider's metadata: write it as the provider does.
    pub fn builder(issuer: &str, client_id: &str) -> ConfigurationBuilder {
        ConfigurationBuilder {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            redirect_uri: None,
            scopes: Vec::new(),
            resources: Vec::new(),
            pins: Vec::new(),
            extra_roots: Vec::new(),
            http_on_loopback: false,
            bearer: false,
            api_origins: Vec::new(),
            account: DEFAULT_ACCOUNT.to_owned(),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            authorization_parameters: Vec::new(),
        }
    }

    /// The provider's issuer identifier, exactly as it was given.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The app's client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The redirect URI, exactly as it was given.
    pub fn redirect_uri(&self) -> Option<&str> {
        self.redirect_uri.as_deref()
    }

    /// The APIs to request tokens for.
    pub(crate) fn resources(&self) -> &[String] {
        &self.resources
    }

    /// The scopes to request.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The name of the account in the vault.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The same for another account.
    pub(crate) fn with_account(&self, account: &str) -> Result<Self, ConfigurationError> {
        check_account(account)?;
        Ok(Self { account: account.to_owned(), ..self.clone() })
    }

    /// Whether `url` is of the issuer's origin or of one that was added with
    /// [`api_origin`](ConfigurationBuilder::api_origin): an access token is sent nowhere else.
    pub fn may_receive_tokens(&self, url: &Url) -> bool {
        self.check_address(url).is_ok()
            && (url.origin() == self.issuer_url.origin()
                || self.api_origins.iter().any(|allowed| allowed.origin() == url.origin()))
    }

    /// The same for the text of a URL, as an HTTP client has it. `false` for text that is no absolute URL, and for a
    /// URL whose host one client finds where another client does not: with a backslash or a percent sign in it, for
    /// example.
    pub fn may_receive_tokens_at(&self, url: &str) -> bool {
        unambiguous_url(url).is_some_and(|url| self.may_receive_tokens(&url))
    }

    /// Whether `other` is about the same account of the same app at the same provider.
    pub(crate) fn names_account_of(&self, other: &Self) -> bool {
        (&self.issuer, &self.client_id, &self.account) == (&other.issuer, &other.client_id, &other.account)
    }

    /// Whether bearer tokens are accepted if the provider cannot bind them.
    pub const fn allows_bearer(&self) -> bool {
        self.bearer
    }

    pub(crate) fn issuer_url(&self) -> &Url {
        &self.issuer_url
    }

    pub(crate) fn pins(&self) -> &[PinSet] {
        &self.pins
    }

    pub(crate) fn extra_roots(&self) -> &[CertificateDer<'static>] {
        &self.extra_roots
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(crate) const fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    pub(crate) fn authorization_parameters(&self) -> &[(String, String)] {
        &self.authorization_parameters
    }

    /// Whether the SDK may connect to `url` at all: HTTPS, or plain HTTP to loopback if that is allowed.
    pub(crate) fn check_address(&self, url: &Url) -> Result<(), ConfigurationError> {
        check_address("address", url, self.http_on_loopback)
    }
}

/// Makes a [`Configuration`]. Nothing is checked before [`build`](Self::build).
#[derive(Debug, Clone)]
pub struct ConfigurationBuilder {
    issuer: String,
    client_id: String,
    redirect_uri: Option<String>,
    scopes: Vec<String>,
    resources: Vec<String>,
    pins: Vec<HostPins>,
    extra_roots: Vec<String>,
    http_on_loopback: bool,
    bearer: bool,
    api_origins: Vec<String>,
    account: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    authorization_parameters: Vec<(String, String)>,
}

impl ConfigurationBuilder {
    /// The redirect URI: a private-use scheme such as `com.example.notes:/signed-in`, an
    /// `https` address that the app has claimed, or `http` on a loopback address (RFC 8252 §7). Needed to sign in.
    #[must_use]
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        self.redirect_uri = Some(uri.to_owned());
        self
    }

    /// The scopes to request. `openid` is always requested: without it, nobody knows who signed in.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// The APIs for which the app requests tokens of their own, each as an absolute URI without a fragment (RFC
    /// 8707 §2). They are named at the sign-in, and only these can be asked for with
    /// [`AccessTokenOptions::resource`](crate::AccessTokenOptions::resource) later.
    #[must_use]
    pub fn resources(mut self, resources: impl IntoIterator<Item: Into<String>>) -> Self {
        self.resources.extend(resources.into_iter().map(Into::into));
        self
    }

    /// The pins of one host, on top of the platform's trust. Once for each host.
    #[must_use]
    pub fn pins(mut self, pins: HostPins) -> Self {
        self.pins.push(pins);
        self
    }

    /// Trusts the certificates of this PEM text as roots, in addition to the platform's. Meant for a development CA or
    /// a company's own.
    #[must_use]
    pub fn extra_root_pem(mut self, pem: &str) -> Self {
        self.extra_roots.push(pem.to_owned());
        self
    }

    /// Allows plain HTTP to `127.0.0.1`, `[::1]` and `localhost`, for development. Nothing allows it elsewhere.
    #[must_use]
    pub const fn allow_http_on_loopback(mut self) -> Self {
        self.http_on_loopback = true;
        self
    }

    /// Accepts bearer tokens from a provider that cannot bind them to this device's key (DPoP, RFC 9449): a thief can
    /// use them. Without this, a sign-in there is [`Error::Misconfigured`]. If the provider can bind tokens, they are
    /// bound in either case.
    #[must_use]
    pub const fn allow_bearer(mut self) -> Self {
        self.bearer = true;
        self
    }

    /// One more origin (`https://api.example.com`) that the access token may be sent to. The issuer's own always may.
    #[must_use]
    pub fn api_origin(mut self, origin: &str) -> Self {
        self.api_origins.push(origin.to_owned());
        self
    }

    /// The name of the account in the vault. Default: `default`.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    /// Limit for making a connection, TLS included. Default: 10 seconds.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Limit for one request, to the last byte of its response. Default: 30 seconds.
    #[must_use]
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Adds a parameter to every authorization request, such as `audience`.
    #[must_use]
    pub fn authorization_parameter(mut self, name: &str, value: &str) -> Self {
        self.authorization_parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Misconfigured`], which names what is wrong and what to write instead.
    pub fn build(self) -> Result<Configuration, Error> {
        Ok(self.check()?)
    }

    fn check(self) -> Result<Configuration, ConfigurationError> {
        let issuer_url = check_issuer(&self.issuer, self.http_on_loopback)?;
        if self.client_id.is_empty() || !self.client_id.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            return Err(ConfigurationError::ClientId);
        }
        if let Some(uri) = &self.redirect_uri {
            check_redirect_uri(uri)?;
        }
        check_account(&self.account)?;
        if self.connect_timeout.is_zero() || self.request_timeout.is_zero() {
            return Err(ConfigurationError::ZeroTimeout);
        }
        let mut pins: Vec<PinSet> = Vec::with_capacity(self.pins.len());
        for host in self.pins {
            let set = host.check()?;
            if pins.iter().any(|other| other.host() == set.host()) {
                return Err(ConfigurationError::PinsTwice(set.host().to_owned()));
            }
            pins.push(set);
        }
        Ok(Configuration {
            scopes: check_scopes(self.scopes)?,
            resources: check_resources(self.resources)?,
            extra_roots: parse_roots(&self.extra_roots)?,
            api_origins: self
                .api_origins
                .iter()
                .map(|origin| check_origin(origin, self.http_on_loopback))
                .collect::<Result<_, _>>()?,
            authorization_parameters: check_parameters(self.authorization_parameters)?,
            issuer: self.issuer,
            issuer_url,
            client_id: self.client_id,
            redirect_uri: self.redirect_uri,
            pins,
            http_on_loopback: self.http_on_loopback,
            bearer: self.bearer,
            account: self.account,
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
        })
    }
}

/// Whether `uri` can be an app's redirect URI.
pub(crate) fn check_redirect_uri(uri: &str) -> Result<(), ConfigurationError> {
    redirect::check(uri)
}

fn check_account(account: &str) -> Result<(), ConfigurationError> {
    if account.is_empty() || account.len() > 128 || account.chars().any(char::is_control) {
        return Err(ConfigurationError::Account);
    }
    Ok(())
}

fn check_scopes(given: Vec<String>) -> Result<Vec<String>, ConfigurationError> {
    let mut scopes = vec!["openid".to_owned()];
    for scope in given {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        if scope.is_empty() || !scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err(ConfigurationError::Scope(scope));
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

fn check_resources(given: Vec<String>) -> Result<Vec<String>, ConfigurationError> {
    match given.iter().find(|resource| !is_resource(resource)) {
        Some(odd) => Err(ConfigurationError::Resource(odd.clone())),
        None => Ok(given),
    }
}

/// Whether this is a resource indicator (RFC 8707 §2).
pub(crate) fn is_resource(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.fragment().is_none())
}

fn check_parameters(given: Vec<(String, String)>) -> Result<Vec<(String, String)>, ConfigurationError> {
    for (at, (name, _)) in given.iter().enumerate() {
        if name.is_empty() || RESERVED_PARAMETERS.contains(&name.as_str()) {
            return Err(ConfigurationError::ReservedParameter(name.clone()));
        }
        if given[..at].iter().any(|(other, _)| other == name) {
            return Err(ConfigurationError::ParameterTwice(name.clone()));
        }
    }
    Ok(given)
}

fn parse_roots(texts: &[String]) -> Result<Vec<CertificateDer<'static>>, ConfigurationError> {
    let mut roots = Vec::new();
    for text in texts {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate =
                certificate.map_err(|error| ConfigurationError::ExtraRoot(error.to_string()))?;
            rustls::RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| ConfigurationError::ExtraRoot(error.to_string()))?;
            roots.push(certificate);
        }
        if roots.len() == before {
            return Err(ConfigurationError::ExtraRoot("no certificate in it".to_owned()));
        }
    }
    Ok(roots)
}

const DEFAULT_ACCOUNT: &str = "default";
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Parameters that the SDK sets itself in an authorization request, and those that would replace the request.
pub(crate) const RESERVED_PARAMETERS: [&str; 15] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];
