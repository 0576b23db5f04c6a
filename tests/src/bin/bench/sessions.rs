//! Sessions to refresh, each made by a real sign-in.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moorline_tests::Server;
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::oauth::{HandMade, Tokens, exchange_form};

/// What the client of a session has to remember.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// Where the session is bound to a key.
    pub(crate) prover: Option<Prover>,
    /// Codes that are still to be exchanged.
    pub(crate) codes: Vec<String>,
}

impl Session {
    /// Whether its access token was signed by this algorithm.
    ///
    /// Errors: when it is no JWS.
    pub(crate) fn is_signed_by(&self, algorithm: &str) -> Result<bool> {
        let header = self.access_token.split('.').next().unwrap_or_default();
        let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
        Ok(header["alg"] == algorithm)
    }

    fn new(tokens: Tokens, prover: Option<Prover>) -> Self {
        let Tokens { access_token, refresh_token, .. } = tokens;
        Self { access_token, refresh_token, prover, codes: Vec::new() }
    }
}

/// The key of a bound session, and the nonce for its next proof.
#[derive(Debug)]
pub(crate) struct Prover {
    key: HandMadeKey,
    url: String,
    nonce: String,
}

impl Prover {
    /// A proof for one request to the token endpoint.
    ///
    /// Errors: when the system has no random bytes.
    pub(crate) fn prove(&self) -> Result<String> {
        self.key.prove("POST", &self.url, None, Some(&self.nonce))
    }

    /// A proof for one request with an access token.
    ///
    /// Errors: when the system has no random bytes.
    pub(crate) fn prove_get(&self, url: &str, access_token: &str) -> Result<String> {
        self.key.prove("GET", url, Some(access_token), Some(&self.nonce))
    }

    /// Takes the next nonce.
    ///
    /// Errors: when the answer has none.
    pub(crate) fn learn(&mut self, nonce: Option<&str>) -> Result<()> {
        nonce.context("the next nonce")?.clone_into(&mut self.nonce);
        Ok(())
    }
}

/// `count` new bearer sessions of one user: the password is typed once, the rest is the browser's cookie.
///
/// Errors: when something is refused.
pub(crate) async fn bearer(server: &Server, count: usize) -> Result<Vec<Session>> {
    let ada = HandMade::new(server, "ada")?;
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        sessions.push(Session::new(ada.tokens().await?, None));
    }
    Ok(sessions)
}

/// The same, each bound to a key of its own.
///
/// Errors: when something is refused.
pub(crate) async fn bound(server: &Server, count: usize) -> Result<Vec<Session>> {
    let ada = HandMade::new(server, "ada")?;
    let url = server.url("/oauth/token");
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        let (key, code) = (HandMadeKey::new()?, ada.code().await?);
        let request = ada.browser().client().post(&url).form(&exchange_form(&code));
        let answer = key.send(request, ["POST", &url], None).await?;
        let (tokens, nonce) = (answer.tokens()?, answer.header("dpop-nonce").to_owned());
        sessions.push(Session::new(tokens, Some(Prover { key, url: url.clone(), nonce })));
    }
    Ok(sessions)
}

/// Gives each of these sessions `count` codes. They live for a minute.
///
/// Errors: when something is refused.
pub(crate) async fn with_codes(server: &Server, sessions: &mut [Session], count: usize) -> Result<()> {
    let ada = HandMade::new(server, "ada")?;
    for session in sessions {
        for _ in 0..count {
            session.codes.push(ada.code().await?);
        }
    }
    Ok(())
}
