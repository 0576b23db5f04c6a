//! What an app may know of its person (OpenID Connect Core §5.3), in the ID token and at the UserInfo endpoint.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Serialize;

use super::access_token::{self, VerifiedAccessToken, VerifyError};
use super::error::OAuthError;
use super::scope::Scope;
use crate::access::{self, AuthContext};
use crate::identity::users::{self, User};
use crate::state::AppState;
use crate::store::{Actor, StoreError};

/// The claims about a person that a scope allows (§5.4).
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

/// `GET` and `POST /oauth/userinfo`; the token stands in the header alone.
pub(super) async fn userinfo(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    let token = access::bearer(&headers, uri.query())?;
    let verified = access_token::verify(&state, token).await?;
    let profile = profile(&state, &verified).await?.ok_or_else(Refusal::invalid_token)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(profile)).into_response())
}

/// The person's claims, or nothing when there is no such person any more.
async fn profile(state: &AppState, token: &VerifiedAccessToken) -> Result<Option<Profile>, Refusal> {
    let scope = Scope::parse(&token.scope).unwrap_or_default();
    if !scope.contains("openid") {
        return Err(Refusal::insufficient_scope());
    }
    let id = token.sub.clone();
    let actor = Actor::Person(AuthContext::from_access_token(token));
    let user = state.store.read(&actor, move |tx| users::find_by_id(tx, &id)).await?;
    Ok(user.map(|user| Profile::of(&user, &scope)))
}

/// Errors of a protected resource (RFC 6750 §3.1).
#[derive(Debug)]
pub(super) struct Refusal(Response);

impl Refusal {
    fn invalid_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "The access token is expired, revoked or malformed",
        )
    }

    fn insufficient_scope() -> Self {
        Self::new(StatusCode::FORBIDDEN, "insufficient_scope", "The access token lacks the scope openid")
    }

    fn new(status: StatusCode, code: &str, description: &str) -> Self {
        let challenge = format!(
            "Bearer realm=\"moorline\", error=\"{code}\", error_description=\"{description}\", scope=\"openid\""
        );
        let body = serde_json::json!({ "error": code, "error_description": description });
        let mut response = (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        let challenge = HeaderValue::try_from(challenge).expect("a challenge is plain ASCII");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        Self(response)
    }
}

impl From<access::Refusal> for Refusal {
    /// The challenge is the API's; the body is of OAuth's form.
    fn from(refusal: access::Refusal) -> Self {
        let body = match refusal {
            access::Refusal::Malformed(why) => {
                serde_json::json!({ "error": "invalid_request", "error_description": why })
            }
            // RFC 6750 §3.1: no error code where no token was sent.
            _ => serde_json::json!({}),
        };
        let api = refusal.into_response();
        let mut response = (api.status(), [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        let challenge = api.headers().get(WWW_AUTHENTICATE).cloned();
        response.headers_mut().extend(challenge.map(|challenge| (WWW_AUTHENTICATE, challenge)));
        Self(response)
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Store(error) => error.into(),
            _ => Self::invalid_token(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(OAuthError::from(error).into_response())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0
    }
}
