//! The steps. Each returns what it proved, and fails if it did not.

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moorline::{
    Configuration, Error, HostPins, HttpRequest, Moorline, SessionState, SignInOptions, SignOutOptions,
};
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::oauth;
use moorline_tests::sdk::{self, Device};
use moorline_tests::{Browser, Fault, LossyProxy, Server};
use serde_json::Value;
use url::Url;

const TOKEN: &str = "POST /oauth/token";
const USER: &str = "ada";

pub(crate) struct Demo<'a> {
    server: &'a Server,
    proxy: &'a LossyProxy,
    device: Device,
    browser: Browser,
    app: Moorline,
}

impl<'a> Demo<'a> {
    pub(crate) fn new(server: &'a Server, proxy: &'a LossyProxy) -> Result<Self> {
        let device = Device::new()?;
        let app = device.app(server.dev())?;
        Ok(Self { server, proxy, device, browser: Browser::for_server(server)?, app })
    }

    pub(crate) async fn sign_in(&self) -> Result<String> {
        self.wrong_pins_send_nothing().await?;
        let dev = self.server.dev();
        let request = self.app.start_sign_in(SignInOptions::default()).await?;
        let callback = self.browser.sign_in(&request.url, dev.user(USER)?).await?;
        let user = self.app.finish_sign_in(callback.as_str()).await?;

        let challenge = parameter(&request.url, "code_challenge").context("a challenge in the request")?;
        ensure!(
            parameter(&request.url, "code_challenge_method").as_deref() == Some("S256"),
            "S256 is the method"
        );
        let exchanges = self.proxy.exchanges_of(TOKEN);
        let exchange = exchanges.last().context("the code was exchanged")?;
        let verifier = exchange.parameter("code_verifier").context("a verifier")?;
        ensure!(oauth::challenge(&verifier) == challenge, "the verifier is the challenge's");
        ensure!(matches!(self.app.state(), SessionState::SignedIn(_)), "the state is SignedIn");
        let name = user.name.or(user.preferred_username).unwrap_or(user.subject);
        Ok(format!("{name} is in: PKCE S256, pinned TLS (a wrong pin is refused), ID token verified"))
    }

    pub(crate) async fn use_the_api(&self) -> Result<String> {
        let before = self.titles().await?.len();
        let body = r#"{"title":"Buy rope","body":"Two coils of it, for the mooring."}"#;
        let url = format!("{}/notes", self.server.dev().api);
        let added = self.app.send(HttpRequest::post(&url, "application/json", body)).await?;
        ensure!(added.status == 201, "adding a note: {} {}", added.status, added.text());
        let titles = self.titles().await?;
        ensure!(
            titles.len() == before + 1 && titles.iter().any(|title| title == "Buy rope"),
            "the note is in the list"
        );
        Ok(format!(
            "{before} notes listed, one added, {} listed: the token is attached by the SDK",
            titles.len()
        ))
    }

    pub(crate) async fn lose_an_answer(&self) -> Result<String> {
        let before = self.proxy.exchanges_of(TOKEN).len();
        self.proxy.on_next(TOKEN, Fault::SwallowAnswer);
        self.refresh_until_answered().await?;

        let exchanges = self.proxy.exchanges_of(TOKEN).split_off(before);
        let [lost, retried, ..] = exchanges.as_slice() else {
            bail!("{} requests instead of two", exchanges.len())
        };
        ensure!(lost.fault == Some(Fault::SwallowAnswer), "the first answer was lost");
        let lost_answer = lost.answer.as_ref().context("the server had answered")?;
        let answer = retried.answer.as_ref().context("the retry was answered")?;
        ensure!(lost_answer.status() == 200 && answer.status() == 200, "both were answered with success");
        ensure!(
            lost.parameter("refresh_token") == retried.parameter("refresh_token"),
            "the same token was sent"
        );
        let attempt = lost.parameter("refresh_attempt").context("an attempt key")?;
        ensure!(retried.parameter("refresh_attempt") == Some(attempt), "the attempt key was the same");
        ensure!(
            member(&lost_answer.body, "refresh_token")? == member(&answer.body, "refresh_token")?,
            "the same successor"
        );
        self.titles().await.context("the session is alive")?;
        Ok(format!(
            "{} bytes of answer dropped on the way; the retry got the same successor",
            lost_answer.body.len()
        ))
    }

