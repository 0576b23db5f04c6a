//! Every error in the form of the place it comes from: the API's, OAuth's, or a page for a person.

use axum::extract::Request;
use axum::response::{IntoResponse, Json, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use super::pages;
use super::problem::{Problem, too_large};

/// Where an orchestrator asks whether this process has to be restarted.
pub const HEALTHZ: &str = "/healthz";

/// Where a load balancer asks whether this node answers requests.
pub const READYZ: &str = "/readyz";

/// Whether the path is one of the two.
pub fn is_probe(path: &str) -> bool {
    path == HEALTHZ || path == READYZ
}

/// The three kinds of address that this server has, by the form of their errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// `/v1/…`: problem documents (RFC 9457).
    Api,
    /// What programs call: `{"error": …}` (RFC 6749 §5.2).
    OAuth,
    /// What a person's browser shows: HTML.
    Browser,
}

impl Surface {
    /// The surface that a path belongs to.
    pub fn of(path: &str) -> Self {
        let under = |prefix: &str| {
            path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        };
        if under("/v1") {
            Self::Api
        } else if under("/oauth/authorize") {
            Self::Browser
        } else if under("/oauth") || under("/.well-known") || is_probe(path) {
            Self::OAuth
        } else {
            Self::Browser
        }
    }

    /// An error without a body of its own, in this surface's form.
    pub fn error(self, status: StatusCode) -> Response {
        match self {
            Self::Api => api_problem(status).into_response(),
            Self::OAuth => (
                status,
                Json(
                    serde_json::json!({ "error": oauth_code(status), "error_description": words(status).1 }),
                ),
            )
                .into_response(),
            Self::Browser => {
                let (title, message) = words(status);
                pages::error_page(status, title, message)
            }
        }
    }
}

/// Gives a bare error (of the router, of an extractor, of a layer) the right form. Errors that a handler wrote itself
/// are JSON or HTML already and pass.
#[derive(Clone, Copy, Debug)]
pub struct ErrorForm {
    surface: Surface,
    head: bool,
}

impl ErrorForm {
    /// The form of the errors that this request may meet.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self { surface: Surface::of(request.uri().path()), head: request.method() == http::Method::HEAD }
    }

    /// Gives the response that form, if it is an error without one.
    pub fn shape(&self, response: Response) -> Response {
        let status = response.status();
        let is_error = status.is_client_error() || status.is_server_error();
        if !is_error || has_form(response.headers()) || self.head {
            return response;
        }
        let mut shaped = self.surface.error(status);
        for name in [ALLOW, CONNECTION, RETRY_AFTER] {
            if let Some(value) = response.headers().get(&name) {
                shaped.headers_mut().insert(name, value.clone());
            }
        }
        shaped
    }
}

fn has_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    !(kind.is_empty() || kind.starts_with(b"text/plain") || kind.starts_with(b"application/octet-stream"))
}

fn api_problem(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable(),
        StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(status, "method-not-allowed", "This can't be done here")
                .detail("See the Allow header.")
        }
        StatusCode::REQUEST_TIMEOUT => Problem::new(status, "timeout", "The request took too long"),
        _ if status.is_server_error() => Problem::internal(),
        _ => Problem::new(status, "bad-request", "The request can't be understood"),
    }
}

fn oauth_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            "temporarily_unavailable"
        }
        _ if status.is_server_error() => "server_error",
        _ => "invalid_request",
    }
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => {
            ("There is no such page", "The address may be mistyped, or the page may have moved.")
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            ("This can't be done here", "The page does not answer this kind of request.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("That was too much", "The request is larger than this page accepts.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("That could not be read", "The request is not of a type that is accepted here.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            ("Please wait a moment", "There were too many requests. Try again in a minute.")
        }
        StatusCode::REQUEST_TIMEOUT => {
            ("That took too long", "The connection was too slow. Please try again.")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            ("Back in a moment", "The server can't do this just now. Nothing was changed; please try again.")
        }
        _ if status.is_server_error() => {
            ("Something went wrong", "The fault is ours. Please try again in a moment.")
        }
        _ => {
            ("That did not work", "The request could not be understood. Go back to the app and start again.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_form_of_error() {
        for (path, surface) in [
            ("/v1", Surface::Api),
            ("/v1/notes/x", Surface::Api),
            ("/v10", Surface::Browser),
            ("/oauth/token", Surface::OAuth),
            ("/oauth/authorize", Surface::Browser),
            ("/oauth/authorize/continue", Surface::Browser),
            ("/.well-known/openid-configuration", Surface::OAuth),
            ("/", Surface::Browser),
            ("/sign-in", Surface::Browser),
        ] {
            assert_eq!(Surface::of(path), surface, "{path}");
        }
    }
}
