//! The whole server in a test: the real router over a real database in a temporary folder, its clocks in hand.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

use super::{AppState, Parts};
use crate::accounts::{Passwords, users};
use crate::limits::{LimitClock, Limits};
use crate::manage::{ClientSpec, UserSpec};
use crate::oauth::clients;
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::config::{Config, Database, MasterKey, RedisUrl};
use moorline_server_base::random::Random;
use moorline_server_keys::{Algorithm, Keys, TokenType};
use moorline_server_shared::testing::RedisServer;
use moorline_server_store::testing::PostgresDatabase;
use moorline_server_store::{Actor, Options, Row, Store, StoreError, Value};

/// The time at which every test begins.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Connections to Postgres of one test: many tests run at once.
pub(crate) const LANES: usize = 3;

const ACTOR: Actor = Actor::System("a test");

pub(crate) struct TestServer {
    pub(crate) state: AppState,
    pub(crate) limit_clock: LimitClock,
    router: Router,
    home: Home,
}

/// Where a test's server lives: a folder and, where the tests run on Postgres, a database.
pub(crate) struct Home {
    /// What nodes share; it stops before its folder goes.
    redis: Option<RedisServer>,
    folder: tempfile::TempDir,
    postgres: Option<PostgresDatabase>,
}

impl Home {
    /// On the engine that the tests run on.
    pub(crate) fn new() -> Self {
        Self { postgres: PostgresDatabase::make(), ..Self::on_sqlite() }
    }

    /// On SQLite always: for a test about its files.
    pub(crate) fn on_sqlite() -> Self {
        Self { redis: None, folder: tempfile::tempdir().unwrap(), postgres: None }
    }

    /// With a Redis; `None` where the tests have none.
    pub(crate) fn with_redis() -> Option<Self> {
        let mut home = Self::new();
        home.redis = Some(RedisServer::start(home.path(), &[])?);
        Some(home)
    }

    /// For several nodes; `None` where the tests run on SQLite, or have no Redis.
    pub(crate) fn for_nodes() -> Option<Self> {
        Self::with_redis().filter(Self::is_shared)
    }

    pub(crate) fn redis(&mut self) -> &mut RedisServer {
        self.redis.as_mut().unwrap()
    }

    pub(crate) fn redis_url(&self) -> Option<RedisUrl> {
        self.redis.as_ref().map(RedisServer::url)
    }

    /// Whether several nodes can use the database.
    pub(crate) const fn is_shared(&self) -> bool {
        self.postgres.is_some()
    }

    pub(crate) fn postgres_database(&self) -> &PostgresDatabase {
        self.postgres.as_ref().unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> Database {
        let file = || self.path().join("moorline.db").into();
        self.postgres.as_ref().map_or_else(file, PostgresDatabase::database)
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let home = Home::new();
        let issuer = "https://id.example.com".parse().unwrap();
        let mut config = Config::new(issuer, home.database(), MasterKey::new([7; 32]));
        change(&mut config);
        let store = database_with_keys().await.store(&home, &config).await;
        let (random, clock, limit_clock) = (Random::system(), Clock::manual(NOW), LimitClock::manual());
        let keys = Keys::open(&store, config.master_keys(), &random, NOW).await.unwrap();
        let limits = Limits::new(&config.limits, limit_clock.clone());
        let passwords = Passwords::new(&config.passwords, random.clone());
        let state = AppState::new(Parts {
            config,
            store,
            keys,
            clock,
            random,
            limits,
            passwords,
            shared: None,
            membership: None,
        });
        Self { router: super::router(state.clone()), state, limit_clock, home }
    }

    /// The same database under a server that has just started: what only memory knew is gone.
    pub(crate) fn restarted(self) -> Self {
        let (old, limit_clock) = (&self.state, LimitClock::manual());
        let state = AppState::new(Parts {
            config: old.config.clone(),
            store: old.store.clone(),
            keys: old.keys.clone(),
            clock: old.clock.clone(),
            random: old.random.clone(),
            limits: Limits::new(&old.config.limits, limit_clock.clone()),
            passwords: old.passwords.clone(),
            shared: None,
            membership: None,
        });
        Self { router: super::router(state.clone()), state, limit_clock, home: self.home }
    }

    /// Registers a client, in the form of `--client`.
    pub(crate) async fn client(&self, spec: &str) {
        let client = spec.parse::<ClientSpec>().unwrap().client(NOW).unwrap();
        self.state.store.write(&ACTOR, move |tx| clients::put(tx, &client)).await.unwrap();
    }

    /// Adds a person, in the form of `--user`, and returns their id.
    pub(crate) async fn user(&self, spec: &str) -> String {
        let spec: UserSpec = spec.parse().unwrap();
        let hash = self.state.passwords.hash(spec.password.clone()).await.unwrap();
        let (random, new) = (self.state.random.clone(), spec.new_user(hash));
        self.state.store.write(&ACTOR, move |tx| users::add(tx, &random, NOW, new)).await.unwrap().id
    }

    /// Stores a valid authorization request of that client and returns its id.
    pub(crate) async fn authorization_request(&self, client_id: &str, redirect_uri: &str) -> String {
        let id = self.state.random.id();
        let params = [&id, client_id, redirect_uri].map(Value::from);
        let ends = self.state.clock.now().after(self.state.oauth().request_lifetime);
        let params = Vec::from_iter(params.into_iter().chain([Value::from(NOW), ends.into()]));
        self.sql(
            "INSERT INTO authorization_requests (id, client_id, redirect_uri, scope, code_challenge, prompt,
             created_at, expires_at) VALUES ($1, $2, $3, 'notes.read openid', 'x', '', $4, $5)",
            params,
        )
        .await;
        id
    }

