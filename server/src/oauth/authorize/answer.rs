//! How an authorization request ends: at the client's redirect URI, or on a page of ours.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::limits::Limited;
use crate::oauth::params::ParamsError;
use crate::oauth::redirect::with_answer;
use crate::tokens::Settings;
use crate::web::error_page;
use moorline_server_store::StoreError;

/// An error that goes to the client, at its redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::oauth) struct Refused {
    /// The code of RFC 6749 §4.1.2.1, RFC 8707 or OpenID Connect Core §3.1.2.6.
    pub(in crate::oauth) error: &'static str,
    /// What is wrong, for the client's developer.
    pub(in crate::oauth) description: &'static str,
}

impl Refused {
    pub(super) const fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }

    pub(super) const fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }
}

/// An authorization request does not end in a code.
#[derive(Clone, Debug)]
pub(in crate::oauth) enum AnswerError {
    /// The client gets the error: the whole address to redirect to.
    Redirect(String),
    /// Shown here: there is no such client.
    UnknownClient,
    /// Shown here: the redirect URI is missing or not the client's.
    UnknownRedirect,
    /// Shown here: the parameters can't be read, so neither can the redirect URI be trusted.
    Malformed(ParamsError),
    /// Shown here: the request has expired or was answered.
    Gone,
    /// Shown here: too many requests from this address.
    Limited(Limited),
    /// Shown here: the database failed.
    Store(StoreError),
}

impl AnswerError {
    /// A redirect to the client, with its `state` and our `iss` (RFC 9207).
    pub(super) fn refuse(
        settings: &Settings,
        redirect_uri: &str,
        echoed: Option<&str>,
        refused: Refused,
    ) -> Self {
        let mut answer = vec![("error", refused.error), ("error_description", refused.description)];
        answer.extend(echoed.map(|echoed| ("state", echoed)));
        answer.push(("iss", &settings.issuer));
        Self::Redirect(with_answer(redirect_uri, &answer))
    }
}

/// The client gets its code, with its `state` and our `iss` (RFC 9207).
pub(super) fn granted(
    settings: &Settings,
    redirect_uri: &str,
    echoed: Option<&str>,
    code: &str,
) -> Result<Response, AnswerError> {
    let mut answer = vec![("code", code)];
    answer.extend(echoed.map(|echoed| ("state", echoed)));
    answer.push(("iss", &settings.issuer));
    see_other(&with_answer(redirect_uri, &answer))
}

/// 303, so that a form's body is never sent on (RFC 9700 §4.12).
pub(super) fn see_other(location: &str) -> Result<Response, AnswerError> {
    let location = HeaderValue::from_str(location).map_err(|_| AnswerError::UnknownRedirect)?;
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

impl From<ParamsError> for AnswerError {
    fn from(error: ParamsError) -> Self {
        Self::Malformed(error)
    }
}

impl From<Limited> for AnswerError {
    fn from(limited: Limited) -> Self {
        Self::Limited(limited)
    }
}

impl From<StoreError> for AnswerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for AnswerError {
    fn into_response(self) -> Response {
        let (status, title, message) = match self {
            Self::Redirect(location) => {
                return see_other(&location).unwrap_or_else(IntoResponse::into_response);
            }
            Self::UnknownClient => (
                StatusCode::BAD_REQUEST,
                "This app is not known here",
                "The app that sent you is not registered.",
            ),
            Self::UnknownRedirect => (
                StatusCode::BAD_REQUEST,
                "This app can't be answered",
                "The app asks to be answered at an address that is not registered for it.",
            ),
            Self::Malformed(error) => {
                (StatusCode::BAD_REQUEST, "The app's request can't be read", error.text())
            }
            Self::Gone => (
                StatusCode::BAD_REQUEST,
                "This sign-in is over",
                "It has expired or was finished already. Go back to the app and start again.",
            ),
            Self::Limited(limited) => {
                let mut page = error_page(
                    StatusCode::TOO_MANY_REQUESTS,
                    "Please wait a moment",
                    "There were too many requests. Try again in a minute.",
                );
                page.headers_mut().insert(RETRY_AFTER, limited.retry_after_seconds().into());
                return page;
            }
            Self::Store(StoreError::InvalidText) => (
                StatusCode::BAD_REQUEST,
                "The app's request can't be read",
                "A parameter holds the character U+0000.",
            ),
            Self::Store(error) => {
                tracing::error!(%error, "an authorization request failed");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Back in a moment",
                    "The server can't do this just now. Nothing was changed; please try again.",
                )
            }
        };
        error_page(status, title, message)
    }
}
