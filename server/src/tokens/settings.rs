//! The lifetimes of tokens and sessions, and the names of the issuer and its API.

use std::time::Duration;

use moorline_server_base::config::Config;

/// Who issues what for how long, derived from the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer identifier (RFC 8414 §2), without a trailing slash.
    pub issuer: String,
    /// The identifier of our resource API: the audience of access tokens, and the one `resource` (RFC 8707) accepted.
    pub api: String,
    /// How long an access token lives.
    pub access_token_lifetime: Duration,
    /// How long an ID token lives.
    pub id_token_lifetime: Duration,
    /// How long an authorization code may wait to be used.
    pub code_lifetime: Duration,
    /// How long a user has from the authorization request to its end.
    pub request_lifetime: Duration,
    /// A session expires when it was not refreshed for this long.
    pub session_idle_lifetime: Duration,
    /// A session expires this long after sign-in, even if it is in use.
    pub session_absolute_lifetime: Duration,
    /// For how long a bearer client without an attempt key may ask again for an answer that it lost; zero is the
    /// default.
    pub rotation_grace: Duration,
    /// How many rotations a minute one session may make; `None` when limits are off.
    pub rotations_per_minute: Option<u32>,
}

impl Settings {
    /// What `config` says, in the units that the endpoints use.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let tokens = &config.tokens;
        Self {
            issuer: config.issuer.as_str().to_owned(),
            api: config.api_identifier(),
            access_token_lifetime: tokens.access_lifetime.as_duration(),
            id_token_lifetime: tokens.id_lifetime.as_duration(),
            code_lifetime: tokens.code_lifetime.as_duration(),
            request_lifetime: tokens.authorization_lifetime.as_duration(),
            session_idle_lifetime: tokens.session_idle.as_duration(),
            session_absolute_lifetime: tokens.session_absolute.as_duration(),
            rotation_grace: tokens.rotation_grace.as_duration(),
            rotations_per_minute: config.limits.enabled.then_some(config.limits.rotation_per_session),
        }
    }
}
