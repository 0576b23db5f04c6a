//! What the provider knows, and what a test sets.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    devices::Devices,
    fault::Fault,
    proofs::{Proofs, Proven, Refused},
    request::Seen,
    signer::Signer,
    time::Time,
};

/// What a test sets and looks at.
pub struct State {
    /// Whether it knows `refresh_attempt`, and answers a repeated one again.
    pub knows_attempts: bool,
    /// Whether its answers have a refresh token.
    pub issues_refresh_tokens: bool,
    /// The `expires_in` of its answers.
    pub expires_in: Value,
    /// What happens to the next requests of the token endpoint.
    pub faults: VecDeque<Fault>,
    /// What happens to the next requests of other paths.
    pub faults_at: HashMap<&'static str, VecDeque<Fault>>,
    /// Whether every connection is closed before anything is read.
    pub down: bool,
    /// What is answered at these paths instead.
    pub overrides: HashMap<&'static str, (u16, String)>,
    /// The paths at which nothing is ever answered.
    pub hung: HashSet<&'static str>,
    /// What each answer asks to wait, in seconds.
    pub retry_after: Option<u64>,
    /// Whether it has an endpoint for pushed requests.
    pub takes_pushed_requests: bool,
    /// Whether it requires pushed requests.
    pub requires_pushed_requests: bool,
    /// Whether it has a revocation endpoint.
    pub revokes: bool,
    /// Whether it has a userinfo endpoint.
    pub has_userinfo: bool,
    /// The status and challenge with which the API asks more of the user.
    pub challenge: Option<(u16, String)>,
    /// The device grant.
    pub devices: Devices,
    /// Claims to put into ID tokens in place of the right ones; one that is null is left out.
    pub claims: Value,
    /// The scope that it grants, whatever was requested.
    pub scope: String,
    /// The `iss` to say in callbacks in place of the right one.
    pub says_issuer: Option<String>,
    /// The requests that came, without those that were only asked for a nonce.
    pub requests: Vec<Seen>,
    /// The sessions, in the order in which they began.
    pub sessions: Vec<Row>,
    /// Access tokens that the API no longer accepts.
    pub refused_access_tokens: HashSet<String>,
    /// Added to the time in ID tokens.
    pub ahead: i64,
    /// Added to every time of the provider's: its clock is ahead by so many seconds.
    pub skew: i64,
    /// Whether answers have a `Date`.
    pub tells_time: bool,
    /// Whether it binds tokens.
    pub binds: bool,
    /// Whether its metadata says that it binds tokens.
    pub says_that_it_binds: bool,
    /// Whether only refresh tokens are bound, and access tokens are bearer tokens (RFC 9449 §5).
    pub binds_refresh_tokens_alone: bool,
    /// Whether a bearer session whose refresh has a proof is bound to its key from then on (RFC 9449 §5).
    pub binds_at_refresh: bool,
    /// Whether the answer to a refresh has an ID token.
    pub id_token_at_refresh: bool,
    /// The `token_type` to say in place of the right one.
    pub token_type: Option<Value>,
    /// The proofs that it has seen, and its nonces.
    pub proofs: Proofs,
    /// Whether every nonce that it hands out is old already.
    pub restless: bool,
    /// Those that were only asked for a nonce; they aren't among the others, and use up no fault.
    pub challenged: Vec<Seen>,
    /// By `request_uri`: what was pushed.
    pub(crate) pushed: HashMap<String, HashMap<String, String>>,
    time: Arc<dyn Time>,
    pub(crate) nonces: HashMap<String, String>,
    /// By code: its challenge, and its `dpop_jkt`.
    pub(crate) codes: HashMap<String, (String, Option<String>)>,
    /// By access token: what it is bound to.
    pub(crate) bindings: HashMap<String, Option<String>>,
    pub(crate) signer: Signer,
    /// Whether the key set lacks the key that signs.
    pub(crate) hides_key: bool,
    pub(crate) serial: usize,
}

/// A session, as the real server keeps it.
#[derive(Debug, Default)]
pub struct Row {
    /// How often its refresh token was rotated.
    pub generation: usize,
    /// Whether it has ended.
    pub revoked: bool,
    /// What it is bound to.
    pub thumbprint: Option<String>,
    /// By generation, the attempt that ended it.
    pub(crate) attempts: Vec<Option<String>>,
    pub(crate) answer: Option<Value>,
}

