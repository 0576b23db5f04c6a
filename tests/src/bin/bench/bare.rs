//! A program without the SDK: a bare HTTP client, with tokens that are bound to a key of its own, and proofs made by
//! hand.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::oauth::{HandMade, Tokens, attempt, exchange_form};
use moorline_tests::sdk::CLIENT;
use moorline_tests::{Server, tls};
use reqwest::Response;

/// It does what the SDK does for a request and a refresh, and nothing to be safe.
#[derive(Clone)]
pub(crate) struct Bare {
    client: reqwest::Client,
    key: Arc<HandMadeKey>,
    token_url: String,
    tokens: Tokens,
    nonce: String,
}

impl Bare {
    /// Signs ada in.
    ///
    /// Errors: when something is refused.
    pub(crate) async fn sign_in(server: &Server) -> Result<Self> {
        let ca = server.dev().ca_pem.as_deref().context("the server speaks TLS")?;
        let mut config = tls::client_config(ca)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build()?;
        let (key, token_url) = (HandMadeKey::new()?, server.url("/oauth/token"));
        let code = HandMade::new(server, "ada")?.code().await?;
        let request = client.post(&token_url).form(&exchange_form(&code));
        let answer = key.send(request, ["POST", &token_url], None).await?;
        let (tokens, nonce) = (answer.tokens()?, answer.header("dpop-nonce").to_owned());
        Ok(Self { client, key: Arc::new(key), token_url, tokens, nonce })
    }

    /// Gets a page of the API, whole.
    ///
    /// Errors: when it is refused.
    pub(crate) async fn get(&mut self, url: &str) -> Result<()> {
        let token = &self.tokens.access_token;
        let proof = self.key.prove("GET", url, Some(token), Some(&self.nonce))?;
        let request = self.client.get(url).header("authorization", format!("DPoP {token}"));
        let answer = request.header("dpop", proof).send().await?;
        self.read(&answer)?;
        std::hint::black_box(answer.bytes().await?);
        Ok(())
    }

    /// Refreshes, and keeps the tokens in memory alone.
    ///
    /// Errors: when it is refused.
    pub(crate) async fn refresh(&mut self) -> Result<()> {
        let attempt = attempt();
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("refresh_token", &self.tokens.refresh_token),
            ("refresh_attempt", &attempt),
        ];
        let proof = self.key.prove("POST", &self.token_url, None, Some(&self.nonce))?;
        let answer = self.client.post(&self.token_url).header("dpop", proof).form(&form).send().await?;
        self.read(&answer)?;
        self.tokens = answer.json().await?;
        Ok(())
    }

    /// Takes the next nonce.
    fn read(&mut self, answer: &Response) -> Result<()> {
        ensure!(answer.status() == 200, "{}", answer.status());
        let nonce = answer.headers().get("dpop-nonce").context("the next nonce")?;
        self.nonce = nonce.to_str()?.to_owned();
        Ok(())
    }
}
