//! Asks a provider about itself (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).

use std::time::SystemTime;

use ::http::{StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use super::{
    discovery_error::{Answer, Attempt, DiscoveryError},
    metadata::Metadata,
};
use crate::{
    configuration::Configuration,
    net::{NetError, Request, Response, Transport, wait_asked},
};

/// Asks the provider, by OpenID Connect's address first and by RFC 8414's if there is nothing. `now` is the device's
/// time.
pub(crate) async fn fetch(
    transport: &Transport,
    configuration: &Configuration,
    now: SystemTime,
) -> Result<Metadata, DiscoveryError> {
    let issuer = configuration.issuer_url();
    let mut attempts = Vec::new();
    for address in [openid_address(issuer), oauth_address(issuer)] {
        let response = transport.send(Request::get_json(address.clone())).await?;
        match read(&response, now)? {
            Ok(document) => return Metadata::parse(&document, configuration),
            Err(answer) => attempts.push(Attempt { address, answer }),
        }
        if !may_be_elsewhere(response.status) {
            break;
        }
    }
    Err(DiscoveryError::NoDocument { issuer: configuration.issuer().to_owned(), attempts })
}

/// The document in a response, or what came instead.
fn read(response: &Response, now: SystemTime) -> Result<Result<Map<String, Value>, Answer>, NetError> {
    let status = response.status;
    if let Some(wait) = wait_asked(status, &response.headers, now) {
        return Err(NetError::RateLimited(wait));
    }
    if status == StatusCode::OK {
        return Ok(response.json().ok_or(Answer::NotJson));
    }
    let target = response.header(&header::LOCATION).filter(|_| status.is_redirection());
    Ok(Err(match target {
        Some(target) => Answer::Redirect(status.as_u16(), origin_of(target)),
        None => Answer::Status(status.as_u16()),
    }))
}

/// The rest of an address may say more than a log should.
fn origin_of(target: &str) -> String {
    Url::parse(target).map_or_else(|_| "another path".to_owned(), |url| url.origin().ascii_serialization())
}

/// Whether the other address may be worth a request: this one knows nothing, or serves a web site at every path.
fn may_be_elsewhere(status: StatusCode) -> bool {
    status == StatusCode::OK
        || status.is_client_error()
            && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
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

#[cfg(test)]
mod tests;
