//! The configuration, by builder.

use std::time::Duration;

use crate::Error;

/// Which provider, which app, which session.
#[derive(Debug, Clone)]
pub struct Configuration {}

impl Configuration {
    /// For the app of this client id at this provider.
    pub fn builder(_issuer: &str, _client_id: &str) -> ConfigurationBuilder {
        unimplemented!()
    }
}

/// Makes a [`Configuration`].
#[derive(Debug, Clone)]
pub struct ConfigurationBuilder {}

impl ConfigurationBuilder {
    /// Where the provider sends the browser back to.
    #[must_use]
    pub fn redirect_uri(self, _uri: &str) -> Self {
        unimplemented!()
    }

    /// What to ask for.
    #[must_use]
    pub fn scopes(self, _scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        unimplemented!()
    }

    /// The pins of a host.
    #[must_use]
    pub fn pins(self, _pins: HostPins) -> Self {
        unimplemented!()
    }

    /// One more root certificate to trust, in PEM.
    #[must_use]
    pub fn extra_root_pem(self, _pem: &str) -> Self {
        unimplemented!()
    }

    /// Plain HTTP to loopback, for development.
    #[must_use]
    pub fn allow_http_on_loopback(self) -> Self {
        unimplemented!()
    }

    /// One more origin that the access token may be sent to.
    #[must_use]
    pub fn api_origin(self, _origin: &str) -> Self {
        unimplemented!()
    }

    /// Which session of the vault.
    #[must_use]
    pub fn account(self, _account: &str) -> Self {
        unimplemented!()
    }

    /// How long a connection may take.
    #[must_use]
    pub fn connect_timeout(self, _timeout: Duration) -> Self {
        unimplemented!()
    }

    /// How long a request may take.
    #[must_use]
    pub fn request_timeout(self, _timeout: Duration) -> Self {
        unimplemented!()
    }

    /// One more parameter of every authorization request.
    #[must_use]
    pub fn authorization_parameter(self, _name: &str, _value: &str) -> Self {
        unimplemented!()
    }

    /// The configuration. Errors: [`Error::Misconfigured`].
    pub fn build(self) -> Result<Configuration, Error> {
        unimplemented!()
    }
}

/// The pins of a host.
#[derive(Debug, Clone)]
pub struct HostPins {}

impl HostPins {
    /// For this host.
    pub fn new(_host: &str) -> Self {
        unimplemented!()
    }

    /// The pin in use.
    #[must_use]
    pub fn primary(self, _pin: &str) -> Self {
        unimplemented!()
    }

    /// A pin for later.
    #[must_use]
    pub fn backup(self, _pin: &str) -> Self {
        unimplemented!()
    }

    /// The day (`2027-06-01`) after which the pins no longer count.
    #[must_use]
    pub fn expires(self, _date: &str) -> Self {
        unimplemented!()
    }
}
