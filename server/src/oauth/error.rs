//! Errors in OAuth's own form (RFC 6749 §5.2).

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::limits::Limited;
use moorline_server_keys::JwsError;
use moorline_server_store::StoreError;

/// An error response of the back channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OAuthError {
    code: Code,
    description: &'static str,
    /// `superseded`: the token is old, the session alive.
    reason: Option<&'static str>,
    retry_after: Option<Duration>,
}

/// The error codes of RFC 6749 §5.2, 6750, 8707 and 9449, and the HTTP status of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    InvalidDpopProof,
    UseDpopNonce,
    UnsupportedGrantType,
    TooManyRequests,
    TemporarilyUnavailable,
    ServerError,
}

impl Code {
    const fn form(self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidGrant => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::InvalidTarget => (StatusCode::BAD_REQUEST, "invalid_target"),
            Self::InvalidDpopProof => (StatusCode::BAD_REQUEST, "invalid_dpop_proof"),
            Self::UseDpopNonce => (StatusCode::BAD_REQUEST, "use_dpop_nonce"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            Self::TemporarilyUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        }
    }
}

impl OAuthError {
    pub(super) const fn new(code: Code, description: &'static str) -> Self {
        Self { code, description, reason: None, retry_after: None }
    }

    pub(super) const fn invalid_request(description: &'static str) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    /// One text for every cause: the cause is in the audit log, not in the response.
    pub(super) const fn invalid_client() -> Self {
        Self::new(Code::InvalidClient, "The client could not be authenticated.")
    }

    /// One text for every cause, as above.
    pub(super) const fn invalid_refresh_token() -> Self {
        Self::new(Code::InvalidGrant, "The refresh token is invalid, expired or revoked.")
    }

    /// A late duplicate: nothing is issued, nothing is revoked.
    pub(super) const fn superseded() -> Self {
        let mut error = Self::new(Code::InvalidGrant, "The refresh token has been superseded.");
        error.reason = Some("superseded");
        error
    }

    pub(super) const fn too_many_requests(retry_after: Duration) -> Self {
        let mut error = Self::new(Code::TooManyRequests, "Too many requests: try again later.");
        error.retry_after = Some(retry_after);
        error
    }

    pub(super) const fn unavailable() -> Self {
        let mut error = Self::new(Code::TemporarilyUnavailable, "This can't be done just now: try again.");
        error.retry_after = Some(Duration::from_secs(1));
        error
    }

    const fn server_error() -> Self {
        Self::new(Code::ServerError, "Something went wrong on our side.")
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Unavailable(_) = error {
            tracing::warn!(%error, "the database is not available");
            return Self::unavailable();
        }
        tracing::error!(%error, "the database refused a request");
        Self::server_error()
    }
}

impl From<JwsError> for OAuthError {
    fn from(error: JwsError) -> Self {
        tracing::error!(%error, "a token could not be signed");
        Self::server_error()
    }
}

impl From<Limited> for OAuthError {
    fn from(limited: Limited) -> Self {
        Self::too_many_requests(limited.retry_after)
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, code) = self.code.form();
        let mut body = serde_json::json!({ "error": code, "error_description": self.description });
        if let Some(reason) = self.reason {
            body["reason"] = reason.into();
        }
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"moorline\""));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, (wait.as_millis().div_ceil(1000).max(1) as u64).into());
        }
        response
    }
}
