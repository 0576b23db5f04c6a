//! `POST /oauth/token` (RFC 6749 §3.2).

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::back_channel::BackChannel;
use super::error::{Code, OAuthError};
use super::params::Params;
use super::scope::Scope;
use super::{code, refresh};
use crate::state::AppState;

pub(super) async fn token(
    State(state): State<AppState>,
    BackChannel { headers, params, credentials, proof }: BackChannel,
) -> Result<Response, OAuthError> {
    let answer = match params.value("grant_type") {
        Some("refresh_token") => {
            let request = refresh::Request::read(&headers, &params)?;
            refresh::refresh(&state, credentials, proof, request).await?
        }
        Some("authorization_code") => {
            code::exchange(&state, credentials, proof, code::Request::read(&params)?).await?
        }
        Some(_) => {
            return Err(OAuthError::new(Code::UnsupportedGrantType, "This grant type is not supported."));
        }
        None => return Err(OAuthError::invalid_request("grant_type is missing.")),
    };
    Ok(answer.into_response())
}

/// What a token request wants of the access token, beyond its default.
#[derive(Debug)]
pub(super) struct Wish {
    scope: Option<Option<Scope>>,
    resource: Option<String>,
}

impl Wish {
    pub(super) fn read(params: &Params) -> Self {
        Self {
            scope: params.value("scope").map(|text| Scope::parse(text).ok()),
            resource: params.value("resource").map(str::to_owned),
        }
    }

    /// Whether an ID token is asked for by name: a refresh signs one only then.
    pub(super) fn names_openid(&self) -> bool {
        matches!(&self.scope, Some(Some(scope)) if scope.contains("openid"))
    }

    /// The scope to answer with: what was asked for, if it lies within `ceiling`, or all of that.
    pub(super) fn within(&self, ceiling: &Scope, api: &str) -> Result<Scope, OAuthError> {
        if self.resource.as_deref().is_some_and(|resource| resource != api) {
            return Err(OAuthError::new(Code::InvalidTarget, "There is no such resource here."));
        }
        match &self.scope {
            None => Ok(ceiling.clone()),
            Some(Some(scope)) if !scope.is_empty() && scope.is_within(ceiling) => Ok(scope.clone()),
            Some(_) => {
                Err(OAuthError::new(Code::InvalidScope, "The scope is malformed or goes beyond the grant."))
            }
        }
    }
}
