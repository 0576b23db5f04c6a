//! The claims about a user (OpenID Connect Core §5.3), at the UserInfo endpoint.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use serde::Serialize;
use serde_json::json;

use super::error::OAuthError;
use super::params::{KnownParams, is_form};
use super::provider::Provider;
use crate::access::{self, Authenticated};
use crate::accounts::users::{self, User};
use moorline_server_base::policy::Scope;
use moorline_server_store::StoreError;

/// The claims about a user that a scope allows (§5.4).
#[derive(Debug, Serialize)]
pub(super) struct Profile {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

impl Profile {
    pub(super) fn of(user: &User, scope: &Scope) -> Self {
        let profile = scope.contains("profile");
        let email = user.email.clone().filter(|_| scope.contains("email"));
        Self {
            sub: user.id.clone(),
            name: user.name.clone().filter(|_| profile),
            preferred_username: profile.then(|| user.username.clone()),
            updated_at: profile.then(|| user.updated_at.seconds()),
            email_verified: email.is_some().then_some(user.email_verified),
            email,
        }
    }
}

/// `GET` and `POST /oauth/userinfo`. A `POST` may have the token in its body (RFC 6750 §2.2).
pub(super) async fn userinfo(
    State(provider): State<Arc<Provider>>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Refusal> {
    let form = if parts.method == Method::POST && is_form(&parts.headers).is_ok() {
        KnownParams::read(&body, &[TOKEN])
    } else {
        KnownParams::default()
    };
    if let Some((_, fault)) = form.fault(|_| true) {
        return Err(access::Refusal::Malformed(fault.text()).into());
    }
    let in_form = form.value(TOKEN);
    let authenticated = provider.authenticator.authenticate_form(&parts, in_form).await?;
    let Authenticated { person, token, scheme } = authenticated;
    let scope = Scope::parse(&token.scope).unwrap_or_default();
    if !scope.contains("openid") {
        return Err(access::Refusal::InsufficientScope(scheme, "openid").into());
    }
    let actor = person.actor();
    let user = provider.store.read(&actor, move |tx| users::find_by_id(tx, &token.sub)).await?;
    let user = user.ok_or(access::Refusal::InvalidToken(scheme))?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(Profile::of(&user, &scope))).into_response())
}

const TOKEN: &str = "access_token";

/// The errors of a protected resource, in OAuth's own form.
#[derive(Debug)]
pub(super) struct Refusal(access::Refusal);

impl From<access::Refusal> for Refusal {
    fn from(refusal: access::Refusal) -> Self {
        Self(refusal)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(access::Refusal::Store(error))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(refusal) = self;
        let body = match (refusal.error(), &refusal) {
            (Some((code, description)), _) => json!({ "error": code, "error_description": description }),
            (None, access::Refusal::Store(error)) => return OAuthError::from(error.clone()).into_response(),
            (None, access::Refusal::Limited(limited)) => return OAuthError::from(*limited).into_response(),
            (None, access::Refusal::Unavailable) => return OAuthError::unavailable().into_response(),
            (None, _) => json!({}),
        };
        let mut response = (refusal.status(), [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        refusal.challenge(response.headers_mut());
        response
    }
}