    /// A good access token of a live session of that person, by way of the client `app`.
    pub(crate) async fn token(&self, user_id: &str, scope: &str, roles: &[&str]) -> String {
        let sid = self.session(user_id, scope).await;
        self.sign(TokenType::AccessToken, user_id, &sid, scope, roles)
    }

    /// The same, signed with the server's key of this algorithm, for a person of the role `user`.
    pub(crate) async fn token_by(&self, algorithm: Algorithm, user_id: &str, scope: &str) -> String {
        let sid = self.session(user_id, scope).await;
        let claims = self.claims(user_id, &sid, scope, &["user"]);
        self.state.keys.sign(algorithm, TokenType::AccessToken, &claims, self.state.clock.now()).unwrap()
    }

    /// The same, bound to the key of this thumbprint, for a person of the role `user`.
    pub(crate) async fn bound_token(&self, user_id: &str, scope: &str, jkt: &str) -> String {
        let sid = self.session(user_id, scope).await;
        let mut claims = self.claims(user_id, &sid, scope, &["user"]);
        claims["cnf"] = serde_json::json!({ "jkt": jkt });
        self.state
            .keys
            .sign(Algorithm::Rs256, TokenType::AccessToken, &claims, self.state.clock.now())
            .unwrap()
    }

    /// A live session of that person, by way of the client `app`: its `sid`.
    async fn session(&self, user_id: &str, scope: &str) -> String {
        let sid = self.state.random.id();
        self.sql(
            "INSERT INTO sessions (id, locator, client_id, user_id, scope, answered_scope, secret, generation, history, hole, created_at,
             auth_time_at, rotated_at, minute_at, minute_rotations, idle_end_at, absolute_end_at)
             VALUES ($1, $2, 'app', $3, $4, $4, $2, 0, $2, $2, $5, $5, $5, $5, 0, $6, $6)",
            vec![
                Value::from(&sid),
                self.state.random.bytes::<16>().into(),
                user_id.into(),
                scope.into(),
                NOW.into(),
                Value::from(i64::MAX),
            ],
        )
        .await;
        sid
    }

    /// A token of any type and session, signed with the server's own key.
    pub(crate) fn sign(
        &self,
        typ: TokenType,
        user_id: &str,
        sid: &str,
        scope: &str,
        roles: &[&str],
    ) -> String {
        self.state
            .keys
            .sign(Algorithm::Rs256, typ, &self.claims(user_id, sid, scope, roles), self.state.clock.now())
            .unwrap()
    }

    fn claims(&self, user_id: &str, sid: &str, scope: &str, roles: &[&str]) -> serde_json::Value {
        let now = self.state.clock.now();
        serde_json::json!({
            "iss": self.state.oauth().issuer, "aud": self.state.oauth().api, "sub": user_id, "sid": sid,
            "client_id": "app", "scope": scope, "roles": roles, "jti": "j", "auth_time": now.seconds(),
            "iat": now.seconds(), "exp": now.seconds() + 900,
        })
    }

    /// Runs a statement past all capabilities.
    pub(crate) async fn sql(&self, sql: &'static str, params: Vec<Value>) {
        let done: Result<u64, StoreError> =
            self.state.store.write(&ACTOR, move |tx| tx.execute(sql, &params)).await;
        done.unwrap();
    }

    /// How many rows a `SELECT` finds.
    pub(crate) async fn rows(&self, sql: &'static str) -> usize {
        self.select(sql).await.len()
    }

    /// Checks how many ends of sessions have a number. On Postgres none has: there is no revocation log.
    pub(crate) async fn has_ends(&self, why: &'static str, expected: usize) {
        let ends = self.select("SELECT why FROM session_ends").await;
        let found = ends.iter().filter(|row| row.text("why").unwrap() == why).count();
        assert_eq!(found, if self.home.is_shared() { 0 } else { expected }, "{why}");
    }

    /// The rows that a `SELECT` finds.
    pub(crate) async fn select(&self, sql: &'static str) -> Vec<Row> {
        let found: Result<_, StoreError> = self.state.store.read(&ACTOR, move |tx| tx.query(sql, &[])).await;
        found.unwrap()
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let socket = SocketAddr::from(([192, 0, 2, 1], 50_000));
        request.extensions_mut().get_or_insert_with(|| ConnectInfo(socket));
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("id.example.com"));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(ask(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// A request to the API with a token and, unless it is empty, a JSON body.
    pub(crate) async fn api(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(HeaderName, &str)],
        body: &str,
    ) -> Answer {
        let mut request = ask(method, path).header(AUTHORIZATION, format!("Bearer {token}"));
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

/// A fresh database that has its signing keys: making those takes longer than most tests.
struct WithKeys {
    /// The files of SQLite.
    files: Vec<(&'static str, Vec<u8>)>,
    /// The sealed keys, for Postgres.
    keys: Vec<Row>,
}

impl WithKeys {
    async fn store(&self, home: &Home, config: &Config) -> Store {
        for (name, content) in &self.files {
            std::fs::write(home.path().join(name), content).unwrap();
        }
        let store = Store::open(&Options::new(config.database.clone()).lanes(LANES)).unwrap();
        for key in &self.keys {
            let params =
                [Value::from(key.text("kid").unwrap()), key.blob("private_key").unwrap().into(), NOW.into()];
            let insert = "INSERT INTO signing_keys (kid, alg, private_key, published_at, active_at)
                 VALUES ($1, 'RS256', $2, $3, $3)";
            let done: Result<u64, StoreError> =
                store.write(&ACTOR, move |tx| tx.execute(insert, &params)).await;
            done.unwrap();
        }
        store
    }
}

async fn database_with_keys() -> &'static WithKeys {
    static MADE: OnceCell<WithKeys> = OnceCell::const_new();
    let make = async || {
        let home = Home::new();
        let store = Store::open(&Options::new(home.database()).lanes(1)).unwrap();
        Keys::open(&store, &MasterKey::new([7; 32]).into(), &Random::system(), NOW).await.unwrap();
        if home.is_shared() {
            let keys: Result<_, StoreError> =
                store.read(&ACTOR, |tx| tx.query("SELECT kid, private_key FROM signing_keys", &[])).await;
            return WithKeys { files: Vec::new(), keys: keys.unwrap() };
        }
        let files = ["moorline.db", "moorline.db-wal"]
            .map(|name| (name, std::fs::read(home.path().join(name)).unwrap()))
            .to_vec();
        WithKeys { files, keys: Vec::new() }
    };
    MADE.get_or_init(make).await
}

pub(crate) fn ask(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(HOST, "id.example.com")
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem document of that status and kind.
    pub(crate) fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:moorline:problem:{kind}"));
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string());
    }

    /// Checks that this is a page of that status.
    pub(crate) fn is_page(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8");
        assert!(self.body.contains("<main>") && self.body.contains("<h1>"), "{}", self.body);
        assert!(!self.body.contains("<script") && !self.body.contains("style="), "{}", self.body);
    }
}

