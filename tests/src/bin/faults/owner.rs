//! An honest owner: a device with a vault, and the SDK in a process of its own that may be killed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use moorline_tests::oauth::parameter;
use serde_json::Value;
use tempfile::TempDir;

use crate::control::Control;
use crate::shell::{Shell, Step};
use crate::site::Site;

/// How long the SDK waits for an answer here; what is later is lost.
pub(crate) const TIMEOUT_MS: u64 = 2_500;

/// How often an app asks again before its person is said to be signed out.
const TRIES: usize = 12;

/// How a session came through.
#[derive(Debug)]
pub(crate) enum Verdict {
    Alive,
    Lost(String),
    Forked(String),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) site: Arc<Site>,
    device: Device,
    shell: Option<Shell>,
    session: usize,
    /// Whether the SDK runs under the shim, and with its journal.
    shim: Option<bool>,
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

impl Owner {
    /// Somebody who has just signed in. With `shim`, the SDK's processes run under it, with or without its journal.
    pub(crate) async fn sign_in(site: Arc<Site>, shim: Option<bool>) -> Result<Self> {
        let mut owner = Self { site, device: Device::new()?, shell: None, session: usize::MAX, shim };
        owner.sign_in_anew().await?;
        Ok(owner)
    }

    /// Signs in on a new device; the old session is forgotten.
    pub(crate) async fn sign_in_anew(&mut self) -> Result<()> {
        if self.session != usize::MAX {
            self.site.wire.forget(self.session);
        }
        self.shell = None;
        self.device = Device::new()?;
        self.start()?;
        match self.walk_through_sign_in().await {
            Err(error) => Err(error.context(self.site.health().await)),
            signed_in => signed_in,
        }
    }

    async fn walk_through_sign_in(&mut self) -> Result<()> {
        let asked = self.obey("start-sign-in").await?;
        let url = asked["url"].as_str().with_context(|| format!("no sign-in: {asked}"))?;
        let callback = self.site.sign_in(url).await?;
        let code = parameter(&callback, "code").context("a callback with a code")?;
        self.session = self.site.wire.session_of_code(&code);
        let finished = self.obey(&format!("finish-sign-in {callback}")).await?;
        anyhow::ensure!(finished["subject"].is_string(), "not signed in: {finished}");
        Ok(())
    }

    /// The page that is shared with this owner's processes.
    pub(crate) fn control(&self) -> &Control {
        &self.device.control
    }

    /// The folder of the device's vault.
    pub(crate) fn vault(&self) -> PathBuf {
        self.device.path.join("vault")
    }

    /// The process id of the app.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.shell.as_ref().context("the app does not run")?.pid()
    }

    /// Which session this is on the wire.
    pub(crate) fn session(&self) -> usize {
        self.session
    }

    /// Starts the app, or starts it again.
    pub(crate) fn start(&mut self) -> Result<()> {
        let environment = match self.shim {
            Some(journal) => self.device.control.environment(&self.vault(), journal)?,
            None => Vec::new(),
        };
        self.shell = Some(Shell::start(&self.arguments(), &environment)?);
        Ok(())
    }

    /// One more process on the same device, such as an app's extension.
    pub(crate) fn another_process(&self) -> Result<Shell> {
        Shell::start(&self.arguments(), &[])
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = self.site.arguments();
        for (name, folder) in [("--vault", "vault"), ("--keys", "keys")] {
            arguments.extend([name.into(), self.device.path.join(folder).into_os_string()]);
        }
        arguments.extend(["--timeout".into(), TIMEOUT_MS.to_string().into()]);
        arguments
    }

    /// Asks the SDK for a refresh, once.
    pub(crate) async fn refresh(&mut self) -> Result<Step> {
        let Some(shell) = &mut self.shell else { return Ok(Step::Died) };
        let step = shell.refresh().await?;
        if matches!(step, Step::Died) {
            self.shell = None;
        }
        Ok(step)
    }

    /// Asks, and again while the SDK says that this can help, as an app does.
    pub(crate) async fn refresh_until_answered(&mut self) -> Result<Step> {
        let mut last = self.refresh().await?;
        for _ in 1..TRIES {
            if !matches!(last, Step::Later(_)) {
                break;
            }
            last = self.refresh().await?;
        }
        Ok(last)
    }

    /// Whether the session goes on: a refresh succeeds, the API answers, and the owner holds the one live leaf.
    pub(crate) async fn goes_on(&mut self) -> Result<Verdict> {
        if self.shell.is_none() {
            self.start()?;
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
        let answer = self.obey(&format!("get {api}")).await?;
        let said = || answer["error"].as_str().unwrap_or("no error");
        Ok((answer["status"] != 200).then(|| format!("the API says {}: {}", answer["status"], said())))
    }

    /// Gives a command, and again while the SDK says that this can help: a busy machine is late by itself.
    async fn obey(&mut self, command: &str) -> Result<Value> {
        let shell = self.shell.as_mut().context("the app does not run")?;
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