    /// The thief has both tokens and lacks the key: goes without a proof, and with one by another key.
    pub(crate) async fn meet_a_thief(&self) -> Result<String> {
        let exchanges = self.proxy.exchanges_of(TOKEN);
        let issued = |name: &'static str| {
            let found = exchanges
                .iter()
                .rev()
                .find_map(|exchange| member(&exchange.answer.as_ref()?.body, name).ok());
            found.with_context(|| format!("no {name} was issued"))
        };
        let (refresh_token, access_token) = (issued("refresh_token")?, issued("access_token")?);
        let key = HandMadeKey::new()?;
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("client_id", sdk::CLIENT)];
        let url = format!("{}/oauth/token", self.server.dev().issuer);
        let request = self.browser.client().post(self.server.url("/oauth/token")).form(&form);
        let proved = key.send(request, ["POST", &url], None).await?;
        for (status, error) in [self.offer(&refresh_token).await?, proved.refusal()] {
            ensure!(status == 400, "the thief was answered {status} {error}");
        }
        let url = format!("{}/notes", self.server.dev().api);
        let request = self.browser.client().get(&url).header("authorization", format!("DPoP {access_token}"));
        let proved = key.send(request, ["GET", &url], Some(&access_token)).await?;
        for status in [self.api_status(&access_token).await?, proved.status] {
            ensure!(status == 401, "the API answered {status} to the thief");
        }
        self.app.refresh(None).await.context("the owner's session went on")?;
        self.titles().await.context("the owner's session is alive")?;
        Ok("both tokens stolen, but not the key (DPoP): refused everywhere, and the owner's session goes on"
            .to_owned())
    }

    pub(crate) async fn sign_in_again(&self) -> Result<String> {
        let user = sdk::sign_in_with(&self.app, self.server.dev(), &self.browser, USER).await?;
        let titles = self.titles().await?;
        ensure!(titles.iter().any(|title| title == "Buy rope"), "the note is still there");
        // A second instance on the same vault is what the app would be after a restart.
        let restarted = self.device.app(self.server.dev())?;
        ensure!(
            matches!(restarted.state(), SessionState::SignedIn(again) if again.subject == user.subject),
            "a restart keeps it"
        );
        Ok("a new session, the note is still there, and a restarted app finds it in the vault".to_owned())
    }

    pub(crate) async fn sign_out(&self) -> Result<String> {
        let url = format!("{}/notes", self.server.dev().api);
        let headers = self.app.request_headers("GET", &url, std::time::Duration::ZERO).await?;
        let exchanges = self.proxy.exchanges_of(TOKEN);
        let refresh_token = exchanges
            .iter()
            .rev()
            .find_map(|exchange| member(&exchange.answer.as_ref()?.body, "refresh_token").ok());
        let refresh_token = refresh_token.context("a refresh token was issued")?;

        let outcome = self.app.sign_out(SignOutOptions::default()).await?;
        ensure!(outcome.revoked, "the server has revoked the session");
        ensure!(matches!(self.app.state(), SessionState::SignedOut(_)), "the state is SignedOut");
        let (status, error) = self.offer(&refresh_token).await?;
        ensure!(status == 400, "the refresh token was answered {status} {error}");
        let request = self.browser.client().get(&url).header("authorization", headers.authorization());
        let api = request.header("dpop", headers.dpop().context("it is bound")?).send().await?.status();
        ensure!(api == 401, "the API still answers {api}");
        Ok("wiped here, revoked there: refresh token refused, access token refused".to_owned())
    }

    /// A client that pins other keys must not get as far as sending anything.
    async fn wrong_pins_send_nothing(&self) -> Result<()> {
        let dev = self.server.dev();
        let pin = |byte: u8| format!("sha256/{}", STANDARD.encode([byte; 32]));
        let configuration = Configuration::builder(&dev.issuer, sdk::CLIENT)
            .redirect_uri(sdk::REDIRECT)
            .extra_root_pem(dev.ca_pem.as_deref().context("the server speaks TLS")?)
            .pins(HostPins::new("localhost").primary(&pin(1)).backup(&pin(2)).expires("2099-01-01"))
            .build()?;
        let device = Device::new()?;
        let app = Moorline::new(configuration, device.platform())?;
        match app.start_sign_in(SignInOptions::default()).await {
            Err(Error::PinMismatch(_)) => {}
            other => bail!("wrong pins gave {:?}", other.map(|_| "a sign-in")),
        }
        ensure!(self.proxy.exchanges().is_empty(), "nothing was sent");
        Ok(())
    }

    /// What an app does about an error that it may retry: ask again.
    async fn refresh_until_answered(&self) -> Result<()> {
        for _ in 0..5 {
            match self.app.refresh(None).await {
                Ok(_) => return Ok(()),
                Err(error) if error.retry() != moorline::Retry::Never => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no answer after five tries")
    }

    async fn titles(&self) -> Result<Vec<String>> {
        let answer = self.app.send(HttpRequest::get(&format!("{}/notes", self.server.dev().api))).await?;
        ensure!(answer.status == 200, "listing notes: {} {}", answer.status, answer.text());
        let notes: Value = serde_json::from_slice(&answer.body)?;
        let items = notes["items"].as_array().context("a list of items")?;
        Ok(items.iter().filter_map(|note| note["title"].as_str().map(str::to_owned)).collect())
    }

    /// Sends a refresh token as a thief would who has nothing else.
    async fn offer(&self, refresh_token: &str) -> Result<(u16, String)> {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", sdk::CLIENT)];
        let answer = self.browser.client().post(self.server.url("/oauth/token")).form(&form).send().await?;
        let status = answer.status().as_u16();
        Ok((status, member(&answer.bytes().await?, "error").unwrap_or_default()))
    }

    async fn api_status(&self, access_token: &str) -> Result<u16> {
        let url = format!("{}/notes", self.server.dev().api);
        Ok(self.browser.client().get(url).bearer_auth(access_token).send().await?.status().as_u16())
    }
}

fn parameter(url: &str, name: &str) -> Option<String> {
    oauth::parameter(&Url::parse(url).ok()?, name)
}

fn member(body: &[u8], name: &str) -> Result<String> {
    let value: Value = serde_json::from_slice(body)?;
    Ok(value[name].as_str().with_context(|| format!("no member {name}"))?.to_owned())
}
