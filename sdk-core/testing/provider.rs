//! A provider on loopback for tests: it rotates by the server's rules, and loses, delays and garbles what a test
//! wants.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::{clock::TestClock, devices::Devices, signer::Signer};
use super::{
    fault::Fault,
    proofs::{Proofs, Proven, Refused},
    request::{Seen, read_request},
};

/// A running provider. It stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct FakeProvider {
    pub(crate) issuer: String,
    state: Arc<Mutex<State>>,
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
    /// The paths at which nothing is ever answered.
    pub(crate) hung: HashSet<&'static str>,
    /// What each answer asks to wait, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Whether it has an endpoint for pushed requests, and requires them.
    pub(crate) takes_pushed_requests: bool,
    pub(crate) requires_pushed_requests: bool,
    /// The status and challenge with which the API asks more of the user.
    pub(crate) challenge: Option<(u16, &'static str)>,
    pub(crate) devices: Devices,
    /// By `request_uri`: what was pushed.
    pushed: HashMap<String, HashMap<String, String>>,
    /// Claims to put into ID tokens in place of the right ones.
    pub(crate) claims: Value,
    pub(crate) requests: Vec<Seen>,
    pub(crate) sessions: Vec<Row>,
    pub(crate) refused_access_tokens: HashSet<String>,
    /// Added to the time in ID tokens.
    pub(crate) ahead: i64,
    /// Whether answers have a `Date`.
    pub(crate) tells_time: bool,
    /// Whether it binds tokens, and whether its metadata says so.
    pub(crate) binds: bool,
    pub(crate) says_that_it_binds: bool,
    /// Whether only refresh tokens are bound, and access tokens are bearer tokens (RFC 9449 §5).
    pub(crate) binds_refresh_tokens_alone: bool,
    /// The `token_type` to say in place of the right one.
    pub(crate) token_type: Option<Value>,
    pub(crate) proofs: Proofs,
    /// Whether every nonce that it hands out is old already.
    pub(crate) restless: bool,
    /// Those that were only asked for a nonce; they aren't among the others, and use up no fault.
    pub(crate) challenged: Vec<Seen>,
    clock: Arc<TestClock>,
    nonces: HashMap<String, String>,
    /// By code: its challenge, and its `dpop_jkt`.
    codes: HashMap<String, (String, Option<String>)>,
    /// By access token: what it is bound to.
    bindings: HashMap<String, Option<String>>,
    signer: Signer,
    serial: usize,
}

/// A session, as the real server keeps it.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) generation: usize,
    pub(crate) revoked: bool,
    /// What it is bound to.
    pub(crate) thumbprint: Option<String>,
    /// By generation, the attempt that ended it.
    attempts: Vec<Option<String>>,
    answer: Option<Value>,
}

