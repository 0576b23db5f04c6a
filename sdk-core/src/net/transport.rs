//! Requests out, answers in.

use std::fmt;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::error::{NetError, classify, classify_in_body};
use super::tls::client_config;
use crate::{
    configuration::Configuration,
    error::Error,
    wiped::{self, WipedBytes},
};

/// Default response size limit: 1 MiB.
pub(crate) const DEFAULT_LIMIT: usize = 1024 * 1024;

/// The one way to the network. Cheap to clone; clones share their connections.
///
/// It follows no redirect (a 3xx is an answer like any other), keeps no cookies, sends no referrer, asks for no
/// compression, and takes no proxy from the environment: a proxy that reads along would have to break the pins.
#[derive(Clone)]
pub(crate) struct Transport {
    client: reqwest::Client,
    configuration: Arc<Configuration>,
}

impl Transport {
    /// Opens nothing yet. Errors: [`Error::Misconfigured`] where this machine has no authority to trust and the
    /// configuration names none.
    pub(crate) fn new(configuration: &Configuration) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(client_config(configuration)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(configuration.connect_timeout())
            .timeout(configuration.request_timeout())
            .build()
            .map_err(|error| Error::Misconfigured(format!("the HTTP client can't be made: {error}")))?;
        Ok(Self { client, configuration: Arc::new(configuration.clone()) })
    }

    /// Sends `request` and reads the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, NetError> {
        self.configuration
            .check_address(&request.url)
            .map_err(|error| NetError::NotAllowed(error.to_string()))?;
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let mut answer = self
            .client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(wiped::shared(request.body))
            .send()
            .await
            .map_err(|error| classify(&error, &host))?;
        let declared = answer.content_length().unwrap_or_default();
        if usize::try_from(declared).is_ok_and(|length| length > request.limit) {
            return Err(NetError::TooLarge);
        }
        let mut body = WipedBytes::with_capacity(usize::try_from(declared).unwrap_or_default());
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify_in_body(&error))? {
            if body.len() + chunk.len() > request.limit {
                return Err(NetError::TooLarge);
            }
            body.extend(&chunk);
        }
        let headers = std::mem::take(answer.headers_mut());
        Ok(Response { status: answer.status(), headers, body: body.into_inner() })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

/// A request, whole: it can be sent again as it is.
#[derive(Clone)]
pub(crate) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    limit: usize,
}

impl Request {
    /// A request with neither headers nor body.
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Zeroizing::default(), limit: DEFAULT_LIMIT }
    }

    /// The method.
    pub(crate) const fn method(&self) -> &Method {
        &self.method
    }

    /// Where it goes.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// A `GET` that wants JSON.
    pub(crate) fn get_json(url: Url) -> Self {
        Self::new(Method::GET, url).header(header::ACCEPT, HeaderValue::from_static("application/json"))
    }

    /// A `POST` of form fields that wants JSON: what OAuth's endpoints take.
    pub(crate) fn post_form<'a>(url: Url, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let fields: Vec<_> = fields.into_iter().collect();
        // Room for all of it percent-encoded: growing would leave copies of secrets behind.
        let room = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let body = String::with_capacity(room);
        let body = url::form_urlencoded::Serializer::new(body).extend_pairs(fields).finish();
        Self::new(Method::POST, url)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(body.into_bytes())
    }

    /// With one more header field.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Zeroizing::new(body);
        self
    }

    /// With an answer of up to `limit` bytes.
    #[must_use]
    pub(crate) const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// Shows where it goes and nothing of what it carries.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
#[derive(Clone)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Response {
    /// The body as JSON, if it is some. What it says isn't told in the error: it may hold tokens.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The first header field of this name, where it is text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Shows the status and the size, nothing of the body.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status.as_u16())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

const USER_AGENT: &str = concat!("moorline/", env!("CARGO_PKG_VERSION"));
