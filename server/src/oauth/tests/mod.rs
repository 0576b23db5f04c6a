//! The OAuth endpoints through the whole router, on a real database in a temporary folder.

mod authorize;
mod clock;
mod code;
mod discovery;
mod dpop;
mod dpop_clients;
mod dpop_idle;
mod dpop_memory;
mod dpop_resources;
mod es256;
mod issuer;
mod master_key;
mod nodes;
mod places;
mod read_only;
mod refresh;
mod refresh_faults;
mod refusals;
mod replica;
mod restore;
mod restore_operator;
mod revoke;
mod shared;
mod sweep;
mod upgrade;
mod userinfo;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue, LOCATION};
use http::{Request, StatusCode};
use serde_json::Value as Json;
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::clients::{self, Client, ConsentRule, SecretHash};
use crate::accounts::users::{self, NewUser};
use crate::http::AppState;
use crate::http::testing::{Home, LANES};
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::config::{Config, MasterKey};
use moorline_server_base::policy::Scope;
use moorline_server_keys::Algorithm;
use moorline_server_store::{Actor, Row, StoreError, Value};

const ISSUER: &str = "https://id.example.com";
const CALLBACK: &str = "https://notes.example.com/signed-in";
const NATIVE: &str = "com.example.notes:/signed-in";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const ALL: &str = "openid profile email offline_access notes.read notes.write";
const START: Timestamp = Timestamp::from_millis(1_700_000_000_123);
const SECRET: &str = "a secret of the web app: 100%";
const TEST: Actor = Actor::System("test");

/// A server with its clock in our hand: client `app` (public, ours), `asking` (public), `web` (confidential), person
/// `ada`.
struct World {
    folder: Home,
    state: AppState,
    router: Router,
    clock: Clock,
    ada: String,
}

/// An answer of the server.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What a sign-in gives an app.
#[derive(Clone)]
struct Tokens {
    access: String,
    refresh: String,
    id: String,
}

impl World {
    async fn new() -> Self {
        Self::with(|config| config.limits.enabled = false).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::begin(Home::new(), change).await
    }

    /// On SQLite always: for a test about its files, its writer or its replicas.
    async fn on_sqlite() -> Self {
        Self::begin(Home::on_sqlite(), |config| config.limits.enabled = false).await
    }

    async fn begin(folder: Home, change: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual(START);
        let state = open(&folder, &clock, change).await;
        let random = state.random.clone();
        let ada = state
            .store
            .write(&TEST, move |tx| {
                for client in clients() {
                    clients::put(tx, &client)?;
                }
                let new = NewUser {
                    username: "ada".to_owned(),
                    password_hash: None,
                    name: Some("Ada Lovelace".to_owned()),
                    email: Some("ada@example.com".to_owned()),
                    roles: vec!["user".to_owned()],
                };
                users::add(tx, &random, START, new).map_err(|error| StoreError::Defect(error.to_string()))
            })
            .await
            .unwrap();
        Self { folder, router: crate::http::router(state.clone()), state, clock, ada: ada.id }
    }

    /// The same database under a server that was started anew, as `change` says.
    async fn restarted(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { folder, state, router, clock, ada } = self;
        drop((state, router));
        let state = open(&folder, &clock, change).await;
        Self { folder, router: crate::http::router(state.clone()), state, clock, ada }
    }

    async fn send(&self, mut request: Request<Body>) -> Reply {
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("id.example.com"));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, body: body.to_vec() }
    }

    async fn get(&self, path: &str, headers: &[(http::HeaderName, &str)]) -> Reply {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn form(&self, path: &str, params: &[(&str, &str)], headers: &[(http::HeaderName, &str)]) -> Reply {
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(request.body(Body::from(encode(params))).unwrap()).await
    }

    /// Ada's browser, signed in just now: its cookie.
    async fn browser(&self) -> String {
        let cookie = self.state.random.secret().to_string();
        let (hash, user, now) =
            (moorline_server_base::digest::sha256(cookie.as_bytes()), self.ada.clone(), self.clock.now());
        let end = now.after(Duration::from_secs(12 * 3600));
        self.sql(
            "INSERT INTO browser_sessions (id_hash, user_id, authenticated_at, expires_at) VALUES ($1, $2, $3, $4)",
            vec![hash.into(), user.into(), now.into(), end.into()],
        )
        .await;
        format!("__Host-moorline-session={cookie}")
    }

    async fn authorize(&self, cookie: Option<&str>, params: &[(&str, &str)]) -> Reply {
        let headers: Vec<_> = cookie.map(|cookie| (COOKIE, cookie)).into_iter().collect();
        self.get(&format!("/oauth/authorize?{}", encode(params)), &headers).await
    }

    /// A code for `client_id`, whose person is signed in.
    async fn code(&self, client_id: &str, scope: &str) -> String {
        let cookie = self.browser().await;
        let reply =
            self.authorize(Some(&cookie), &request(&[("client_id", client_id), ("scope", scope)])).await;
        reply.answer("code").unwrap()
    }

    async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Reply {
        let defaults = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.form("/oauth/token", &changed(&defaults, changes), &[]).await
    }

    async fn sign_in(&self) -> Tokens {
        let code = self.code("app", ALL).await;
        self.exchange(&code, &[]).await.tokens()
    }

    async fn refresh(&self, token: &str, attempt: Option<&str>) -> Reply {
        let attempt: Vec<_> = attempt.map(|attempt| ("refresh_attempt", attempt)).into_iter().collect();
        self.refresh_with(token, &attempt).await
    }

    async fn refresh_with(&self, token: &str, changes: &[(&str, &str)]) -> Reply {
        let defaults = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
        self.form("/oauth/token", &changed(&defaults, changes), &[]).await
    }

    async fn revoke(&self, token: &str) -> Reply {
        self.form("/oauth/revoke", &[("client_id", "app"), ("token", token)], &[]).await
    }

    async fn userinfo(&self, access_token: &str) -> Reply {
        self.get("/oauth/userinfo", &[(AUTHORIZATION, &format!("Bearer {access_token}"))]).await
    }

    async fn sql(&self, sql: &'static str, params: Vec<Value>) -> Vec<Row> {
        self.state.store.write(&TEST, move |tx| tx.query(sql, &params)).await.unwrap()
    }

    /// How many audit rows of this event there are.
    async fn events(&self, name: &str) -> i64 {
        let rows = self.sql("SELECT COUNT(*) AS n FROM audit WHERE event = $1", vec![name.into()]).await;
        rows[0].integer("n").unwrap()
    }

    /// The one session's row as text, to see that nothing changed.
    async fn row(&self) -> String {
        let rows = self
            .sql(
                "SELECT generation, rotated_at, idle_end_at, COALESCE(revoked_why, 'live') AS why, attempt, history
                 FROM sessions",
                Vec::new(),
            )
            .await;
        assert_eq!(rows.len(), 1, "one row a session, never one a token");
        let number = |column| rows[0].integer(column).unwrap();
        format!(
            "{} {} {} {} {:?} {:?}",
            number("generation"),
            number("rotated_at"),
            number("idle_end_at"),
            rows[0].text("why").unwrap(),
            rows[0].optional_blob("attempt").unwrap(),
            rows[0].blob("history").unwrap(),
        )
    }

    async fn is_alive(&self) -> bool {
        self.row().await.contains(" live ")
    }
}

