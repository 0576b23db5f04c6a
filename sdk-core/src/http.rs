//! The authenticated client: attach the access token, refresh and retry once on a 401, send to allowed origins only.

use std::{fmt, sync::Arc, time::Duration};

use ::http::{HeaderName, HeaderValue, StatusCode};

use crate::{
    Error, ReauthReason,
    dpop::refuses_proof,
    net::{Request, Response},
    session::{Need, Session, method_of},
};

/// Sends an app's request with the access token.
pub(crate) async fn send(session: &Arc<Session>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let request = checked(session, request)?;
    Ok(authenticated(session, request).await?.into())
}

/// Sends `request` with the access token, and a proof where it is bound; on a 401, once more with a new one of the same
/// person.
pub(crate) async fn authenticated(session: &Arc<Session>, request: Request) -> Result<Response, Error> {
    // So that it doesn't end on its way; but a provider may issue tokens that are hardly longer.
    let whole = session.token_lifetime().unwrap_or(TRAVEL * 4);
    let token = session.access_token(Need { min_validity: TRAVEL.min(whole / 4), rejected: None }).await?;
    let response = session.sender.send(&request, token.credentials()).await?;
    // A new token is no cure for a proof that is refused.
    if response.status != StatusCode::UNAUTHORIZED || refuses_proof(&response) {
        return Ok(response);
    }
    let need = Need { min_validity: Duration::ZERO, rejected: Some(token.clone()) };
    match session.access_token(need).await {
        // Somebody else has signed in meanwhile, and this isn't theirs.
        Ok(newer) if !newer.is_of_the_person_of(&token) => Ok(response),
        Ok(newer) => Ok(session.sender.send(&request, newer.credentials()).await?),
        // There is no newer one to be had, so that the API's own answer says most.
        Err(Error::NeedsReauth(ReauthReason::NoRefreshToken)) => Ok(response),
        Err(error) => Err(error),
    }
}

