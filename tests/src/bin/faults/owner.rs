//! An honest owner: a device with a vault, and the SDK in a process of its own that may be killed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use moorline_tests::oauth::parameter;
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use crate::command::Commands;
use crate::control::Control;
use crate::shell::{Shell, Step, TIMEOUT_MS};
use crate::site::Site;

/// How often an app asks again before its user counts as signed out.
const TRIES: usize = 12;

/// How a session came through.
#[derive(Debug)]
pub(crate) enum Verdict {
    Alive,
    Lost(String),
    Forked(String),
}

/// A device, its app, and the session on it.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) site: Arc<Site>,
    device: Device,
    app: App,
    session: usize,
    habits: Habits,
    /// The callback of a sign-in that is not finished.
    pending: Option<Url>,
}

/// How an owner uses the SDK.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// Whether it runs under the shim, and with its journal.
    pub(crate) shim: Option<bool>,
    /// How long it waits for an answer.
    pub(crate) timeout: Duration,
    /// By the command line program, instead of an app that stays.
    pub(crate) commands: bool,
}

#[derive(Debug)]
enum App {
    /// A process that stays, while it runs.
    Process(Option<Box<Shell>>),
    Commands(Commands),
}

impl Default for Habits {
    fn default() -> Self {
        Self { shim: None, timeout: Duration::from_millis(TIMEOUT_MS), commands: false }
    }
}

#[derive(Debug)]
struct Device {
    _folder: TempDir,
    path: PathBuf,
    control: Control,
}

impl Device {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("moorline-device-").tempdir()?;
        let path = folder.path().canonicalize()?;
        let control = Control::new(path.join("control"))?;
        Ok(Self { _folder: folder, path, control })
    }
}

/// How often a sign-in is tried.
const SIGN_INS: u32 = 3;

impl Owner {
    /// An owner who has just signed in.
    pub(crate) async fn sign_in(site: Arc<Site>, habits: Habits) -> Result<Self> {
        let (device, session) = (Device::new()?, usize::MAX);
        let mut owner = Self { site, device, app: App::Process(None), session, habits, pending: None };
        owner.sign_in_anew().await?;
        Ok(owner)
    }

    /// Signs in on a new device; the old session is forgotten. No fault is under way, so that what fails is the loaded
    /// machine: a time-out, mostly. It is printed and tried again, since one of thousands must not end the run.
    pub(crate) async fn sign_in_anew(&mut self) -> Result<()> {
        for attempt in 1.. {
            match self.sign_in_once().await {
                Ok(()) => break,
                Err(error) if attempt == SIGN_INS => return Err(error.context(self.site.health().await)),
                Err(error) => eprintln!("a sign-in failed and is tried again: {error:#}"),
            }
        }
        Ok(())
    }

    async fn sign_in_once(&mut self) -> Result<()> {
        self.begin_anew()?;
        self.walk_through_sign_in().await
    }

    /// Walks to the end of the provider's pages on a new device. The next refresh exchanges the code instead.
    pub(crate) async fn get_a_code(&mut self) -> Result<()> {
        self.begin_anew()?;
        self.pending = Some(self.walk_to_the_callback().await?);
        Ok(())
    }

    fn begin_anew(&mut self) -> Result<()> {
        self.pending = None;
        if self.session != usize::MAX {
            self.site.wire.forget(self.session);
            self.session = usize::MAX;
        }
        self.app = App::Process(None);
        self.device = Device::new()?;
        self.start()
    }

    async fn walk_through_sign_in(&mut self) -> Result<()> {
        if let App::Commands(commands) = &self.app {
            let waiting = commands.login(&self.site.arguments()).await?;
            let callback = self.site.sign_in(&waiting.address).await?;
            self.session = self.session_of(&callback)?;
            return waiting.finish(callback.as_str()).await;
        }
        let callback = self.walk_to_the_callback().await?;
        let finished = self.obey(&format!("finish-sign-in {callback}")).await?;
        anyhow::ensure!(finished["subject"].is_string(), "not signed in: {finished}");
        Ok(())
    }

    async fn walk_to_the_callback(&mut self) -> Result<Url> {
        let asked = self.obey("start-sign-in").await?;
        let url = asked["url"].as_str().with_context(|| format!("no sign-in: {asked}"))?;
        let callback = self.site.sign_in(url).await?;
        self.session = self.session_of(&callback)?;
        Ok(callback)
    }

    fn session_of(&self, callback: &Url) -> Result<usize> {
        let code = parameter(callback, "code").context("a callback with a code")?;
        Ok(self.site.wire.session_of_code(&code, self.habits.timeout))
    }

    /// The page that is shared with this owner's processes.
    pub(crate) fn control(&self) -> &Control {
        &self.device.control
    }

    /// The folder of the device's vault.
    pub(crate) fn vault(&self) -> PathBuf {
        match self.habits.commands {
            true => Commands::vault(&self.device.path.join("home")),
            false => self.device.path.join("vault"),
        }
    }

    /// The process id of the app.
    pub(crate) fn pid(&self) -> Result<u32> {
        match &self.app {
            App::Process(Some(shell)) => shell.pid(),
            _ => anyhow::bail!("the app does not run"),
        }
    }

