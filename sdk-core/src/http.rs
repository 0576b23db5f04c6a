//! The authenticated client: attach the access token, refresh and retry once on a 401, send to allowed origins only.

use std::{fmt, sync::Arc, time::Duration};

use ::http::{HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use crate::{
    Error, ReauthReason,
    net::{Request, Response},
    session::{Need, Session},
};

/// Sends an app's request with the access token.
pub(crate) async fn send(session: &Arc<Session>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let request = checked(session, request)?;
    Ok(authenticated(session, request).await?.into())
}

/// Sends `request` with the access token; on a 401, once more with a new one.
pub(crate) async fn authenticated(session: &Arc<Session>, request: Request) -> Result<Response, Error> {
    // So that it doesn't end on its way; but a provider may issue tokens that are hardly longer.
    let whole = session.token_lifetime().unwrap_or(TRAVEL * 4);
    let token = session.access_token(Need { min_validity: TRAVEL.min(whole / 4), rejected: None }).await?;
    let response = session.transport.send(request.clone().bearer(token.secret())).await?;
    if response.status != StatusCode::UNAUTHORIZED {
        return Ok(response);
    }
    let need = Need { min_validity: Duration::ZERO, rejected: Some(token) };
    match session.access_token(need).await {
        Ok(newer) => Ok(session.transport.send(request.bearer(newer.secret())).await?),
        // There is no newer one to be had, so that the API's own answer says most.
        Err(Error::NeedsReauth(ReauthReason::NoRefreshToken)) => Ok(response),
        Err(error) => Err(error),
    }
}

fn checked(session: &Session, request: HttpRequest) -> Result<Request, Error> {
    let wrong = |what: &str| Error::Misconfigured(format!("the request {what}"));
    let url = Url::parse(&request.url).map_err(|_| wrong("has no absolute address"))?;
    if !session.configuration.may_receive_tokens(&url) {
        let origin = url.origin().ascii_serialization();
        return Err(wrong(&format!("goes to {origin}, where no token may go; allow it with api_origin()")));
    }
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| wrong("has no HTTP method"))?;
    let mut sent = Request::new(method, url).body(request.body).limit(LARGEST_ANSWER);
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(name).map_err(|_| wrong("has a header name that is none"))?;
        if OURS.contains(&name.as_str()) {
            return Err(wrong(&format!("sets {name}, which is the SDK's own")));
        }
        let value = HeaderValue::try_from(value).map_err(|_| wrong("has a header value that is none"))?;
        sent = sent.header(name, value);
    }
    Ok(sent)
}

/// What an API's answer may weigh: 32 MiB. A larger one is [`Error::Offline`].
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;
/// How long a token must be good for when it sets out.
const TRAVEL: Duration = Duration::from_secs(10);
/// What the connection sets, and what would move a request elsewhere.
const OURS: [&str; 6] =
    ["authorization", "connection", "content-length", "host", "proxy-authorization", "transfer-encoding"];

/// A request for [`Moorline::send`](crate::Moorline::send). Its body is held whole, so that it can be sent twice.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The absolute address. Its origin must be the issuer's, or one that the configuration allows.
    pub url: String,
    /// Header fields by name, in order. `Authorization` is the SDK's own and may not be among them.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A request with no body.
    pub fn new(method: &str, url: &str) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `GET`.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` of this body.
    pub fn post(url: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", url).header("Content-Type", content_type).body(body)
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The API's answer, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Header fields by lower-case name, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The first header field of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text, with what isn't UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl From<Response> for HttpResponse {
    fn from(response: Response) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            status: response.status.as_u16(),
            headers: response.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: response.body,
        }
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
