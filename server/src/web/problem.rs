//! Errors of the API in RFC 9457's form, and extractors that answer in it.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Json, Query, Request};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderName, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::limits::Limited;
use moorline_server_store::StoreError;

/// A problem document (RFC 9457): what every refused API request answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `urn:moorline:problem:<kind>`.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in words; the same for every problem of the kind.
    title: &'static str,
    /// The HTTP status, again.
    status: u16,
    /// What is wrong with this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The members that are not valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Violation>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One member of a request that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// Where: a JSON pointer into the body (`/title`), or the name of a query parameter.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(status: StatusCode, kind: &str, title: &'static str) -> Self {
        Self {
            kind: format!("urn:moorline:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// With an explanation.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a header of its own.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The body is JSON, but what it says can't be accepted.
    pub fn invalid(errors: Vec<Violation>) -> Self {
        let title = "The request is not valid";
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title) }
    }

    /// The query says something that can't be accepted.
    pub fn invalid_query(errors: Vec<Violation>) -> Self {
        let title = "A query parameter is not valid";
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "invalid-query", title) }
    }

    /// There is no such thing, or it is somebody else's: the two look the same on purpose.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here")
    }

    /// The database failed. What happened is logged; the answer says no more than whether to try again.
    pub fn store(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the database is not available");
                Self::unavailable()
            }
            StoreError::InvalidText => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid-text",
                "A text holds the character U+0000, which can't be stored",
            ),
            _ => {
                tracing::error!(%error, "the database refused a request");
                Self::internal()
            }
        }
    }

    /// Nothing can be done just now.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The server can't do this just now")
            .detail("Nothing was changed. Try again.")
            .header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// A defect of ours.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side")
    }

    /// Too many requests (RFC 6585 §4).
    pub fn limited(limited: Limited) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests")
            .detail(format!("Try again in {} s.", limited.retry_after_seconds()))
            .header(RETRY_AFTER, limited.retry_after_seconds().into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::store(&error)
    }
}

impl From<garde::Report> for Problem {
    fn from(report: garde::Report) -> Self {
        Self::invalid(
            report
                .iter()
                .map(|(path, error)| Violation {
                    pointer: format!("/{}", path.to_string().replace('.', "/")),
                    detail: error.to_string(),
                })
                .collect(),
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("it was made from a StatusCode");
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

/// A JSON body; anything else is a problem document.
#[derive(Clone, Copy, Debug)]
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(json_problem(&rejection)),
        }
    }
}

fn json_problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body is of the wrong type",
        )
        .detail("Send JSON, with Content-Type: application/json."),
        JsonRejection::JsonSyntaxError(error) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-json", "The body is not JSON")
                .detail(source_text(error))
        }
        JsonRejection::JsonDataError(error) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is not valid")
                .detail(source_text(error))
        }
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Problem::new(StatusCode::BAD_REQUEST, "unreadable-body", "The body could not be read"),
    }
}

/// The body is larger than the server reads.
pub(super) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large")
}

/// What serde says about the body; it names places and kinds, and at most repeats the sender's own words.
fn source_text(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Query parameters; anything that does not fit is a problem document.
#[derive(Clone, Copy, Debug)]
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(query_problem(&rejection)),
        }
    }
}

fn query_problem(rejection: &QueryRejection) -> Problem {
    Problem::invalid_query(Vec::new()).detail(source_text(rejection))
}
