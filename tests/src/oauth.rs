//! An OAuth client made by hand: it can say what no SDK would.

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::sdk::{CLIENT, REDIRECT};
use crate::{Browser, Server};

/// What [`HandMade`] sends as `code_verifier` by default.
pub const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636-0123456789";

/// An answer, whatever its status.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// A member of the JSON body, as text; empty when it is not there.
    pub fn member(&self, name: &str) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body[name].as_str().unwrap_or_default().to_owned()
    }

    /// The status and the `error` member: what an OAuth endpoint refuses with.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.member("error"))
    }

    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The tokens of a response.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "RFC 6749 §5.1")]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
    pub id_token: Option<String>,
    pub expires_in: i64,
}

/// The demo client, played by hand in one user's browser.
#[derive(Debug)]
pub struct HandMade<'a> {
    server: &'a Server,
    browser: Browser,
    username: &'static str,
}

impl<'a> HandMade<'a> {
    /// With a new browser, in front of which `username` sits.
    ///
    /// Errors: when the server's CA can't be read.
    pub fn new(server: &'a Server, username: &'static str) -> Result<Self> {
        Ok(Self { server, browser: Browser::for_server(server)?, username })
    }

    /// The browser.
    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    /// A proper authorization request, with some parameters replaced (`Some`), added, or left out (`None`).
    pub fn authorization_url(&self, changes: &[(&str, Option<&str>)]) -> String {
        let challenge = challenge(VERIFIER);
        let proper = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "openid profile offline_access notes.read notes.write notes.delete"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let kept = proper.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let changed = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept.chain(changed)).finish();
        format!("{}?{query}", self.server.url("/oauth/authorize"))
    }

    /// Signs in and returns the authorization code.
    ///
    /// Errors: when the walk ends elsewhere than at the app with a code.
    pub async fn code(&self) -> Result<String> {
        self.code_for(&[]).await
    }

    /// The code of a changed authorization request.
    ///
    /// Errors: as [`HandMade::code`].
    pub async fn code_for(&self, changes: &[(&str, Option<&str>)]) -> Result<String> {
        let callback = self.sign_in(&self.authorization_url(changes)).await?;
        parameter(&callback, "code").with_context(|| format!("no code: {:?}", parameter(&callback, "error")))
    }

    /// Walks through the pages from there to the callback.
    ///
    /// Errors: when it ends elsewhere.
    pub async fn sign_in(&self, url: &str) -> Result<Url> {
        self.browser.sign_in(url, self.server.dev().user(self.username)?).await
    }

    /// Signs in and exchanges the code.
    ///
    /// Errors: when either is refused.
    pub async fn tokens(&self) -> Result<Tokens> {
        self.exchange(&self.code().await?).await?.tokens()
    }

    /// Exchanges a code properly.
    ///
    /// Errors: when nobody answers.
    pub async fn exchange(&self, code: &str) -> Result<Answer> {
        self.token(&exchange_form(code)).await
    }

    /// Offers a refresh token, with an attempt key or without.
    ///
    /// Errors: when nobody answers.
    pub async fn refresh(&self, refresh_token: &str, attempt: Option<&str>) -> Result<Answer> {
        let mut form =
            vec![("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", refresh_token)];
        form.extend(attempt.map(|attempt| ("refresh_attempt", attempt)));
        self.token(&form).await
    }

    /// Posts a form to the token endpoint.
    ///
    /// Errors: when nobody answers.
    pub async fn token(&self, form: &[(&str, &str)]) -> Result<Answer> {
        answer(self.browser.client().post(self.server.url("/oauth/token")).form(form)).await
    }

    /// Lists the notes with a bearer access token.
    ///
    /// Errors: when nobody answers.
    pub async fn notes(&self, access_token: &str) -> Result<Answer> {
        answer(self.browser.client().get(self.notes_url()).bearer_auth(access_token)).await
    }

    /// Where the notes are.
    pub fn notes_url(&self) -> String {
        self.server.url("/v1/notes")
    }
}

impl Answer {
    /// The tokens.
    ///
    /// Errors: when this is no token response, with what it is.
    pub fn tokens(&self) -> Result<Tokens> {
        ensure!(self.status == 200, "{}: {}", self.status, self.body);
        Ok(serde_json::from_str(&self.body)?)
    }
}

/// A proper exchange of a code that [`HandMade::code`] returned.
pub fn exchange_form(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code", code),
        ("code_verifier", VERIFIER),
    ]
}

/// Sends a request of any kind.
///
/// Errors: when nobody answers.
pub async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.text().await? })
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// The decoded value of a query parameter.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// 256 random bits, as the SDK makes an attempt key.
pub fn attempt() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}
