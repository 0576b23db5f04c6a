//! Pushed authorization requests (RFC 9126): the request goes to the provider first, so that the browser's URL holds
//! nothing of it.

use ::http::StatusCode;
use serde_json::{Map, Value};
use url::Url;

use super::{metadata::Metadata, token_response::read_refusal};
use crate::{dpop::refuses_proof, error::Error, net::Response};

/// What the provider made of a request that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The `request_uri` by which the browser refers to it.
    Accepted(String),
    /// This client cannot push requests; the provider accepts others.
    NotForThisClient,
}

impl Pushed {
    /// Reads the response of the endpoint (RFC 9126 §2.2 and §2.3).
    ///
    /// # Errors
    /// [`Error::Refused`] if the provider refuses the request, and [`Error::Offline`] if it said nothing usable.
    pub(super) fn read(response: &Response, metadata: &Metadata) -> Result<Self, Error> {
        let status = response.status;
        if status.is_success() {
            let uri = response.json::<Map<String, Value>>().and_then(|mut body| body.remove("request_uri"));
            if let Some(Value::String(uri)) = uri.filter(|uri| *uri != "") {
                return Ok(Self::Accepted(uri));
            }
        }
        let refusal = read_refusal(response, &[]).filter(|refusal| refusal.is_of_the_protocol());
        let not_for_this_client = match &refusal {
            Some(refusal) => NOT_FOR_THIS_CLIENT.contains(&refusal.code.as_str()) && !refuses_proof(response),
            None => NO_ENDPOINT.contains(&status),
        };
        if not_for_this_client && !metadata.requires_pushed_requests {
            return Ok(Self::NotForThisClient);
        }
        Err(refusal.map_or_else(Error::offline, Error::from))
    }
}

/// The URL for the browser (RFC 9126 §4).
pub(super) fn reference(authorization_endpoint: &Url, client_id: &str, request_uri: &str) -> Url {
    let mut url = authorization_endpoint.clone();
    url.query_pairs_mut().append_pair("client_id", client_id).append_pair("request_uri", request_uri);
    url
}

/// The provider knows the client, and wants another kind of client there.
const NOT_FOR_THIS_CLIENT: [&str; 2] = ["invalid_client", "unauthorized_client"];
/// The metadata names an endpoint that is not there.
const NO_ENDPOINT: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];
