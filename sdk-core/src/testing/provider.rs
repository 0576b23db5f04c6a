//! A provider on loopback for tests: it rotates by the server's rules, and loses, delays and garbles what a test wants.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use url::Url;

use crate::token::signer::Signer;

/// A running provider. It stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct FakeProvider {
    pub(crate) issuer: String,
    state: Arc<Mutex<State>>,
}

/// What happens to the next request of the token endpoint.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It is done, and its answer is lost.
    LoseAnswer,
    /// It is not done, and this is answered.
    Instead(u16, &'static str),
    /// It waits for the gate before it is done.
    HoldBefore(Gate),
    /// It is done, and its answer waits for the gate.
    HoldAnswer(Gate),
}

/// Holds a request until a test opens it.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Semaphore, Semaphore)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }

    /// Until a request stands at the gate.
    pub(crate) async fn reached(&self) {
        self.0.0.acquire().await.unwrap().forget();
    }

    pub(crate) fn open(&self) {
        self.0.1.add_permits(1);
    }

    async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.unwrap().forget();
    }
}

/// What a test sets and looks at.
pub(crate) struct State {
    pub(crate) knows_attempts: bool,
    pub(crate) issues_refresh_tokens: bool,
    pub(crate) expires_in: Value,
    pub(crate) faults: VecDeque<Fault>,
    /// Whether every connection is closed before anything is read.
    pub(crate) down: bool,
    /// What is answered at these paths instead.
    pub(crate) overrides: HashMap<&'static str, (u16, String)>,
    /// Claims to put into ID tokens in place of the right ones.
    pub(crate) claims: Value,
    pub(crate) requests: Vec<Seen>,
    pub(crate) sessions: Vec<Row>,
    pub(crate) dead_access_tokens: HashSet<String>,
    /// Added to the time in ID tokens.
    pub(crate) ahead: i64,
    nonces: HashMap<String, String>,
    codes: HashMap<String, String>,
    signer: Signer,
    serial: usize,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) form: HashMap<String, String>,
    pub(crate) authorization: Option<String>,
}

/// A session, as the real server keeps it.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) generation: usize,
    pub(crate) revoked: bool,
    /// By generation, the attempt that ended it.
    attempts: Vec<Option<String>>,
    answer: Option<Value>,
}

impl FakeProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            knows_attempts: true,
            issues_refresh_tokens: true,
            expires_in: json!(900),
            faults: VecDeque::new(),
            down: false,
            overrides: HashMap::new(),
            claims: json!({}),
            requests: Vec::new(),
            sessions: Vec::new(),
            dead_access_tokens: HashSet::new(),
            ahead: 0,
            nonces: HashMap::new(),
            codes: HashMap::new(),
            signer: Signer::es256("k1"),
            serial: 0,
        };
        let provider = Self { issuer, state: Arc::new(Mutex::new(state)) };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        provider
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// What the browser does: somebody signs in, and comes back to this address.
    pub(crate) fn authorize(&self, url: &str) -> String {
        let url = Url::parse(url).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256");
        let mut state = self.state();
        state.serial += 1;
        let code = format!("code-{}", state.serial);
        state.nonces.insert(code.clone(), query["nonce"].clone());
        state.codes.insert(code.clone(), query["code_challenge"].clone());
        let mut back = Url::parse(&query["redirect_uri"]).unwrap();
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &query["state"])
            .append_pair("iss", &self.issuer);
        back.into()
    }

    /// The refreshes that came.
    pub(crate) fn refreshes(&self) -> Vec<Seen> {
        let state = self.state();
        let refreshes = state
            .requests
            .iter()
            .filter(|seen| seen.form.get("grant_type").is_some_and(|kind| kind == "refresh_token"));
        refreshes.cloned().collect()
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.state().requests.iter().filter(|seen| seen.path == path).count()
    }

    /// Time passes at the provider: what it answers again has expired.
    pub(crate) fn expire_the_last_answer(&self) {
        let mut state = self.state();
        let row = state.sessions.last_mut().unwrap();
        row.answer.as_mut().unwrap()["expires_in"] = json!(0);
    }

    /// The generation of the latest session, while it lives.
    pub(crate) fn live_generation(&self) -> Option<usize> {
        self.state().sessions.last().filter(|row| !row.revoked).map(|row| row.generation)
    }

    async fn serve(self, mut stream: TcpStream) {
        if self.state().down {
            return;
        }
        let Some(seen) = read_request(&mut stream).await else { return };
        let fault = {
            let mut state = self.state();
            state.requests.push(seen.clone());
            if seen.path == "/token" { state.faults.pop_front() } else { None }
        };
        let (status, body) = match fault {
            None => self.answer(&seen),
            Some(Fault::LoseAnswer) => {
                self.answer(&seen);
                return;
            }
            Some(Fault::Instead(status, body)) => (status, body.to_owned()),
            Some(Fault::HoldBefore(gate)) => {
                gate.pass().await;
                self.answer(&seen)
            }
            Some(Fault::HoldAnswer(gate)) => {
                let answer = self.answer(&seen);
                gate.pass().await;
                answer
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        let _ = stream.shutdown().await;
    }

    fn answer(&self, seen: &Seen) -> (u16, String) {
        let mut state = self.state();
        if let Some(instead) = state.overrides.get(seen.path.as_str()) {
            return instead.clone();
        }
        let (status, body) = match seen.path.as_str() {
            "/.well-known/openid-configuration" => (200, self.metadata(&state)),
            "/jwks" => (200, json!({ "keys": [state.signer.jwk()] })),
            "/token" if seen.form["grant_type"] == "authorization_code" => {
                state.exchange(&self.issuer, &seen.form)
            }
            "/token" => state.refresh(&seen.form),
            "/revoke" => state.revoke(&seen.form),
            "/userinfo" if state.lets_in(seen) => {
                (200, json!({ "sub": "ada", "name": "Ada", "email": "ada@example.com" }))
            }
            "/api" if state.lets_in(seen) => (200, json!({ "hello": "ada" })),
            "/userinfo" | "/api" => (401, json!({ "error": "invalid_token" })),
            _ => (404, json!({})),
        };
        (status, body.to_string())
    }

    fn metadata(&self, state: &State) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "revocation_endpoint": at("/revoke"),
            "userinfo_endpoint": at("/userinfo"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "refresh_attempt_supported": state.knows_attempts,
        })
    }
}

