//! `POST /oauth/token` (RFC 6749 §3.2).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::back_channel::BackChannel;
use super::error::{Code, OAuthError};
use super::provider::Provider;
use super::{code, refresh};

pub(super) async fn token(
    State(provider): State<Arc<Provider>>,
    BackChannel { headers, params, credentials, proof }: BackChannel,
) -> Result<Response, OAuthError> {
    let answer = match params.value("grant_type") {
        Some("refresh_token") => {
            let request = refresh::Request::read(&headers, &params)?;
            refresh::refresh(&provider, credentials, proof, request).await?
        }
        Some("authorization_code") => {
            code::exchange(&provider, credentials, proof, code::Request::read(&params)?).await?
        }
        Some(_) => {
            return Err(OAuthError::new(Code::UnsupportedGrantType, "This grant type is not supported."));
        }
        None => return Err(OAuthError::invalid_request("grant_type is missing.")),
    };
    Ok(answer.into_response())
}
