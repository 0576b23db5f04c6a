//! What the provider says about itself (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).

use serde_json::{Map, Value, json};
use url::Url;

use super::discovery_error::DiscoveryError;
use crate::{configuration::Configuration, crypto::Algorithm};

/// What the SDK needs to know of a provider, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) revocation_endpoint: Option<Url>,
    /// OpenID Connect RP-Initiated Logout 1.0 §2.1.
    pub(crate) end_session_endpoint: Option<Url>,
    /// RFC 8628 §4.
    pub(crate) device_authorization_endpoint: Option<Url>,
    /// RFC 9126 §5.
    pub(crate) pushed_authorization_request_endpoint: Option<Url>,
    /// Whether authorization requests have to be pushed (RFC 9126 §5).
    pub(crate) requires_pushed_requests: bool,
    /// The names of the algorithms that ID tokens are signed with, or `None` if the provider does not say.
    pub(crate) id_token_algorithms: Option<Vec<String>>,
    /// Whether the token endpoint knows Moorline's `refresh_attempt`.
    pub(crate) refresh_attempt_supported: bool,
    /// Whether every authorization response carries `iss` (RFC 9207 §3).
    pub(crate) authorization_response_iss_parameter_supported: bool,
    /// Whether tokens can be bound to a key of ours (RFC 9449 §5.1): proofs signed by ES256 are accepted.
    pub(crate) dpop_supported: bool,
}

impl Metadata {
    /// Reads a document. What is optional and unusable counts as absent.
    pub(crate) fn parse(
        document: &Map<String, Value>,
        configuration: &Configuration,
    ) -> Result<Self, DiscoveryError> {
        let issuer = needed_text(document, "issuer")?;
        if issuer != configuration.issuer() {
            return Err(of_another_issuer(document, configuration, issuer));
        }
        // RFC 8414 §2: where the member is left out, PKCE isn't offered; but many providers leave it out and offer
        // it.
        if let Some(methods) = texts(document, "code_challenge_methods_supported")
            && !methods.iter().any(|method| method == "S256")
        {
            return Err(DiscoveryError::NoS256);
        }
        let needed = |name| {
            let text = needed_text(document, name)?;
            endpoint(text, configuration).map_err(|why| DiscoveryError::BadMember { name, why })
        };
        let optional = |name| optional_endpoint(document, name, configuration);
        let algorithms = texts(document, "id_token_signing_alg_values_supported");
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: needed("authorization_endpoint")?,
            token_endpoint: needed("token_endpoint")?,
            jwks_uri: needed("jwks_uri")?,
            userinfo_endpoint: optional("userinfo_endpoint"),
            revocation_endpoint: optional("revocation_endpoint"),
            end_session_endpoint: optional("end_session_endpoint"),
            device_authorization_endpoint: optional("device_authorization_endpoint"),
            pushed_authorization_request_endpoint: optional("pushed_authorization_request_endpoint"),
            requires_pushed_requests: flag(document, "require_pushed_authorization_requests"),
            id_token_algorithms: algorithms.filter(|algorithms| !algorithms.is_empty()),
            refresh_attempt_supported: flag(document, "refresh_attempt_supported"),
            authorization_response_iss_parameter_supported: flag(
                document,
                "authorization_response_iss_parameter_supported",
            ),
            dpop_supported: texts(document, "dpop_signing_alg_values_supported")
                .is_some_and(|algorithms| algorithms.iter().any(|algorithm| algorithm == "ES256")),
        })
    }

    /// The document, reduced to what is read of it: it reads as the same again.
    pub(crate) fn to_document(&self) -> Map<String, Value> {
        let document = json!({
            "issuer": self.issuer,
            "authorization_endpoint": self.authorization_endpoint.as_str(),
            "token_endpoint": self.token_endpoint.as_str(),
            "jwks_uri": self.jwks_uri.as_str(),
            "userinfo_endpoint": self.userinfo_endpoint.as_ref().map(Url::as_str),
            "revocation_endpoint": self.revocation_endpoint.as_ref().map(Url::as_str),
            "end_session_endpoint": self.end_session_endpoint.as_ref().map(Url::as_str),
            "device_authorization_endpoint": self.device_authorization_endpoint.as_ref().map(Url::as_str),
            "pushed_authorization_request_endpoint":
                self.pushed_authorization_request_endpoint.as_ref().map(Url::as_str),
            "require_pushed_authorization_requests": self.requires_pushed_requests.then_some(true),
            "id_token_signing_alg_values_supported": self.id_token_algorithms,
            "dpop_signing_alg_values_supported": self.dpop_supported.then_some(["ES256"]),
            "refresh_attempt_supported": self.refresh_attempt_supported,
            "authorization_response_iss_parameter_supported": self.authorization_response_iss_parameter_supported,
        });
        let Value::Object(mut document) = document else { return Map::new() };
        document.retain(|_, value| !value.is_null());
        document
    }

    /// Whether the provider signs ID tokens with this algorithm, as far as it says so.
    pub(crate) fn signs_id_tokens_with(&self, algorithm: Algorithm) -> bool {
        self.id_token_algorithms
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| Algorithm::named(name) == Some(algorithm)))
    }

    /// The algorithms that the provider signs ID tokens with, if the SDK can verify none of them.
    pub(crate) fn unverifiable_algorithms(&self) -> Option<String> {
        let names = self.id_token_algorithms.as_ref()?;
        names.iter().all(|name| Algorithm::named(name).is_none()).then(|| names.join(", "))
    }
}

/// A document of another issuer counts as a provider's only if it is complete: anything else may be a captive
/// portal's.
fn of_another_issuer(
    document: &Map<String, Value>,
    configuration: &Configuration,
    found: &str,
) -> DiscoveryError {
    let found = found.to_owned();
    let is_whole = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
        .iter()
        .all(|name| needed_text(document, name).is_ok_and(|text| Url::parse(text).is_ok()));
    if is_whole {
        DiscoveryError::IssuerMismatch { expected: configuration.issuer().to_owned(), found }
    } else {
        DiscoveryError::PartOfAnother { found }
    }
}

fn needed_text<'a>(document: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, DiscoveryError> {
    match document.get(name) {
        None | Some(Value::Null) => Err(DiscoveryError::Missing(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(DiscoveryError::BadMember { name, why: "it is not a string".to_owned() }),
    }
}

fn endpoint(text: &str, configuration: &Configuration) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is not a URL ({error})"))?;
    configuration.check_address(&url).map_err(|error| error.to_string())?;
    if url.fragment().is_some() {
        return Err("it has a fragment".to_owned());
    }
    Ok(url)
}

/// An endpoint that the SDK can do without.
fn optional_endpoint(
    document: &Map<String, Value>,
    name: &'static str,
    configuration: &Configuration,
) -> Option<Url> {
    let why = match document.get(name)? {
        Value::Null => return None,
        Value::String(text) => match endpoint(text, configuration) {
            Ok(url) => return Some(url),
            Err(why) => why,
        },
        _ => "it is not a string".to_owned(),
    };
    tracing::warn!(
        name,
        why,
        "an optional endpoint in the provider's metadata is unusable; it counts as absent"
    );
    None
}

/// A list of texts. What has another form says nothing that we could use, and counts as absent.
fn texts(document: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let items = document.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn flag(document: &Map<String, Value>, name: &str) -> bool {
    document.get(name).and_then(Value::as_bool).unwrap_or(false)
}
