//! Discovery documents.

use ::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::{
    Configuration,
    net::Response,
    provider::{DiscoveryError, Metadata, parse_metadata},
};

/// A document, as a provider answers it.
///
/// Nothing leads to an address that the SDK may not talk to, and what is read reads again as the same.
pub fn discovery(input: &[u8]) {
    for (issuer, on_loopback) in [("https://id.example.com", false), ("http://127.0.0.1:8080/tenant", true)] {
        let mut configuration = Configuration::builder(issuer, "notes");
        if on_loopback {
            configuration = configuration.allow_http_on_loopback();
        }
        let configuration = configuration.build().expect("it is a good configuration");
        let Ok(metadata) = read(input, &configuration) else { continue };
        assert_eq!(metadata.issuer, issuer);
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        let optional =
            [&metadata.userinfo_endpoint, &metadata.revocation_endpoint, &metadata.end_session_endpoint];
        for url in endpoints.into_iter().chain(optional.into_iter().flatten()) {
            assert!(url.scheme() == "https" || (on_loopback && url.scheme() == "http"));
            assert!(url.has_host() && url.fragment().is_none());
            assert!(url.username().is_empty() && url.password().is_none());
        }
        assert_eq!(read(document(&metadata).to_string().as_bytes(), &configuration), Ok(metadata));
    }
}

fn read(body: &[u8], configuration: &Configuration) -> Result<Metadata, DiscoveryError> {
    let answer = Response { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_vec().into() };
    let document = answer.json().ok_or_else(|| DiscoveryError::NotJson(String::new()))?;
    parse_metadata(&document, configuration)
}

fn document(metadata: &Metadata) -> Value {
    let algorithms = metadata.dpop_supported.then_some(["ES256"]);
    let text = |url: &Option<Url>| url.as_ref().map(Url::to_string);
    json!({
        "issuer": metadata.issuer,
        "authorization_endpoint": metadata.authorization_endpoint.as_str(),
        "token_endpoint": metadata.token_endpoint.as_str(),
        "jwks_uri": metadata.jwks_uri.as_str(),
        "userinfo_endpoint": text(&metadata.userinfo_endpoint),
        "revocation_endpoint": text(&metadata.revocation_endpoint),
        "end_session_endpoint": text(&metadata.end_session_endpoint),
        "dpop_signing_alg_values_supported": algorithms,
        "refresh_attempt_supported": metadata.refresh_attempt_supported,
        "authorization_response_iss_parameter_supported":
            metadata.authorization_response_iss_parameter_supported,
    })
}
