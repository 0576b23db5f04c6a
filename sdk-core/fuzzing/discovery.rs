//! Discovery documents.

use ::http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::{
    Configuration,
    net::Response,
    provider::{Metadata, StoredProvider, discovery_error::DiscoveryError},
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
        let optional = [&metadata.userinfo_endpoint, &metadata.revocation_endpoint];
        for url in endpoints.into_iter().chain(optional.into_iter().flatten()) {
            assert!(url.scheme() == "https" || (on_loopback && url.scheme() == "http"));
            assert!(url.has_host() && url.fragment().is_none());
            assert!(url.username().is_empty() && url.password().is_none());
        }
        assert_eq!(Metadata::parse(&metadata.to_document(), &configuration), Ok(metadata.clone()));
        let printed = Value::Object(metadata.to_document()).to_string();
        assert_eq!(read(printed.as_bytes(), &configuration), Ok(metadata));
    }
}

fn read(body: &[u8], configuration: &Configuration) -> Result<Metadata, DiscoveryError> {
    let answer = Response { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_vec().into() };
    let document = answer.json().ok_or(DiscoveryError::Missing("document"))?;
    Metadata::parse(&document, configuration)
}

/// What a vault holds of a provider, from anybody.
///
/// Only what the provider itself could have said is taken in, under its own name, and it is stored again as the same.
pub fn stored_provider(input: &[u8]) {
    let Ok(stored) = serde_json::from_slice::<StoredProvider>(input) else { return };
    for issuer in ["https://id.example.com", "https://other.example.com"] {
        let configuration =
            Configuration::builder(issuer, "notes").build().expect("it is a good configuration");
        let Some(Ok((metadata, keys))) = stored.read(&configuration) else { continue };
        assert_eq!(metadata.issuer, issuer);
        for url in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri] {
            assert_eq!(url.scheme(), "https");
        }
        let Some(again) = StoredProvider::of(&metadata, 7, keys.as_ref().map(|keys| (keys, 7))) else {
            continue;
        };
        let (same, same_keys) =
            again.read(&configuration).expect("it is this issuer's").expect("it was read before");
        assert_eq!(same, metadata);
        assert!(same_keys.is_none() || same_keys == keys);
    }
}