    /// Which session this is on the wire.
    pub(crate) fn session(&self) -> usize {
        self.session
    }

    /// Starts the app, or starts it again.
    pub(crate) fn start(&mut self) -> Result<()> {
        let environment = match self.habits.shim {
            Some(journal) => self.device.control.environment(&self.vault(), journal)?,
            None => Vec::new(),
        };
        self.app = match self.habits.commands {
            true => App::Commands(Commands::new(self.device.path.join("home"), environment)),
            false => App::Process(Some(Box::new(Shell::start(&self.arguments(), &environment)?))),
        };
        Ok(())
    }

    /// One more process on the same device, such as an app's extension.
    pub(crate) fn another_process(&self) -> Result<Shell> {
        Shell::start(&self.arguments(), &[])
    }

    /// That process is the app from now on, and the old one is killed.
    pub(crate) fn go_on_with(&mut self, other: Shell) {
        self.app = App::Process(Some(Box::new(other)));
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = self.site.arguments();
        for (name, folder) in [("--vault", "vault"), ("--keys", "keys")] {
            arguments.extend([name.into(), self.device.path.join(folder).into_os_string()]);
        }
        arguments.extend(["--timeout".into(), self.habits.timeout.as_millis().to_string().into()]);
        arguments
    }

    /// Asks the SDK for a refresh, once; or to finish the sign-in, if that is not done.
    pub(crate) async fn refresh(&mut self) -> Result<Step> {
        let shell = match &mut self.app {
            App::Commands(commands) => return commands.refresh().await,
            App::Process(None) => return Ok(Step::Died),
            App::Process(Some(shell)) => shell,
        };
        let step = match &self.pending {
            Some(callback) => shell.finish_sign_in(callback).await?,
            None => shell.refresh().await?,
        };
        if matches!(step, Step::Done) {
            self.pending = None;
        }
        if matches!(step, Step::Died) {
            self.app = App::Process(None);
        }
        Ok(step)
    }

    /// Asks, and again while the SDK says that this can help, as an app does.
    pub(crate) async fn refresh_until_answered(&mut self) -> Result<Step> {
        let mut last = self.refresh().await?;
        for _ in 1..TRIES {
            let Step::Later(error) = &last else { break };
            tokio::time::sleep(asked_to_wait(error)).await;
            last = self.refresh().await?;
        }
        Ok(last)
    }

    /// Whether the session goes on: a refresh succeeds, the API answers, and the owner holds the one live leaf.
    pub(crate) async fn goes_on(&mut self) -> Result<Verdict> {
        if let App::Process(None) = self.app {
            self.start()?;
        }
        if self.pending.is_some() {
            match self.refresh_until_answered().await? {
                Step::Done => {}
                step => return Ok(Verdict::Lost(format!("the sign-in can't be finished: {step:?}"))),
            }
        }
        match self.refresh_until_answered().await? {
            Step::Done => {}
            Step::Later(error) => return Ok(Verdict::Lost(format!("no refresh any more: {error}"))),
            Step::Ended(error) => return Ok(Verdict::Lost(error)),
            Step::Died => return Ok(Verdict::Lost("the SDK died with nobody at it".to_owned())),
        }
        if let Some(trouble) = self.visit().await? {
            return Ok(Verdict::Lost(trouble));
        }
        if self.site.wire.is_forked(self.session) {
            return Ok(Verdict::Forked("one token had two successors".to_owned()));
        }
        let captured = self.site.wire.captured(self.session).pop().context("a token response on the wire")?;
        Ok(match self.site.trouble(&captured.tokens.refresh_token)? {
            Some(trouble) => Verdict::Forked(trouble),
            None => Verdict::Alive,
        })
    }

    /// Goes to the API; returns what is wrong, if anything is.
    pub(crate) async fn visit(&mut self) -> Result<Option<String>> {
        let api = self.site.api();
        if let App::Commands(commands) = &self.app {
            return commands.visit(&api).await;
        }
        let answer = self.obey(&format!("get {api}")).await?;
        let said = || answer["error"].as_str().unwrap_or("no error");
        Ok((answer["status"] != 200).then(|| format!("the API says {}: {}", answer["status"], said())))
    }

    /// Gives a command, and again while the SDK says that this can help: a busy machine is late by itself.
    async fn obey(&mut self, command: &str) -> Result<Value> {
        let App::Process(Some(shell)) = &mut self.app else { anyhow::bail!("the app does not run") };
        let mut answer = Value::Null;
        for _ in 0..TRIES {
            let word = command.split(' ').next().unwrap_or_default();
            answer = shell.obey(command).await?.with_context(|| format!("the SDK died at {word}"))?;
            if answer["retryable"] != true {
                break;
            }
        }
        Ok(answer)
    }
}

/// How long the server asked to wait, by the words of [`moorline::Error::RateLimited`].
fn asked_to_wait(error: &str) -> Duration {
    let (_, rest) = error.split_once("retry in ").unwrap_or_default();
    let seconds = rest.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    Duration::from_secs(seconds)
}
