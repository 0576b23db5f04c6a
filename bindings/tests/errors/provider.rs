//! A small provider over plain HTTP on loopback: discovery, keys, and tokens for whoever asks. A test replaces the
//! response of a path to see what becomes of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::UNIX_EPOCH,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use moorline::{
    AuthorizationRequest, Clock as _, Configuration, ConfigurationBuilder, Moorline, Platform, SignInOptions,
    SystemClock, User,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// A response.
#[derive(Debug, Clone, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Further lines of the head, each with its line end.
    pub(crate) head: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, head: "Content-Type: application/json\r\n", body: body.to_string().into() }
    }
}

/// A running provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    served: Arc<Served>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Served {
    issuer: String,
    key: EcdsaKeyPair,
    settings: Mutex<Settings>,
}

#[derive(Debug, Default)]
struct Settings {
    /// `None` closes the connection.
    replaced: HashMap<String, Option<Response>>,
    token_members: serde_json::Map<String, Value>,
    nonce: String,
    clock_lead: i64,
    token_requests: usize,
    held: Option<Held>,
    keeps_connections: bool,
    connections: usize,
}

/// A request to the token endpoint that waits for the test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    arrived: Arc<Notify>,
    go: Arc<Notify>,
}

impl Held {
    /// Waits until the request has come.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Lets it be answered.
    pub(crate) fn release(&self) {
        self.go.notify_one();
    }
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("it is bound"));
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let served = Arc::new(Served { issuer: issuer.clone(), key, settings: Mutex::default() });
        let accepting = served.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = accepting.clone();
                tokio::spawn(async move { served.serve(stream).await });
            }
        });
        Self { issuer, served, task }
    }

    /// From now on, this path gets this response, or none.
    pub(crate) fn replace(&self, path: &str, response: Option<Response>) {
        self.served.settings().replaced.insert(path.into(), response);
    }

    /// From now on, refreshes are refused with this OAuth error.
    pub(crate) fn refuse_refresh(&self, code: &str) {
        self.replace(
            "/token",
            Some(Response::json(400, &json!({ "error": code, "error_description": "why" }))),
        );
    }

    /// From now on, token responses have this member.
    pub(crate) fn set_token_member(&self, name: &str, value: Value) {
        self.served.settings().token_members.insert(name.into(), value);
    }

    /// How far this provider's clock is ahead of the device's, in seconds.
    pub(crate) fn set_clock_lead(&self, seconds: i64) {
        self.served.settings().clock_lead = seconds;
    }

    /// How many requests the token endpoint has received.
    pub(crate) fn token_requests(&self) -> usize {
        self.served.settings().token_requests
    }

    /// The next request to the token endpoint waits for the test.
    pub(crate) fn hold_token_request(&self) -> Held {
        self.served.settings().held.insert(Held::default()).clone()
    }

    /// From now on, connections stay open after a response.
    pub(crate) fn keep_connections(&self) {
        self.served.settings().keeps_connections = true;
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.served.settings().connections
    }

    /// Closes the port.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    pub(crate) fn configuration(&self) -> ConfigurationBuilder {
        Configuration::builder(&self.issuer, "notes")
            .redirect_uri(REDIRECT_URI)
            .scopes(["offline_access"])
            .allow_http_on_loopback()
    }

    pub(crate) fn moorline(&self, platform: Platform) -> Moorline {
        Moorline::new(self.configuration().build().expect("it is right"), platform).expect("it opens")
    }

    /// The URL that the browser comes back with.
    pub(crate) fn callback(&self, request: &AuthorizationRequest, parameters: &str) -> String {
        self.opened(&request.url);
        format!("{REDIRECT_URI}?{parameters}&state={}", request.state)
    }

    /// The browser has opened this URL.
    pub(crate) fn opened(&self, url: &str) {
        let nonce = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("nonce=")).expect("a nonce");
        self.served.settings().nonce = nonce.to_owned();
    }

    pub(crate) async fn sign_in(&self, moorline: &Moorline) -> User {
        let request = moorline.start_sign_in(SignInOptions::default()).await.expect("it starts");
        moorline.finish_sign_in(&self.callback(&request, "code=c1")).await.expect("it finishes")
    }
}

impl Served {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().expect("no test panics with it")
    }

    async fn serve(&self, mut stream: TcpStream) {
        self.settings().connections += 1;
        while let Some(path) = receive(&mut stream).await {
            let (replaced, held, keeps) = self.received(&path);
            if let Some(held) = held {
                held.arrived.notify_one();
                held.go.notified().await;
            }
            let Some(response) = replaced.unwrap_or_else(|| Some(self.usual(&path))) else { return };
            let Response { status, head, body } = response;
            let (length, connection) = (body.len(), if keeps { "keep-alive" } else { "close" });
            let head = format!(
                "HTTP/1.1 {status} X\r\nConnection: {connection}\r\nContent-Length: {length}\r\n{head}\r\n"
            );
            // The SDK stops reading what is too large.
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            if !keeps {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }

    /// What was set for this path, and whether the request is held and the connection kept.
    fn received(&self, path: &str) -> (Option<Option<Response>>, Option<Held>, bool) {
        let mut settings = self.settings();
        let is_token = path == "/token";
        settings.token_requests += usize::from(is_token);
        let held = if is_token { settings.held.take() } else { None };
        (settings.replaced.get(path).cloned(), held, settings.keeps_connections)
    }

    fn usual(&self, path: &str) -> Response {
        let issuer = &self.issuer;
        match path {
            "/.well-known/openid-configuration" => Response::json(
                200,
                &json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/jwks"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                    "code_challenge_methods_supported": ["S256"],
                    "dpop_signing_alg_values_supported": ["ES256"],
                }),
            ),
            "/jwks" => Response::json(200, &json!({ "keys": [self.public_key()] })),
            "/token" => Response::json(200, &self.tokens()),
            _ => Response::json(404, &json!({})),
        }
    }

    fn public_key(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let point = self.key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k1", "x": x, "y": y })
    }

    fn tokens(&self) -> Value {
        let settings = self.settings();
        let now = SystemClock.wall().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let now = i64::try_from(now).expect("it is far off") + settings.clock_lead;
        let claims = json!({
            "iss": self.issuer, "sub": "ada", "aud": "notes", "nonce": settings.nonce, "iat": now, "exp": now + 600,
        });
        let mut tokens = json!({
            "access_token": format!("access-{}", settings.token_requests),
            "token_type": "DPoP",
            "expires_in": 900,
            "refresh_token": "refresh",
            "id_token": self.sign(&claims),
        });
        tokens.as_object_mut().expect("an object").extend(settings.token_members.clone());
        tokens
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": "k1" });
        let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("it signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Reads a request to its end, and returns its path.
async fn receive(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Ok(0), |length| length.trim().parse()).ok()?;
            if request.len() >= end + 4 + length {
                let target = head.split(' ').nth(1)?;
                return Some(target.split('?').next()?.to_owned());
            }
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}

/// The redirect URI of the app.
pub(crate) const REDIRECT_URI: &str = "com.example.notes:/signed-in";
