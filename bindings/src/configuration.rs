//! The configuration, as a record.

use std::time::Duration;

use moorline::{Configuration, HostPins};

/// Which provider, which app, which session: all that `moorline::ConfigurationBuilder` takes.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ClientConfiguration {
    /// The provider's issuer identifier, an `https` URL.
    pub issuer: String,
    /// The app's name at the provider.
    pub client_id: String,
    /// Where the provider sends the browser back to.
    pub redirect_uri: Option<String>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// The pins of the hosts that have any.
    pub pins: Vec<PinnedHost>,
    /// One more root certificate to trust, in PEM.
    pub extra_root_pem: Option<String>,
    /// Whether plain HTTP to loopback is fine, for development.
    pub allow_http_on_loopback: bool,
    /// Whether bearer tokens are fine where the provider can't bind them to this device.
    pub allow_bearer: bool,
    /// Further origins that the access token may be sent to.
    pub api_origins: Vec<String>,
    /// Which session of the vault; nothing for `default`.
    pub account: Option<String>,
    /// How long a connection may take.
    pub connect_timeout: Option<Duration>,
    /// How long a request may take.
    pub request_timeout: Option<Duration>,
    /// Further parameters of every authorization request.
    pub authorization_parameters: Vec<Parameter>,
}

/// The pins of one host, each `sha256/` and the base64 of a public key's SHA-256.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PinnedHost {
    /// The host's name.
    pub host: String,
    /// The pin in use.
    pub primary: Option<String>,
    /// Pins for later; at least one.
    pub backups: Vec<String>,
    /// The day (`2027-06-01`) after which the pins no longer count.
    pub expires: Option<String>,
}

/// A name and its value.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Parameter {
    /// The parameter's name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl ClientConfiguration {
    pub(crate) fn build(self) -> Result<Configuration, moorline::Error> {
        let mut builder = Configuration::builder(&self.issuer, &self.client_id).scopes(self.scopes);
        if let Some(uri) = &self.redirect_uri {
            builder = builder.redirect_uri(uri);
        }
        if let Some(pem) = &self.extra_root_pem {
            builder = builder.extra_root_pem(pem);
        }
        if self.allow_http_on_loopback {
            builder = builder.allow_http_on_loopback();
        }
        if self.allow_bearer {
            builder = builder.allow_bearer();
        }
        if let Some(account) = &self.account {
            builder = builder.account(account);
        }
        if let Some(timeout) = self.connect_timeout {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(timeout) = self.request_timeout {
            builder = builder.request_timeout(timeout);
        }
        builder = self.pins.into_iter().fold(builder, |builder, host| builder.pins(host.into()));
        builder = self.api_origins.iter().fold(builder, |builder, origin| builder.api_origin(origin));
        self.authorization_parameters
            .iter()
            .fold(builder, |builder, parameter| {
                builder.authorization_parameter(&parameter.name, &parameter.value)
            })
            .build()
    }
}

impl From<PinnedHost> for HostPins {
    fn from(host: PinnedHost) -> Self {
        let mut pins = Self::new(&host.host);
        if let Some(pin) = &host.primary {
            pins = pins.primary(pin);
        }
        if let Some(date) = &host.expires {
            pins = pins.expires(date);
        }
        host.backups.iter().fold(pins, |pins, pin| pins.backup(pin))
    }
}