impl State {
    pub(crate) fn new(time: Arc<dyn Time>) -> Self {
        Self {
            knows_attempts: true,
            issues_refresh_tokens: true,
            expires_in: json!(900),
            faults: VecDeque::new(),
            faults_at: HashMap::new(),
            down: false,
            overrides: HashMap::new(),
            hung: HashSet::new(),
            retry_after: None,
            takes_pushed_requests: false,
            requires_pushed_requests: false,
            revokes: true,
            has_userinfo: true,
            challenge: None,
            devices: Devices::default(),
            pushed: HashMap::new(),
            claims: json!({}),
            scope: "openid offline_access".into(),
            says_issuer: None,
            requests: Vec::new(),
            sessions: Vec::new(),
            refused_access_tokens: HashSet::new(),
            ahead: 0,
            skew: 0,
            tells_time: true,
            binds: true,
            says_that_it_binds: true,
            binds_refresh_tokens_alone: false,
            binds_at_refresh: true,
            id_token_at_refresh: false,
            token_type: None,
            proofs: Proofs::default(),
            restless: false,
            challenged: Vec::new(),
            time,
            bindings: HashMap::new(),
            nonces: HashMap::new(),
            codes: HashMap::new(),
            signer: Signer::es256("k1"),
            hides_key: false,
            serial: 0,
        }
    }

    /// Signs with a new key from now on. The key set has it, or for as long as `hidden`, only the one before.
    pub fn rotate_keys(&mut self, hidden: bool) {
        self.serial += 1;
        self.signer = Signer::es256(&format!("k{}", self.serial + 1));
        self.hides_key = hidden;
    }

    /// Begins a session of another library's, with bearer tokens, and returns its refresh token: `seen-rt-0-0` if it
    /// is the first.
    pub fn issue_refresh_token(&mut self) -> String {
        self.sessions.push(Row::default());
        format!("seen-rt-{}-0", self.sessions.len() - 1)
    }

    /// Ends every session, as an administrator or another device would.
    pub fn revoke_sessions(&mut self) {
        self.sessions.iter_mut().for_each(|row| row.revoked = true);
    }

    /// The API accepts none of the access tokens that were issued so far.
    pub fn refuse_access_tokens(&mut self) {
        self.refused_access_tokens.extend(self.bindings.keys().cloned());
    }

    pub(crate) fn expire_the_last_answer(&mut self) {
        let answer = self.sessions.last_mut().and_then(|row| row.answer.as_mut());
        answer.expect("a session was refreshed")["expires_in"] = json!(0);
    }

    pub(crate) fn key_set(&self) -> Value {
        let published = if self.hides_key { Signer::es256("before").jwk() } else { self.signer.jwk() };
        json!({ "keys": [published] })
    }

    pub(crate) fn push(&mut self, seen: &Seen) -> Value {
        let uri = format!("urn:ietf:params:oauth:request_uri:{}", self.pushed.len());
        self.pushed.insert(uri.clone(), seen.form.clone());
        json!({ "request_uri": uri, "expires_in": 60 })
    }

    pub(crate) fn issue_code(&mut self, challenge: &str, nonce: &str, bound_to: Option<String>) -> String {
        self.serial += 1;
        let code = format!("code-{}", self.serial);
        self.nonces.insert(code.clone(), nonce.to_owned());
        self.codes.insert(code.clone(), (challenge.to_owned(), bound_to));
        code
    }

    /// Records a request. What happens to it, if a test has set that.
    pub(crate) fn receive(&mut self, seen: &Seen, refused: Option<Refused>) -> Option<Fault> {
        if refused == Some(Refused::Nonce) {
            self.challenged.push(seen.clone());
            return None;
        }
        self.requests.push(seen.clone());
        match seen.path.as_str() {
            "/token" => self.faults.pop_front(),
            path => self.faults_at.get_mut(path).and_then(VecDeque::pop_front),
        }
    }

    /// Why the request's proof isn't accepted. A request without one may be all right: see who it is for.
    pub(crate) fn check_proof(&mut self, issuer: &str, seen: &mut Seen) -> Option<Refused> {
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

    pub(crate) fn headers(&mut self, seen: &Seen, status: u16, body: &str) -> String {
        let mut headers = String::new();
        if self.tells_time {
            headers += &format!("Date: {}\r\n", httpdate::fmt_http_date(self.wall()));
        }
        if let Some(seconds) = self.retry_after {
            headers += &format!("Retry-After: {seconds}\r\n");
        }
        if let (true, Some(nonce)) = (self.binds, self.proofs.nonces.last()) {
            self.serial += usize::from(self.restless);
            let nonce = if self.restless { format!("old-{}", self.serial) } else { nonce.clone() };
            headers += &format!("DPoP-Nonce: {nonce}\r\n");
        }
        if let Some((_, challenge)) = self.challenge.as_ref().filter(|_| seen.path == "/api") {
            headers += &format!("WWW-Authenticate: {challenge}\r\n");
        } else if let (401, Some((scheme, _))) = (status, seen.access_token()) {
            let error = serde_json::from_str::<Value>(body).unwrap_or_default()["error"].take();
            let error = error.as_str().map(|error| format!(" error=\"{error}\"")).unwrap_or_default();
            headers += &format!("WWW-Authenticate: {scheme}{error}\r\n");
        }
        headers
    }

    fn wall(&self) -> SystemTime {
        let by = Duration::from_secs(self.skew.unsigned_abs());
        if self.skew < 0 { self.time.now() - by } else { self.time.now() + by }
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        let now = self.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(now).unwrap_or(i64::MAX)
    }
}