impl FakeProvider {
    pub(crate) async fn start(clock: Arc<TestClock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            knows_attempts: true,
            issues_refresh_tokens: true,
            expires_in: json!(900),
            faults: VecDeque::new(),
            down: false,
            overrides: HashMap::new(),
            hung: HashSet::new(),
            retry_after: None,
            takes_pushed_requests: false,
            requires_pushed_requests: false,
            challenge: None,
            devices: Devices::default(),
            pushed: HashMap::new(),
            claims: json!({}),
            requests: Vec::new(),
            sessions: Vec::new(),
            refused_access_tokens: HashSet::new(),
            ahead: 0,
            tells_time: true,
            binds: true,
            says_that_it_binds: true,
            binds_refresh_tokens_alone: false,
            token_type: None,
            proofs: Proofs::default(),
            restless: false,
            challenged: Vec::new(),
            clock,
            bindings: HashMap::new(),
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

    /// What the browser does: the user signs in, and comes back to this address.
    pub(crate) fn authorize(&self, url: &str) -> String {
        let url = Url::parse(url).unwrap();
        let mut query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let mut state = self.state();
        if let Some(uri) = query.get("request_uri") {
            assert_eq!(query.len(), 2, "the client and the reference");
            query = state.pushed.remove(uri).expect("it was pushed, and is used once");
        }
        assert_eq!(query["code_challenge_method"], "S256");
        state.serial += 1;
        let code = format!("code-{}", state.serial);
        state.nonces.insert(code.clone(), query["nonce"].clone());
        let bound_to = query.get("dpop_jkt").cloned();
        state.codes.insert(code.clone(), (query["code_challenge"].clone(), bound_to));
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
        let Some(mut seen) = read_request(&mut stream).await else { return };
        let refused = self.state().check_proof(&self.issuer, &mut seen);
        let fault = {
            let mut state = self.state();
            let challenged = refused == Some(Refused::Nonce);
            let seen_where = if challenged { &mut state.challenged } else { &mut state.requests };
            seen_where.push(seen.clone());
            if seen.path == "/token" && !challenged { state.faults.pop_front() } else { None }
        };
        if refused.is_none() && self.state().hung.contains(seen.path.as_str()) {
            std::future::pending::<()>().await;
        }
        let answer = || match refused {
            Some(Refused::Nonce) => refusal(&seen, "use_dpop_nonce"),
            Some(Refused::Bad(_)) => refusal(&seen, "invalid_dpop_proof"),
            None => self.answer(&seen),
        };
        let (status, body) = match fault {
            None => answer(),
            Some(Fault::LoseAnswer) => {
                answer();
                return;
            }
            Some(Fault::Odd(write)) => {
                let (_, body) = answer();
                let _ = stream.write_all(&write(&body)).await;
                let _ = stream.shutdown().await;
                return;
            }
            Some(Fault::Instead(status, body)) => (status, body.to_owned()),
            Some(Fault::HoldInstead(gate, status, body)) => {
                gate.pass().await;
                (status, body.to_owned())
            }
            Some(Fault::HoldBefore(gate)) => {
                gate.pass().await;
                answer()
            }
            Some(Fault::HoldAnswer(gate)) => {
                let answer = answer();
                gate.pass().await;
                answer
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\
             {}\r\n",
            body.len(),
            self.state().headers(&seen, status, &body),
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
            "/token" | "/token2" if seen.form["grant_type"] == "authorization_code" => {
                state.exchange(&self.issuer, seen)
            }
            "/token" if seen.form.contains_key("device_code") => {
                state.exchange_device_code(&self.issuer, seen)
            }
            "/device" => state.devices.authorize(&self.issuer),
            "/token" | "/token2" => state.refresh(seen),
            "/revoke" => state.revoke(seen),
            "/par" => {
                let uri = format!("urn:ietf:params:oauth:request_uri:{}", state.pushed.len());
                state.pushed.insert(uri.clone(), seen.form.clone());
                (201, json!({ "request_uri": uri, "expires_in": 60 }))
            }
            "/userinfo" if state.lets_in(seen) => {
                (200, json!({ "sub": "ada", "name": "Ada", "email": "ada@example.com" }))
            }
            "/api" if let Some((status, _)) = state.challenge => (status, json!({})),
            "/api" if state.lets_in(seen) => (200, json!({ "hello": "ada" })),
            "/userinfo" | "/api" => (401, json!({ "error": "invalid_token" })),
            _ => (404, json!({})),
        };
        (status, body.to_string())
    }

    fn metadata(&self, state: &State) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let algorithms = (state.binds && state.says_that_it_binds).then(|| json!(["ES256", "EdDSA"]));
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "revocation_endpoint": at("/revoke"),
            "userinfo_endpoint": at("/userinfo"),
            "device_authorization_endpoint": state.devices.offered.then(|| at("/device")),
            "end_session_endpoint": at("/end-session"),
            "pushed_authorization_request_endpoint": state.takes_pushed_requests.then(|| at("/par")),
            "require_pushed_authorization_requests": state.requires_pushed_requests,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "dpop_signing_alg_values_supported": algorithms,
            "refresh_attempt_supported": state.knows_attempts,
        })
    }
}