async fn open(folder: &Home, clock: &Clock, change: impl FnOnce(&mut Config)) -> AppState {
    let mut config = Config::new(ISSUER.parse().unwrap(), folder.database(), MasterKey::new([3; 32]));
    config.store.lanes = LANES;
    config.store.revocation_log = config.database.file().map(|file| file.with_extension("ends"));
    config.shared = folder.redis_url();
    // These tests move the clock by months; rejected clocks have tests of their own.
    config.store.clock_jump = moorline_server_base::config::Span::seconds(3660 * 86_400);
    change(&mut config);
    crate::start::open(config, clock.clone()).await.unwrap()
}

fn clients() -> [Client; 4] {
    let client = |id: &str, secret: Option<&str>, consent| Client {
        id: id.to_owned(),
        name: format!("The {id}"),
        secret: secret.map(SecretHash::of),
        redirect_uris: [CALLBACK, NATIVE, "http://127.0.0.1/callback"].map(str::to_owned).to_vec(),
        scopes: Scope::parse(ALL).unwrap(),
        origins: Vec::new(),
        consent,
        dpop_bound_access_tokens: false,
        access_token_alg: Algorithm::default(),
        created_at: START,
    };
    [
        client("app", None, ConsentRule::Skip),
        client("other", None, ConsentRule::Skip),
        client("asking", None, ConsentRule::Ask),
        client("web", Some(SECRET), ConsentRule::Skip),
    ]
}

/// A good authorization request, changed.
fn request<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let defaults = [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("scope", ALL),
        ("state", "the state & more"),
        ("nonce", "the nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    changed(&defaults, changes)
}

/// The parameters with some set otherwise; one that is set to nothing is left out.
fn changed<'a>(defaults: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = defaults.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    kept.chain(changes).filter(|(_, value)| !value.is_empty()).copied().collect()
}

fn encode(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

impl Reply {
    fn json(&self) -> Json {
        assert_eq!(self.headers[CONTENT_TYPE], "application/json", "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The tokens of a good answer.
    fn tokens(&self) -> Tokens {
        let json = self.json();
        assert_eq!(self.status, StatusCode::OK, "{json}");
        assert_eq!(self.headers["cache-control"], "no-store");
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Tokens { access: text("access_token"), refresh: text("refresh_token"), id: text("id_token") }
    }

    /// Status, code and reason of an OAuth error in its own form.
    fn error(&self) -> (u16, String, Option<String>) {
        let json = self.json();
        assert!(!self.status.is_success(), "{json}");
        assert!(json["error_description"].is_string(), "{json}");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert!(json.get("access_token").is_none() && json.get("refresh_token").is_none());
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        (self.status.as_u16(), text("error").unwrap(), text("reason"))
    }

    #[track_caller]
    fn refuses(&self, status: u16, code: &str) {
        assert_eq!(self.error(), (status, code.to_owned(), None));
    }

    #[track_caller]
    fn is_superseded(&self) {
        assert_eq!(self.error(), (400, "invalid_grant".to_owned(), Some("superseded".to_owned())));
    }

    fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text());
        self.headers[LOCATION].to_str().unwrap()
    }

    /// A parameter of the answer at the client's redirect URI.
    fn answer(&self, name: &str) -> Option<String> {
        let (uri, query) = self.location().split_once('?').unwrap();
        assert_eq!(uri, CALLBACK);
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

fn claims(token: &str) -> Json {
    moorline_server_keys::decode(token).unwrap()
}

/// An attempt key, as the SDK makes them.
fn attempt(number: u32) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode(moorline_server_base::digest::sha256(&number.to_be_bytes()))
}
