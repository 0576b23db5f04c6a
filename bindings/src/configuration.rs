//! The configuration, as a record.

use std::time::Duration;

use moorline::Configuration;

use crate::Vocabulary;

/// Which provider, which app, which session: all that `moorline::ConfigurationBuilder` takes.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ClientConfiguration {
    /// The caller's language, which messages use for the names of options.
    pub vocabulary: Vocabulary,
    /// The provider's issuer identifier, an `https` URL.
    pub issuer: String,
    /// The app's client id.
    pub client_id: String,
    /// The redirect URI: where the provider sends the browser back to.
    pub redirect_uri: Option<String>,
    /// The scopes to request.
    pub scopes: Vec<String>,
    /// The APIs for which the app requests tokens of their own (RFC 8707).
    pub resources: Vec<String>,
    /// The pins of each pinned host.
    pub pins: Vec<HostPins>,
    /// Further root certificates to trust, in PEM.
    pub extra_root_pems: Vec<String>,
    /// Whether plain HTTP to loopback is allowed, for development.
    pub allow_http_on_loopback: bool,
    /// Whether bearer tokens are accepted from a provider that cannot bind tokens to this device.
    pub allow_bearer: bool,
    /// Further origins that the access token may be sent to.
    pub api_origins: Vec<String>,
    /// Which session of the vault; `None` for `default`.
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
pub struct HostPins {
    /// The host's name.
    pub host: String,
    /// The pins of the keys in use.
    pub primaries: Vec<String>,
    /// Pins of keys for later; at least one.
    pub backups: Vec<String>,
    /// The day (`2027-06-01`) after which the pins are no longer checked.
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
        let mut builder = Configuration::builder(&self.issuer, &self.client_id)
            .scopes(self.scopes)
            .resources(self.resources);
        if let Some(uri) = &self.redirect_uri {
            builder = builder.redirect_uri(uri);
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
        builder = self.extra_root_pems.iter().fold(builder, |builder, pem| builder.extra_root_pem(pem));
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

impl From<HostPins> for moorline::HostPins {
    fn from(host: HostPins) -> Self {
        let mut pins = host.primaries.iter().fold(Self::new(&host.host), |pins, pin| pins.primary(pin));
        if let Some(date) = &host.expires {
            pins = pins.expires(date);
        }
        host.backups.iter().fold(pins, |pins, pin| pins.backup(pin))
    }
}
