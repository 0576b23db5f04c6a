//! What the provider says about itself (OpenID Connect Discovery 1.0, RFC 8414).

use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use crate::configuration::Configuration;
use crate::error::Error;
use crate::net::{NetError, Request, Transport};

#[cfg(test)]
mod tests;

/// What the SDK needs to know of a provider, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    /// Whether the token endpoint knows Moorline's `refresh_attempt`.
    pub(crate) refresh_attempt_supported: bool,
    /// Whether every authorization response carries `iss` (RFC 9207 §3).
    pub(crate) authorization_response_iss_parameter_supported: bool,
    /// Whether tokens can be bound to a key of ours (RFC 9449 §5.1): proofs signed by ES256 are taken.
    pub(crate) dpop_supported: bool,
}

/// Why there is no metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the provider answered with status {0} when asked about itself")]
    Unavailable(u16),
    #[error(
        "{issuer} answered with status {status} to both /.well-known/openid-configuration and /.well-known/oauth-authorization-server; is this the issuer?"
    )]
    NotFound { issuer: String, status: u16 },
    #[error("what {0} says about itself is not a JSON object; is this the issuer?")]
    NotJson(String),
    #[error(
        "the provider calls itself {found:?}, and the configuration says {expected:?}; they must be the same to the letter"
    )]
    IssuerMismatch { expected: String, found: String },
    #[error("the provider's metadata has no {0}")]
    Missing(&'static str),
    #[error("the provider's {name} is unusable: {why}")]
    BadMember { name: &'static str, why: String },
    #[error("the provider does not offer PKCE with S256, and nothing less is used")]
    NoS256,
}

impl DiscoveryError {
    /// Whether it leaves open what the provider has to say about itself: an outage, a portal's page, half a document.
    const fn says_nothing(&self) -> bool {
        match self {
            Self::Net(NetError::PinMismatch(_) | NetError::Untrusted { .. } | NetError::NotAllowed(_))
            | Self::IssuerMismatch { .. }
            | Self::NoS256 => false,
            Self::Net(_)
            | Self::Unavailable(_)
            | Self::NotFound { .. }
            | Self::NotJson(_)
            | Self::Missing(_)
            | Self::BadMember { .. } => true,
        }
    }
}

impl From<DiscoveryError> for Error {
    fn from(error: DiscoveryError) -> Self {
        match error {
            DiscoveryError::Net(error) => error.into(),
            DiscoveryError::Unavailable(_) => Self::offline(),
            error => Self::Misconfigured(error.to_string()),
        }
    }
}

/// Asks the provider, by OpenID Connect's address first and by RFC 8414's where there is nothing.
pub(crate) async fn fetch(
    transport: &Transport,
    configuration: &Configuration,
) -> Result<Metadata, DiscoveryError> {
    let issuer = configuration.issuer_url();
    let mut answer = transport.send(Request::get_json(openid_address(issuer))).await?;
    if answer.status.is_client_error() && !retryable(answer.status) {
        answer = transport.send(Request::get_json(oauth_address(issuer))).await?;
    }
    let issuer = || configuration.issuer().to_owned();
    match answer.status {
        StatusCode::OK => {}
        status if retryable(status) => return Err(DiscoveryError::Unavailable(status.as_u16())),
        status => return Err(DiscoveryError::NotFound { issuer: issuer(), status: status.as_u16() }),
    }
    let document: Map<String, Value> = answer.json().ok_or_else(|| DiscoveryError::NotJson(issuer()))?;
    parse(&document, configuration)
}

/// One client's metadata, asked for again after an hour. Where the provider can't be reached then, or something else
/// answers in its place, what it said last serves on: a refresh shouldn't fail for a document that changes once in years.
#[derive(Debug, Default)]
pub(crate) struct MetadataCache {
    held: Mutex<Option<(Arc<Metadata>, Duration)>>,
}

impl MetadataCache {
    /// The metadata, from memory or from the provider. `now` is a reading of the monotonic clock. Callers at the same time
    /// share one request.
    pub(crate) async fn metadata(
        &self,
        transport: &Transport,
        configuration: &Configuration,
        now: Duration,
    ) -> Result<Arc<Metadata>, DiscoveryError> {
        let mut held = self.held.lock().await;
        if let Some((metadata, since)) = held.as_ref()
            && now.saturating_sub(*since) < LIFETIME
        {
            return Ok(metadata.clone());
        }
        match (fetch(transport, configuration).await, held.as_ref()) {
            (Ok(metadata), _) => {
                let metadata = Arc::new(metadata);
                *held = Some((metadata.clone(), now));
                Ok(metadata)
            }
            (Err(error), Some((metadata, _))) if error.says_nothing() => {
                tracing::info!(%error, "the provider's metadata of an hour ago serves on");
                Ok(metadata.clone())
            }
            (Err(error), _) => Err(error),
        }
    }
}

const LIFETIME: Duration = Duration::from_secs(3600);

pub(crate) fn parse(
    document: &Map<String, Value>,
    configuration: &Configuration,
) -> Result<Metadata, DiscoveryError> {
    let issuer = string(document, "issuer")?.ok_or(DiscoveryError::Missing("issuer"))?;
    if issuer != configuration.issuer() {
        return Err(DiscoveryError::IssuerMismatch {
            expected: configuration.issuer().to_owned(),
            found: issuer.to_owned(),
        });
    }
    // RFC 8414 §2: where the member is left out, PKCE isn't offered; but many providers leave it out and offer it.
    if let Some(methods) = strings(document, "code_challenge_methods_supported")
        && !methods.iter().any(|method| method == "S256")
    {
        return Err(DiscoveryError::NoS256);
    }
    let endpoint = |name| endpoint(document, name, configuration);
    let needed = |name| endpoint(name)?.ok_or(DiscoveryError::Missing(name));
    Ok(Metadata {
        issuer: issuer.to_owned(),
        authorization_endpoint: needed("authorization_endpoint")?,
        token_endpoint: needed("token_endpoint")?,
        jwks_uri: needed("jwks_uri")?,
        userinfo_endpoint: endpoint("userinfo_endpoint")?,
        revocation_endpoint: endpoint("revocation_endpoint")?,
        end_session_endpoint: endpoint("end_session_endpoint")?,
        refresh_attempt_supported: flag(document, "refresh_attempt_supported"),
        authorization_response_iss_parameter_supported: flag(
            document,
            "authorization_response_iss_parameter_supported",
        ),
        dpop_supported: strings(document, "dpop_signing_alg_values_supported")
            .is_some_and(|algorithms| algorithms.iter().any(|algorithm| algorithm == "ES256")),
    })
}

fn retryable(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

/// OpenID Connect Discovery §4: behind the issuer's path.
fn openid_address(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    url.set_path(&format!("{}/.well-known/openid-configuration", issuer.path().trim_end_matches('/')));
    url
}

/// RFC 8414 §3: between the issuer's host and its path.
fn oauth_address(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    url.set_path(&format!("/.well-known/oauth-authorization-server{}", issuer.path().trim_end_matches('/')));
    url
}

/// A text; `null` is the same as nothing.
fn string<'a>(
    document: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, DiscoveryError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(DiscoveryError::BadMember { name, why: "it is not a string".to_owned() }),
    }
}

fn endpoint(
    document: &Map<String, Value>,
    name: &'static str,
    configuration: &Configuration,
) -> Result<Option<Url>, DiscoveryError> {
    let Some(text) = string(document, name)? else { return Ok(None) };
    let url = Url::parse(text)
        .map_err(|error| DiscoveryError::BadMember { name, why: format!("it is not a URL ({error})") })?;
    configuration
        .check_address(&url)
        .map_err(|error| DiscoveryError::BadMember { name, why: error.to_string() })?;
    if url.fragment().is_some() {
        return Err(DiscoveryError::BadMember { name, why: "it has a fragment".to_owned() });
    }
    Ok(Some(url))
}

/// A list of texts. What has another form says nothing that we could use, and counts as absent.
fn strings(document: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let items = document.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn flag(document: &Map<String, Value>, name: &str) -> bool {
    document.get(name).and_then(Value::as_bool).unwrap_or(false)
}