impl State {
    fn exchange(&mut self, issuer: &str, form: &HashMap<String, String>) -> (u16, Value) {
        let code = &form["code"];
        let verifier = crate::vault::Secret::new(form["code_verifier"].clone());
        let challenge = oauth2::PkceCodeChallenge::from_code_verifier_sha256(&oauth2::PkceCodeVerifier::new(
            verifier.expose().to_owned(),
        ));
        match self.codes.remove(code) {
            Some(expected) if expected == challenge.as_str() => {}
            Some(_) => {
                return (400, json!({ "error": "invalid_grant", "error_description": "wrong verifier" }));
            }
            None => {
                // A code that is used twice costs what the first use gave.
                self.sessions.iter_mut().for_each(|row| row.revoked = true);
                return (400, json!({ "error": "invalid_grant" }));
            }
        }
        self.sessions.push(Row::default());
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let now = i64::try_from(now).unwrap() + self.ahead;
        let mut claims = json!({
            "iss": issuer, "aud": form["client_id"], "sub": "ada", "name": "Ada", "nonce": self.nonces[code],
            "iat": now, "exp": now + 300, "auth_time": now,
        });
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut answer = self.tokens();
        answer["id_token"] = self.signer.sign(&claims).into();
        (200, answer)
    }

    /// The tokens of the latest session's present generation.
    fn tokens(&mut self) -> Value {
        self.serial += 1;
        let row = self.sessions.len() - 1;
        let refresh_token = format!("seen-rt-{row}-{}", self.sessions[row].generation);
        json!({
            "access_token": format!("seen-at-{}", self.serial),
            "refresh_token": self.issues_refresh_tokens.then_some(refresh_token),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": "openid offline_access",
        })
    }

    /// Rows 8, 11, 13, 16, 17 and 20 of the server's table.
    fn refresh(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        let gone = (400, json!({ "error": "invalid_grant" }));
        let Some((row, generation)) = parse(&form["refresh_token"]) else { return gone };
        let attempt = form.get("refresh_attempt").cloned();
        if self.sessions[row].revoked {
            return gone;
        }
        let present = self.sessions[row].generation;
        if generation == present {
            let session = &mut self.sessions[row];
            session.generation += 1;
            session.attempts.push(attempt);
            let tokens = self.tokens();
            self.sessions[row].answer = Some(tokens.clone());
            return (200, tokens);
        }
        let session = &mut self.sessions[row];
        let known = attempt.is_some() && session.attempts.get(generation) == Some(&attempt);
        if known && generation + 1 == present {
            return (200, session.answer.clone().unwrap());
        }
        if known && generation + 17 > present {
            return (400, json!({ "error": "invalid_grant", "reason": "superseded" }));
        }
        session.revoked = true;
        gone
    }

    fn revoke(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        if let Some((row, _)) = parse(&form["token"]) {
            self.sessions[row].revoked = true;
        }
        (200, json!({}))
    }

    fn lets_in(&self, seen: &Seen) -> bool {
        let token = seen.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| !self.dead_access_tokens.contains(token))
    }
}

fn parse(token: &str) -> Option<(usize, usize)> {
    let (row, generation) = token.strip_prefix("seen-rt-")?.split_once('-')?;
    Some((row.parse().ok()?, generation.parse().ok()?))
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let (head, body) = loop {
        let count = stream.read(&mut buffer).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..count]);
        let text = std::str::from_utf8(&bytes).ok()?;
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= header(head, "content-length").map_or(0, |length| length.parse().unwrap())
        {
            break (head.to_owned(), body.to_owned());
        }
    };
    let target = head.split(' ').nth(1)?;
    Some(Seen {
        path: target.split('?').next()?.to_owned(),
        form: url::form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
        authorization: header(&head, "authorization").map(str::to_owned),
    })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find_map(|(n, value)| n.eq_ignore_ascii_case(name).then(|| value.trim()))
}
