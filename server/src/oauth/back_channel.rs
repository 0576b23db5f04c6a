//! The first steps of each request to the back channel: the limit, the parameters, the client's credentials, and the
//! DPoP proof.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, FromRequestParts as _, Request};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Uri};

use super::client_auth::Credentials;
use super::error::OAuthError;
use super::params::{Params, ParamsError};
use super::proof::Presented;
use super::provider::Provider;
use crate::limits::{ClientAddress, Limit};
use moorline_server_dpop::TOKEN_ENDPOINT;

/// A request to the back channel, read; the client is not authenticated yet.
pub(super) struct BackChannel {
    pub(super) headers: HeaderMap,
    pub(super) params: Params,
    pub(super) credentials: Credentials,
    pub(super) proof: Presented,
}

impl<S> FromRequest<S> for BackChannel
where
    Arc<Provider>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let provider = Arc::<Provider>::from_ref(state);
        let (mut parts, body) = request.into_parts();
        let Ok(address) = ClientAddress::from_request_parts(&mut parts, state).await;
        let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
        let refuse = |error: OAuthError| error.into_response();
        provider
            .limits
            .check_address(Limit::TokenAddress, address)
            .await
            .map_err(|limited| refuse(limited.into()))?;
        let body = Bytes::from_request(Request::from_parts(parts, body), state).await;
        let body = body.map_err(|rejection| rejection.into_response())?;
        let params = body_params(&uri, &headers, &body).map_err(refuse)?;
        let credentials = Credentials::read(&headers, &params).map_err(refuse)?;
        // Off the writer's thread, and before any transaction: a signature to check is most of its cost.
        let checked = if is_refresh(&uri, &params) {
            provider.dpop.check_refresh(&headers, &method)
        } else {
            provider.dpop.check(&headers, &method, uri.path(), None)
        };
        Ok(Self { headers, params, credentials, proof: Presented::new(checked) })
    }
}

/// Whether the token endpoint will take the request for a refresh: only then may the nonce of its proof be old.
fn is_refresh(uri: &Uri, params: &Params) -> bool {
    uri.path() == TOKEN_ENDPOINT && params.value("grant_type") == Some("refresh_token")
}

/// The parameters of a back-channel request are in its body; a secret in the address would end up in logs.
fn body_params(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Params, OAuthError> {
    if uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(OAuthError::invalid_request("Send the parameters in the body, not in the address."));
    }
    Ok(Params::form(headers, body)?)
}

impl From<ParamsError> for OAuthError {
    fn from(error: ParamsError) -> Self {
        Self::invalid_request(error.text())
    }
}