impl State {
    /// Why the request's proof isn't accepted. A request without one may be all right: see who it is for.
    fn check_proof(&mut self, issuer: &str, seen: &mut Seen) -> Option<Refused> {
        let at_an_api = seen.authorization.is_some();
        if !self.binds || seen.proof.is_none() && !(at_an_api && seen.access_token()?.0 == "DPoP") {
            return None;
        }
        let now = self.now();
        let checked = self.proofs.check(&Proven {
            proof: seen.proof.as_deref(),
            method: &seen.method,
            address: &format!("{issuer}{}", seen.path),
            access_token: seen.access_token().map(|(_, token)| token),
            now,
        });
        match checked {
            Ok(accepted) => {
                seen.proof_id = Some(accepted.id);
                seen.thumbprint = Some(accepted.thumbprint);
                None
            }
            Err(refused) => Some(refused),
        }
    }

    fn headers(&mut self, seen: &Seen, status: u16, body: &str) -> String {
        let mut headers = String::new();
        if self.tells_time {
            headers += &format!("Date: {}\r\n", httpdate::fmt_http_date(self.clock.truth()));
        }
        if let Some(seconds) = self.retry_after {
            headers += &format!("Retry-After: {seconds}\r\n");
        }
        if let (true, Some(nonce)) = (self.binds, self.proofs.nonces.last()) {
            self.serial += usize::from(self.restless);
            let nonce = if self.restless { format!("old-{}", self.serial) } else { nonce.clone() };
            headers += &format!("DPoP-Nonce: {nonce}\r\n");
        }
        if let Some((_, challenge)) = self.challenge.filter(|_| seen.path == "/api") {
            headers += &format!("WWW-Authenticate: {challenge}\r\n");
        } else if let (401, Some((scheme, _))) = (status, seen.access_token()) {
            let error = serde_json::from_str::<Value>(body).unwrap_or_default()["error"].take();
            let error = error.as_str().map(|error| format!(" error=\"{error}\"")).unwrap_or_default();
            headers += &format!("WWW-Authenticate: {scheme}{error}\r\n");
        }
        headers
    }

    /// Unix seconds.
    fn now(&self) -> i64 {
        let now = self.clock.truth().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(now).unwrap()
    }

    fn exchange(&mut self, issuer: &str, seen: &Seen) -> (u16, Value) {
        let form = &seen.form;
        let code = &form["code"];
        let verifier = crate::secret::Secret::new(form["code_verifier"].clone());
        let challenge = oauth2::PkceCodeChallenge::from_code_verifier_sha256(&oauth2::PkceCodeVerifier::new(
            verifier.expose().to_owned(),
        ));
        let bound_to = self.codes.get(code).and_then(|(_, bound_to)| bound_to.clone());
        if bound_to.is_some() && bound_to != seen.thumbprint {
            return (400, json!({ "error": "invalid_dpop_proof" }));
        }
        match self.codes.remove(code) {
            Some((expected, _)) if expected == challenge.as_str() => {}
            Some(_) => {
                return (400, json!({ "error": "invalid_grant", "error_description": "wrong verifier" }));
            }
            None => {
                // A code that is used twice costs what the first use gave.
                self.sessions.iter_mut().for_each(|row| row.revoked = true);
                return (400, json!({ "error": "invalid_grant" }));
            }
        }
        let nonce = self.nonces[code].clone();
        (200, self.begin_session(issuer, seen, Some(nonce)))
    }

