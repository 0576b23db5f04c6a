//! Sends requests and reads responses.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

use super::{
    awake::while_awake,
    cause::Way,
    clients::{Clients, Connecting, Ingredients, Watch},
    encoding::{ACCEPTED, Body},
    error::{NetError, classify, classify_in_body},
    headers::texts,
    tls::client_config,
};
use crate::{
    configuration::Configuration,
    error::Error,
    json,
    platform::{BoundedProxySelector, BoundedTrust, NetworkParts},
    wiped,
};

/// Default response size limit: 1 MiB.
pub(crate) const DEFAULT_LIMIT: usize = 1024 * 1024;

/// How long to wait for what may follow a whole document.
const REST: Duration = Duration::from_secs(1);

/// The one way to the network. Cheap to clone; clones share their connections.
///
/// It follows no redirect (a 3xx is a response like any other), keeps no cookies, and sends no referrer.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Shared>);

struct Shared {
    ingredients: Ingredients,
    clients: RwLock<Clients>,
}

impl Transport {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if this machine has no certificate authority to trust and the configuration names
    /// none.
    pub(crate) fn new(configuration: &Configuration, parts: NetworkParts) -> Result<Self, Error> {
        Self::watching(configuration, parts, Watch::DEFAULT)
    }

    /// The same, with connections that are watched like this.
    pub(crate) fn watching(
        configuration: &Configuration,
        parts: NetworkParts,
        watch: Watch,
    ) -> Result<Self, Error> {
        let limit = configuration.connect_timeout();
        let connecting = if parts.trust.is_some() { Connecting::MayBlock } else { Connecting::Quick };
        let trust = parts.trust.map(|trust| BoundedTrust::new(trust, limit));
        let ingredients = Ingredients {
            tls: client_config(configuration, trust)?,
            configuration: configuration.clone(),
            watch,
            connecting,
            proxy_selector: parts.proxy_selector.map(|selector| BoundedProxySelector::new(selector, limit)),
        };
        let clients = RwLock::new(Clients::new(&ingredients)?);
        Ok(Self(Arc::new(Shared { ingredients, clients })))
    }

    /// Drops the connections that nobody uses: they belong to a network that is gone. What is under way goes on, on
    /// its own connection, which is not used again.
    pub(crate) fn network_changed(&self) {
        match Clients::new(&self.0.ingredients) {
            Ok(new) => *self.0.clients.write().unwrap_or_else(PoisonError::into_inner) = new,
            Err(error) => tracing::warn!(%error, "the old connections are kept"),
        }
    }

    /// Sends `request` and reads the whole response, whatever its status. Its size limit counts what was decoded.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, NetError> {
        let configuration = &self.0.ingredients.configuration;
        configuration.check_address(&request.url).map_err(|error| NetError::NotAllowed(error.to_string()))?;
        let clients = self.0.clients.read().unwrap_or_else(PoisonError::into_inner).clone();
        let chosen = clients.of(&request.url).await;
        let (client, proxy) = chosen.inspect_err(|error| tracing::info!(%error, "no request was sent"))?;
        let (connect, limit) = (configuration.connect_timeout(), configuration.request_timeout());
        let way = Way::new(&request.url, proxy, connect, limit);
        let received = while_awake(limit, exchange(&client, request, &way)).await;
        let slow = || Err(NetError::Timeout { maybe_sent: true, reason: way.too_slow(false) });
        received.unwrap_or_else(slow).inspect_err(|error| {
            let error = if *error == NetError::BodyCut { way.cut_off() } else { error.to_string() };
            tracing::info!(error, "no usable response");
        })
    }
}

/// One request and its response, without a limit on time.
async fn exchange(client: &reqwest::Client, request: Request, way: &Way) -> Result<Response, NetError> {
    let host = request.url.host_str().unwrap_or_default().to_owned();
    let (limit, is_document) = (request.limit, request.is_document);
    let mut received = begin(client, request).send().await.map_err(|error| classify(&error, &host, way))?;
    let status = received.status();
    let mut headers = std::mem::take(received.headers_mut());
    // What is no document says enough by its status and headers: nobody needs the rest of a page.
    let ends = is_document && !(status.is_success() && is_json_or_jwt(&headers));
    let read = async {
        let mut body = Body::new(status, &headers, limit, is_document)?;
        let cut = loop {
            let next = received.chunk();
            let next = if body.is_whole_document() {
                // Its length may be wrong: what is whole is not lost for what does not come.
                timeout(REST, next).await.unwrap_or(Ok(None))
            } else {
                next.await
            };
            match next {
                Ok(Some(chunk)) => body.extend(&chunk)?,
                Ok(None) => break None,
                Err(error) => break Some(classify_in_body(&error, way)),
            }
        };
        let body = body.finish(&mut headers)?;
        match cut {
            Some(error) if !(is_document && json::is_whole(&body)) => Err(error),
            _ => Ok(body),
        }
    };
    match read.await {
        Ok(body) => Ok(Response { status, headers, body }),
        Err(NetError::TooLarge) if ends => Ok(Response { status, headers, body: Zeroizing::default() }),
        Err(error) => Err(error),
    }
}

/// A part of a response is not to be a part of something encoded; an app may also ask for another coding, and reads it
/// then.
fn begin(client: &reqwest::Client, mut request: Request) -> reqwest::RequestBuilder {
    if !request.headers.contains_key(header::RANGE) {
        let accepted = || HeaderValue::from_static(ACCEPTED);
        request.headers.entry(header::ACCEPT_ENCODING).or_insert_with(accepted);
    }
    client.request(request.method, request.url).headers(request.headers).body(wiped::shared(request.body))
}

/// Whether this is what OAuth's and OpenID Connect's endpoints send.
fn is_json_or_jwt(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| {
        matches!(&*kind, "application/json" | "application/jwt")
            || kind.ends_with("+json")
            || kind.ends_with("+jwt")
    })
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = texts(headers, &header::CONTENT_TYPE).next()?;
    Some(text.split(';').next()?.trim_ascii().to_ascii_lowercase())
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
    is_document: bool,
}

impl Request {
    /// A request with neither headers nor body.
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let (headers, body) = (HeaderMap::new(), Zeroizing::default());
        Self { method, url, headers, body, limit: DEFAULT_LIMIT, is_document: false }
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
        let accepted = HeaderValue::from_static("application/json");
        Self::new(Method::GET, url).header(header::ACCEPT, accepted).document()
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
            .document()
    }

    /// For a JSON document or a JWT. The body of any other response (a portal's page) is left out if it is over the
    /// limit: its size says nothing about the provider.
    #[must_use]
    pub(crate) const fn document(mut self) -> Self {
        self.is_document = true;
        self
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
    /// The body as JSON, or `None` if it is not. No error quotes it: it may hold tokens.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        json::read(&self.body)
    }

    /// The first header field of this name that is text, without white space around it.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        texts(&self.headers, name).next()
    }

    /// The media type of the body, in lower case and without parameters (RFC 9110 §8.3.1).
    pub(crate) fn media_type(&self) -> Option<String> {
        media_type(&self.headers)
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
