//! An OpenID provider on loopback for tests: it rotates by the server's rules, and loses, delays and garbles what a
//! test wants.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use url::Url;

use crate::{
    fault::Fault,
    proofs::Refused,
    request::{Seen, read_request},
    state::State,
    time::Time,
    tls::Identity,
};

/// A running provider. It stops with the runtime on which it was started.
#[derive(Clone)]
pub struct Provider {
    /// Its issuer: an `http` or `https` address on loopback.
    pub issuer: String,
    state: Arc<Mutex<State>>,
}

/// A user's answer on the provider's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// The user signs in and allows the request.
    Allow,
    /// The provider comes back with this OAuth error: `access_denied` if the user denies the request.
    Refuse(&'a str),
}

impl Provider {
    /// Starts a provider over plain HTTP on a free port of loopback.
    ///
    /// # Panics
    /// If no port of loopback can be opened.
    pub async fn start(time: Arc<dyn Time>) -> Self {
        Self::listen(time, None).await.expect("loopback has a free port")
    }

    /// Starts a provider over TLS on a free port of loopback, with a certificate for `127.0.0.1` and `localhost`.
    ///
    /// # Errors
    /// If no port of loopback can be opened.
    pub async fn start_with_tls(time: Arc<dyn Time>, identity: &Identity) -> std::io::Result<Self> {
        Self::listen(time, Some(identity)).await
    }

    async fn listen(time: Arc<dyn Time>, identity: Option<&Identity>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let scheme = if identity.is_some() { "https" } else { "http" };
        let issuer = format!("{scheme}://{}", listener.local_addr()?);
        let provider = Self { issuer, state: Arc::new(Mutex::new(State::new(time))) };
        let (serving, acceptor) = (provider.clone(), identity.map(Identity::acceptor));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, acceptor) = (serving.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serving.serve(stream).await,
                        Some(acceptor) => {
                            // A client that does not trust the certificate ends the handshake.
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serving.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(provider)
    }

    /// What a test sets and looks at.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to the next request of the token endpoint, behind those faults that still wait.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// What the browser does: the user signs in, and comes back to this address.
    ///
    /// # Panics
    /// If the URL is not a complete authorization request with PKCE.
    pub fn authorize(&self, url: &str) -> String {
        self.decide(url, Decision::Allow).expect("a complete authorization request")
    }

    /// The address to which the browser returns, for an authorization request and what the user decides.
    ///
    /// # Errors
    /// What is missing or wrong in the request.
    pub fn decide(&self, url: &str, decision: Decision<'_>) -> Result<String, String> {
        let url = Url::parse(url).map_err(|error| format!("the authorization request is no URL: {error}"))?;
        let mut query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let mut state = self.state();
        if let Some(uri) = query.get("request_uri") {
            if query.len() != 2 {
                return Err("a pushed request has other parameters than the client and the reference".into());
            }
            query = state.pushed.remove(uri).ok_or("the request was not pushed, or was used before")?;
        }
        let parameter =
            |name: &str| query.get(name).ok_or_else(|| format!("the authorization request has no {name}"));
        if parameter("code_challenge_method")? != "S256" {
            return Err("the code_challenge_method is not S256".into());
        }
        let mut back = Url::parse(parameter("redirect_uri")?).map_err(|error| error.to_string())?;
        match decision {
            Decision::Allow => {
                let code = state.issue_code(
                    parameter("code_challenge")?,
                    parameter("nonce")?,
                    query.get("dpop_jkt").cloned(),
                );
                back.query_pairs_mut().append_pair("code", &code);
            }
            Decision::Refuse(error) => {
                back.query_pairs_mut().append_pair("error", error);
            }
        }
        let issuer = state.says_issuer.as_deref().unwrap_or(&self.issuer);
        back.query_pairs_mut().append_pair("state", parameter("state")?).append_pair("iss", issuer);
        Ok(back.into())
    }

    /// The refreshes that came.
    pub fn refreshes(&self) -> Vec<Seen> {
        let state = self.state();
        let refreshes = state
            .requests
            .iter()
            .filter(|seen| seen.form.get("grant_type").is_some_and(|kind| kind == "refresh_token"));
        refreshes.cloned().collect()
    }

    /// How many requests came to a path.
    pub fn count(&self, path: &str) -> usize {
        self.state().requests.iter().filter(|seen| seen.path == path).count()
    }

    /// Time passes at the provider: what it answers again has expired.
    pub fn expire_the_last_answer(&self) {
        self.state().expire_the_last_answer();
    }

    /// The generation of the latest session, while it lives.
    pub fn live_generation(&self) -> Option<usize> {
        self.state().sessions.last().filter(|row| !row.revoked).map(|row| row.generation)
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        if self.state().down {
            return;
        }
        let Some(mut seen) = read_request(&mut stream).await else { return };
        let refused = self.state().check_proof(&self.issuer, &mut seen);
        let fault = self.state().receive(&seen, refused);
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
            Some(Fault::Reply(status, body)) => (status, body),
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
        let grant = seen.form.get("grant_type").map_or("", String::as_str);
        let (status, body) = match seen.path.as_str() {
            "/.well-known/openid-configuration" => (200, self.metadata(&state)),
            "/jwks" => (200, state.key_set()),
            "/token" | "/token2" if grant == "authorization_code" => state.exchange(&self.issuer, seen),
            "/token" if seen.form.contains_key("device_code") => {
                state.exchange_device_code(&self.issuer, seen)
            }
            "/device" => state.devices.authorize(&self.issuer),
            "/token" | "/token2" => state.refresh(&self.issuer, seen),
            "/revoke" => state.revoke(seen),
            "/par" => (201, state.push(seen)),
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
            "revocation_endpoint": state.revokes.then(|| at("/revoke")),
            "userinfo_endpoint": state.has_userinfo.then(|| at("/userinfo")),
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

fn refusal(seen: &Seen, error: &str) -> (u16, String) {
    let status = if seen.authorization.is_some() { 401 } else { 400 };
    (status, json!({ "error": error }).to_string())
}