    /// The tokens of a new session.
    fn begin_session(&mut self, issuer: &str, seen: &Seen, nonce: Option<String>) -> Value {
        self.sessions.push(Row { thumbprint: seen.thumbprint.clone(), ..Row::default() });
        let now = self.now() + self.ahead;
        let mut claims = json!({
            "iss": issuer, "aud": seen.form["client_id"], "sub": "ada", "name": "Ada",
            "iat": now, "exp": now + 300, "auth_time": now,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut answer = self.tokens(self.sessions.len() - 1);
        answer["id_token"] = self.signer.sign(&claims).into();
        answer
    }

    /// The tokens of a session's present generation.
    fn tokens(&mut self, row: usize) -> Value {
        self.serial += 1;
        let refresh_token = format!("seen-rt-{row}-{}", self.sessions[row].generation);
        let access_token = format!("seen-at-{}", self.serial);
        let bound_to = self.sessions[row].thumbprint.clone().filter(|_| !self.binds_refresh_tokens_alone);
        let token_type = json!(if bound_to.is_some() { "DPoP" } else { "Bearer" });
        self.bindings.insert(access_token.clone(), bound_to);
        json!({
            "access_token": access_token,
            "refresh_token": self.issues_refresh_tokens.then_some(refresh_token),
            "token_type": self.token_type.as_ref().unwrap_or(&token_type),
            "expires_in": self.expires_in,
            "scope": "openid offline_access",
        })
    }

    fn exchange_device_code(&mut self, issuer: &str, seen: &Seen) -> (u16, Value) {
        match self.devices.consume(&seen.form["device_code"]) {
            Ok(()) => (200, self.begin_session(issuer, seen, None)),
            Err(error) => (400, json!({ "error": error })),
        }
    }

    /// Rows 5, 7, 8, 11, 13, 14, 16, 17 and 20 of the server's table.
    fn refresh(&mut self, seen: &Seen) -> (u16, Value) {
        let form = &seen.form;
        let gone = (400, json!({ "error": "invalid_grant" }));
        let Some((row, generation)) = parse(&form["refresh_token"]) else { return gone };
        let attempt = form.get("refresh_attempt").cloned();
        match (&self.sessions[row].thumbprint, &seen.thumbprint) {
            (Some(_), None) => return (400, json!({ "error": "invalid_dpop_proof" })),
            (Some(bound_to), Some(proved)) if bound_to != proved => return gone,
            _ => {}
        }
        if self.sessions[row].revoked {
            return gone;
        }
        let present = self.sessions[row].generation;
        if generation == present {
            let session = &mut self.sessions[row];
            session.generation += 1;
            session.attempts.push(attempt);
            let tokens = self.tokens(row);
            self.sessions[row].answer = Some(tokens.clone());
            return (200, tokens);
        }
        let session = &mut self.sessions[row];
        let known = attempt.is_some() && session.attempts.get(generation) == Some(&attempt);
        let by_proof = session.thumbprint.is_some()
            && attempt.is_none()
            && session.attempts.get(generation) == Some(&None);
        if (known || by_proof) && generation + 1 == present {
            return (200, session.answer.clone().unwrap());
        }
        if known && generation + 17 > present {
            return (400, json!({ "error": "invalid_grant", "reason": "superseded" }));
        }
        session.revoked = true;
        gone
    }

    fn revoke(&mut self, seen: &Seen) -> (u16, Value) {
        if let Some((row, _)) = parse(&seen.form["token"]) {
            if self.sessions[row].thumbprint.is_some() && self.sessions[row].thumbprint != seen.thumbprint {
                return (400, json!({ "error": "invalid_dpop_proof" }));
            }
            self.sessions[row].revoked = true;
        }
        (200, json!({}))
    }

    fn lets_in(&self, seen: &Seen) -> bool {
        let Some((scheme, token)) = seen.access_token() else { return false };
        let scheme_of_it = |bound_to: &Option<String>| if bound_to.is_some() { "DPoP" } else { "Bearer" };
        let good = self.bindings.get(token).is_some_and(|bound_to| {
            scheme == scheme_of_it(bound_to) && (bound_to.is_none() || *bound_to == seen.thumbprint)
        });
        good && !self.refused_access_tokens.contains(token)
    }
}

fn refusal(seen: &Seen, error: &str) -> (u16, String) {
    let status = if seen.authorization.is_some() { 401 } else { 400 };
    (status, json!({ "error": error }).to_string())
}

fn parse(token: &str) -> Option<(usize, usize)> {
    let (row, generation) = token.strip_prefix("seen-rt-")?.split_once('-')?;
    Some((row.parse().ok()?, generation.parse().ok()?))
}
