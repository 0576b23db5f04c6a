//! What every command needs.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;

use moorline::{Moorline, SessionInfo};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::Output;
use crate::profile::Profile;
use crate::session;
use crate::settings::Settings;
use crate::signals::Signals;

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) home: Home,
    pub(crate) profile: Profile,
    pub(crate) output: &'a Output,
    pub(crate) insecure_file_key: bool,
    pub(crate) signals: Signals,
    /// Whether the command uses a session that was there before, as all but `login` do.
    pub(super) uses_session: Cell<bool>,
    /// The session that the command works with.
    pub(super) opened: OnceCell<Moorline>,
    /// The sign-in that is under way.
    pub(super) sign_in: RefCell<Option<Started>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(arguments: &Arguments, output: &'a Output) -> Result<Self, Failure> {
        let home = Home::find(arguments.home.as_deref())?;
        let profile = Profile::new(&home, &arguments.profile)?;
        Ok(Self {
            home,
            profile,
            output,
            insecure_file_key: arguments.insecure_file_key,
            signals: Signals::new(),
            uses_session: Cell::new(false),
            opened: OnceCell::new(),
            sign_in: RefCell::default(),
        })
    }

    /// The settings and the session of a profile that has signed in before.
    pub(crate) async fn open(&self) -> Result<(Settings, Moorline), Failure> {
        let settings =
            self.profile.settings()?.ok_or_else(|| Failure::NoProfile(self.profile.name().to_owned()))?;
        if self.insecure_file_key && !settings.insecure_file_key {
            return Err(Failure::usage(
                "the key of this profile is in the machine's key store; --insecure-file-key is for `moorline login`",
            ));
        }
        self.uses_session.set(true);
        let moorline = self.open_with(&settings, &[]).await?;
        Ok((settings, moorline))
    }

    /// Opens the session. From now on, a signal lets an exchange finish first.
    pub(crate) async fn open_with(
        &self,
        settings: &Settings,
        parameters: &[(String, String)],
    ) -> Result<Moorline, Failure> {
        let moorline = session::open(&self.profile, settings, parameters).await?;
        self.signals.listen()?;
        Ok(self.opened.get_or_init(|| moorline).clone())
    }
}

/// The profile's settings before a sign-in, and what becomes of their file.
#[derive(Debug)]
pub(crate) enum Before {
    /// They are written back if the sign-in fails; `None` if there were none.
    Stored(Option<Vec<u8>>),
    /// They cannot be read, and stay where they are until the browser has come back.
    Damaged(String),
    /// The damaged file is here now, and is moved back if the sign-in fails.
    Aside(String, PathBuf),
}

/// What there was before a sign-in that is under way.
#[derive(Debug)]
pub(crate) struct Started {
    pub(super) settings: Before,
    pub(super) session: Option<SessionInfo>,
}
