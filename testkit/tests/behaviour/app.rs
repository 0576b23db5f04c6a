//! The app of a row: what each word does through the SDK's public API.

use std::{path::PathBuf, sync::Arc, time::Duration};

use moorline::{
    AccessToken, AccessTokenOptions, AdoptOptions, Configuration, DeviceSignInOptions, Error, HostPins,
    HttpRequest, Moorline, Platform, SessionState, SignInOptions, SignOutOptions, StepUp, TokenType,
};
use moorline_testkit::rows::Step;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{Acted, Browser, keys::Keys};

/// What a step has brought, as far as a row can say something about it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) status: Option<u16>,
    pub(crate) token_type: Option<&'static str>,
}

/// An app on a device of its own.
pub(crate) struct App {
    moorline: Option<Moorline>,
    /// While the object is closed.
    last_state: SessionState,
    configuration: Configuration,
    keys: Arc<Keys>,
    folder: PathBuf,
    _device: TempDir,
    issuer: String,
    url: Option<String>,
    callback: Option<String>,
    device_sign_in: Option<String>,
    step_up: Option<StepUp>,
}

impl App {
    /// The app, with what a row says about its configuration.
    pub(crate) async fn open(app: &Map<String, Value>, provider: &Value) -> Result<Self, String> {
        let device = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut folder = device.path().join("vault");
        let (issuer, pem) = (text(&provider["issuer"]), text(&provider["authority_pem"]));
        let mut builder = Configuration::builder(&issuer, "notes")
            .redirect_uri("com.example.notes:/signed-in")
            .scopes(["openid", "offline_access"])
            .allow_http_on_loopback();
        if app.get("trusts") != Some(&json!(false)) {
            builder = builder.extra_root_pem(&pem);
        }
        for (name, value) in app {
            builder = match name.as_str() {
                "trusts" => builder,
                "bearer" => builder.allow_bearer(),
                "resources" => builder.resources(value.as_array().expect("a list").iter().map(text)),
                "pins" => {
                    let right = text(&provider["pin"]);
                    let primary = if value == "right" { right.as_str() } else { PINS[0] };
                    let pins = HostPins::new("127.0.0.1").primary(primary).backup(PINS[1]);
                    builder.pins(pins.expires("9999-01-01"))
                }
                "vault" => {
                    assert_eq!(value, "read_only");
                    // Even the superuser makes no folder there.
                    folder = "/dev/pts/moorline".into();
                    builder
                }
                unknown => panic!("{unknown} is no setting of a row's app"),
            };
        }
        let configuration = builder.build().map_err(|error| error.to_string())?;
        let mut opened = Self {
            moorline: None,
            last_state: SessionState::Locked,
            configuration,
            keys: Arc::default(),
            folder,
            _device: device,
            issuer,
            url: None,
            callback: None,
            device_sign_in: None,
            step_up: None,
        };
        opened.restart().await.map_err(|error| error.to_string())?;
        Ok(opened)
    }

    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    pub(crate) fn state(&self) -> SessionState {
        self.moorline.as_ref().map_or_else(|| self.last_state.clone(), Moorline::state)
    }

    /// What a word does. An unknown word, or one that lacks something, is a mistake in the table.
    pub(crate) async fn act(&mut self, step: &Step, browser: &Browser<'_>) -> Acted {
        let outcome = self.obey(step, browser).await;
        if let Err(Error::StepUpRequired(step_up)) = &outcome {
            self.step_up = Some(step_up.clone());
        }
        outcome
    }

    async fn obey(&mut self, step: &Step, browser: &Browser<'_>) -> Acted {
        match step.word.as_str() {
            "start_sign_in" => self.start(SignInOptions::default()).await,
            "browse" => self.browse(step, browser).await,
            "finish_sign_in" => self.finish(step.arguments.get("callback")).await,
            "sign_in" => self.sign_in(SignInOptions::default(), step, browser).await,
            "step_up" => {
                let mut options = SignInOptions::default();
                options.step_up = Some(self.step_up.clone().expect("an API has asked for more"));
                self.sign_in(options, step, browser).await
            }
            "cancel_sign_in" => done(self.moorline().cancel_sign_in().await),
            "start_device_sign_in" => {
                let started = self.moorline().start_device_sign_in(DeviceSignInOptions::default()).await?;
                self.device_sign_in = Some(started.id);
                Ok(Outcome::default())
            }
            "finish_device_sign_in" => {
                let id = self.device_sign_in.as_ref().expect("a sign-in on another device has started");
                done(self.moorline().finish_device_sign_in(id).await)
            }
            "adopt" => {
                let mut options = AdoptOptions::default();
                options.subject = step.arguments.get("subject").map(text);
                done(self.moorline().adopt(&text(&step.arguments["token"]), options).await)
            }
            "resume_adoption" => done(self.moorline().resume_adoption(AdoptOptions::default()).await),
            "access_token" => self.access_token(step).await,
            "refresh" => self.refresh(step).await,
            "request_headers" => {
                let url = self.target(step);
                done(self.moorline().request_headers("GET", &url, Duration::ZERO).await)
            }
            "send" => self.send(step).await,
            "user_info" => done(self.moorline().user_info().await),
            "id_token" => Ok(self.moorline().id_token().map(|_| Outcome::default()).expect("an ID token")),
            "session_info" => {
                Ok(self.moorline().session_info().map(|_| Outcome::default()).expect("a session"))
            }
            "sign_out" => done(self.moorline().sign_out(SignOutOptions::default()).await),
            "network_changed" => {
                self.moorline().network_changed();
                Ok(Outcome::default())
            }
            "shutdown" => done(self.moorline().shutdown(Duration::from_secs(30)).await),
            "close" => {
                self.close();
                Ok(Outcome::default())
            }
            "restart" => done(self.restart().await),
            "key_store" => {
                if step.arguments.contains_key("loses") {
                    self.keys.lose();
                }
                self.keys.fail(step.arguments.get("fails").and_then(Value::as_str));
                Ok(Outcome::default())
            }
            unknown => panic!("{unknown} is no word that this driver knows"),
        }
    }