fn checked(session: &Session, request: HttpRequest) -> Result<Request, Error> {
    let wrong = |what: &str| Error::Misconfigured(format!("the request {what}"));
    let url = session.address_for_tokens(&request.url)?;
    let method = method_of(&request.method)?;
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
const OURS: [&str; 7] = [
    "authorization",
    "connection",
    "content-length",
    "dpop",
    "host",
    "proxy-authorization",
    "transfer-encoding",
];

/// A request for [`Moorline::send`](crate::Moorline::send). Its body is held whole, so that it can be sent twice.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The absolute address. Its origin must be the issuer's, or one that the configuration allows.
    pub url: String,
    /// Header fields by name, in order. `Authorization` and `DPoP` are the SDK's own and may not be among them.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Device, Fault, Gate, a_new_one, any};

    fn api(device: &Device) -> HttpRequest {
        HttpRequest::post(&format!("{}/api", device.provider.issuer), "text/plain", "hello=1")
            .header("X-Id", "7")
    }

    #[tokio::test]
    async fn a_request_carries_the_access_token() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let answer = send(&session, api(&device)).await.unwrap();
        assert!(answer.is_success());
        assert_eq!(answer.header("content-TYPE"), Some("application/json"));
        let token = session.latest().unwrap();
        let sent = device.provider.state().requests.last().unwrap().clone();
        assert_eq!(sent.authorization.unwrap(), format!("DPoP {}", token.secret()));
        assert_eq!(sent.form["hello"], "1");
    }

    #[tokio::test]
    async fn a_refused_token_is_refreshed_and_the_same_request_sent_once_more() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let dead = session.latest().unwrap().secret().to_owned();
        device.provider.state().dead_access_tokens.insert(dead);
        let answer = send(&session, api(&device)).await.unwrap();
        assert_eq!(answer.text(), r#"{"hello":"ada"}"#);
        assert_eq!((device.provider.count("/api"), device.provider.refreshes().len()), (2, 1));
        assert_eq!(device.provider.state().requests.last().unwrap().form["hello"], "1");
    }

    #[tokio::test]
    async fn an_api_that_refuses_every_token_is_asked_twice_and_its_answer_returned() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        device.provider.state().overrides.insert("/api", (401, "no".into()));
        assert_eq!(send(&session, api(&device)).await.unwrap().status, 401);
        assert_eq!((device.provider.count("/api"), device.provider.refreshes().len()), (2, 1));
        session.access_token(any()).await.unwrap();
    }

    #[tokio::test]
    async fn many_requests_with_a_dead_token_make_one_refresh() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let dead = session.latest().unwrap().secret().to_owned();
        device.provider.state().dead_access_tokens.insert(dead);
        let requests: Vec<_> = (0..20)
            .map(|_| {
                let (session, request) = (session.clone(), api(&device));
                tokio::spawn(async move { send(&session, request).await.unwrap().status })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), 200);
        }
        assert_eq!(device.provider.refreshes().len(), 1);
    }

    #[tokio::test]
    async fn a_request_of_one_person_is_not_sent_again_as_another() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let dead = session.latest().unwrap().secret().to_owned();
        device.provider.state().dead_access_tokens.insert(dead);
        let gate = Gate::new();
        device.provider.fault(Fault::HoldAnswer(gate.clone()));
        let sending = {
            let (session, request) = (session.clone(), api(&device));
            tokio::spawn(async move { send(&session, request).await })
        };
        gate.reached().await;
        device.provider.state().claims = serde_json::json!({ "sub": "eve" });
        device.sign_in(&session).await.unwrap();
        gate.open();
        assert_eq!(sending.await.unwrap().unwrap().status, 401);
        assert_eq!(device.provider.count("/api"), 1);
    }

    #[tokio::test]
    async fn without_a_refresh_token_the_apis_own_401_comes_back() {
        let device = Device::new().await;
        device.provider.state().issues_refresh_tokens = false;
        let session = device.signed_in().await;
        device.provider.state().overrides.insert("/api", (401, "no".into()));
        assert_eq!(send(&session, api(&device)).await.unwrap().text(), "no");
    }

    #[tokio::test]
    async fn a_token_goes_to_allowed_origins_only() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let port = device.provider.issuer.rsplit(':').next().unwrap().to_owned();
        for elsewhere in [
            "https://evil.example/api".to_owned(),
            format!("http://localhost:{port}/api"),
            format!("https://127.0.0.1:{port}/api"),
            "http://127.0.0.1:1/api".to_owned(),
            format!("http://127.0.0.1:{port}@evil.example/api"),
            "/api".to_owned(),
            "file:///etc/passwd".to_owned(),
        ] {
            let error = send(&session, HttpRequest::get(&elsewhere)).await.unwrap_err();
            assert!(matches!(error, Error::Misconfigured(_)), "{elsewhere} {error:?}");
        }
        assert_eq!(device.provider.count("/api"), 0);
    }

    #[tokio::test]
    async fn a_request_that_sets_what_is_the_sdks_own_is_refused() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        for (name, value) in [
            ("Authorization", "Bearer x"),
            ("DPoP", "x"),
            ("HOST", "evil.example"),
            ("X Y", "1"),
            ("X", "a\r\nAuthorization: b"),
        ] {
            let error = send(&session, api(&device).header(name, value)).await.unwrap_err();
            assert!(matches!(error, Error::Misconfigured(_)), "{name} {error:?}");
        }
        let no_method = HttpRequest::new("GE T", &format!("{}/api", device.provider.issuer));
        assert!(matches!(send(&session, no_method).await, Err(Error::Misconfigured(_))));
        assert_eq!(device.provider.count("/api"), 0);
    }

    #[tokio::test]
    async fn nobody_signed_in_sends_nothing() {
        let device = Device::new().await;
        let session = device.process();
        assert!(matches!(send(&session, api(&device)).await, Err(Error::SignedOut(_))));
        assert!(device.provider.state().requests.is_empty());
    }

    #[tokio::test]
    async fn a_provider_of_short_lived_tokens_is_not_asked_for_each_request() {
        let device = Device::new().await;
        device.provider.state().expires_in = serde_json::json!(5);
        let session = device.signed_in().await;
        for _ in 0..3 {
            send(&session, api(&device)).await.unwrap();
        }
        assert_eq!(device.provider.refreshes().len(), 0);
        session.access_token(a_new_one(&session)).await.unwrap();
    }
}