/// A browser: it keeps cookies, and fills in forms as they are.
pub(crate) struct Browser<'a> {
    server: &'a TestServer,
    address: [u8; 4],
    cookies: std::sync::Mutex<std::collections::BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    pub(crate) fn of(server: &'a TestServer) -> Self {
        Self::at(server, [192, 0, 2, 1])
    }

    pub(crate) fn at(server: &'a TestServer, address: [u8; 4]) -> Self {
        Self { server, address, cookies: std::sync::Mutex::default() }
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(ask(Method::GET, path), Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = ask(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(body)).await
    }

    /// Opens the sign-in page and submits it.
    pub(crate) async fn sign_in(&self, request: Option<&str>, username: &str, password: &str) -> Answer {
        let path = request.map_or("/sign-in".to_owned(), |id| format!("/sign-in?request={id}"));
        let csrf = hidden(&self.get(&path).await.body, "csrf");
        let mut fields = vec![("csrf", csrf.as_str()), ("username", username), ("password", password)];
        fields.extend(request.map(|id| ("request", id)));
        self.post("/sign-in", &fields).await
    }

    async fn send(&self, request: http::request::Builder, body: Body) -> Answer {
        let cookies =
            self.cookies.lock().unwrap().iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        let mut request = request.header(COOKIE, cookies.join("; ")).body(body).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((self.address, 50_000))));
        let answer = self.server.send(request).await;
        for set in answer.headers.get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if set.contains("Max-Age=0") {
                cookies.remove(name)
            } else {
                cookies.insert(name.into(), value.into())
            };
        }
        answer
    }
}

/// The value of a hidden field of a page.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let at = page.find(&start).unwrap_or_else(|| panic!("no field {name} in {page}")) + start.len();
    page[at..].split('"').next().unwrap().to_owned()
}