    fn moorline(&self) -> &Moorline {
        self.moorline.as_ref().expect("the app is open")
    }

    fn close(&mut self) {
        self.last_state = self.state();
        self.moorline = None;
    }

    async fn restart(&mut self) -> Result<(), Error> {
        self.close();
        let platform = Platform::new(&self.folder, self.keys.clone());
        let moorline = Moorline::new(self.configuration.clone(), platform)?;
        moorline.opened().await;
        self.moorline = Some(moorline);
        Ok(())
    }

    async fn start(&mut self, options: SignInOptions) -> Acted {
        self.url = Some(self.moorline().start_sign_in(options).await?.url);
        Ok(Outcome::default())
    }

    async fn browse(&mut self, step: &Step, browser: &Browser<'_>) -> Acted {
        let error = step.arguments.get("error");
        let command = json!({ "do": "authorize", "url": self.url, "error": error });
        let answer = browser.command(command).await.expect("the provider knows the request");
        self.callback = Some(text(&answer["callback"]));
        Ok(Outcome::default())
    }

    async fn finish(&self, callback: Option<&Value>) -> Acted {
        let callback =
            callback.map(text).or_else(|| self.callback.clone()).expect("the browser has come back");
        done(self.moorline().finish_sign_in(&callback).await)
    }

    async fn sign_in(&mut self, options: SignInOptions, step: &Step, browser: &Browser<'_>) -> Acted {
        self.start(options).await?;
        self.browse(step, browser).await?;
        self.finish(None).await
    }

    async fn access_token(&self, step: &Step) -> Acted {
        let mut options = AccessTokenOptions::from(Duration::from_secs(
            step.arguments.get("min_validity").and_then(Value::as_u64).unwrap_or(60),
        ));
        options.resource = step.arguments.get("resource").map(text);
        loop {
            let outcome = self.moorline().access_token(options.clone()).await.map(of_token);
            if goes_on(step, &outcome) { continue } else { return outcome }
        }
    }

    /// With several callers, all of them have the same token, which an API has rejected.
    async fn refresh(&self, step: &Step) -> Acted {
        let Some(callers) = step.arguments.get("callers").and_then(Value::as_u64) else {
            return self.moorline().refresh(None).await.map(of_token);
        };
        let rejected = self.moorline().access_token(Duration::ZERO).await?;
        let calls = (0..callers).map(|_| {
            let (moorline, rejected) = (self.moorline().clone(), rejected.clone());
            tokio::spawn(async move { moorline.refresh(Some(&rejected)).await })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.expect("no call panics")?;
        }
        Ok(Outcome::default())
    }

    async fn send(&self, step: &Step) -> Acted {
        let method = step.arguments.get("method").map_or_else(|| "GET".into(), text);
        let body = step.arguments.get("body").map(text).unwrap_or_default();
        let request = HttpRequest::new(&method, &self.target(step)).body(body);
        loop {
            let sent = self.moorline().send(request.clone()).await;
            let outcome =
                sent.map(|response| Outcome { status: Some(response.status), ..Outcome::default() });
            if goes_on(step, &outcome) { continue } else { return outcome }
        }
    }

    /// Where a request goes: the provider's API, if the step does not say.
    fn target(&self, step: &Step) -> String {
        step.arguments.get("url").map_or_else(|| format!("{}/api", self.issuer), text)
    }
}

/// Whether a step with `until = "fails"` is taken once more.
fn goes_on(step: &Step, outcome: &Acted) -> bool {
    match step.arguments.get("until") {
        None => false,
        Some(until) => {
            assert_eq!(until, "fails");
            outcome.is_ok()
        }
    }
}

fn of_token(token: AccessToken) -> Outcome {
    let token_type = match token.token_type() {
        TokenType::DPoP => "dpop",
        _ => "bearer",
    };
    Outcome { token_type: Some(token_type), ..Outcome::default() }
}

fn done<T>(result: Result<T, Error>) -> Acted {
    result.map(|_| Outcome::default())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Pins that no key has.
const PINS: [&str; 2] = [
    "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "sha256/BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];
