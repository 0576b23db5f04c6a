//! Requests and responses of the authenticated client.

use std::fmt;

/// A request to send with the access token. Its `Debug` shows only the method.
#[derive(Clone, uniffi::Record)]
pub struct HttpRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// Header fields, in order.
    pub headers: Vec<HeaderField>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// The API's response, whatever its status. Its `Debug` shows only the status.
#[derive(Clone, uniffi::Record)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Header fields by lower-case name, in order.
    pub headers: Vec<HeaderField>,
    /// The body.
    pub body: Vec<u8>,
}

/// A header field. Its `Debug` shows only the name.
#[derive(Clone, uniffi::Record)]
pub struct HeaderField {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl From<HttpRequest> for moorline::HttpRequest {
    fn from(request: HttpRequest) -> Self {
        let HttpRequest { method, url, headers, body } = request;
        headers
            .iter()
            .fold(Self::new(&method, &url), |request, field| request.header(&field.name, &field.value))
            .body(body)
    }
}

impl From<moorline::HttpResponse> for HttpResponse {
    fn from(response: moorline::HttpResponse) -> Self {
        Self {
            status: response.status,
            headers: response.headers.into_iter().map(|(name, value)| HeaderField { name, value }).collect(),
            body: response.body,
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for HeaderField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderField").field("name", &self.name).finish_non_exhaustive()
    }
}
