//! What every command needs.

use std::cell::{OnceCell, RefCell};

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
            opened: OnceCell::new(),
            sign_in: RefCell::default(),
        })
    }

    /// The settings and the session of a profile that has signed in before.
    pub(crate) fn open(&self) -> Result<(Settings, Moorline), Failure> {
        let settings =
            self.profile.settings()?.ok_or_else(|| Failure::NoProfile(self.profile.name().to_owned()))?;
        if self.insecure_file_key && !settings.insecure_file_key {
            return Err(Failure::usage(
                "the key of this profile is in the machine's key store; --insecure-file-key is for `moorline login`",
            ));
        }
        let moorline = self.open_with(&settings, &[])?;
        Ok((settings, moorline))
    }

    /// Opens the session. From now on, a signal lets an exchange finish first.
    pub(crate) fn open_with(
        &self,
        settings: &Settings,
        parameters: &[(String, String)],
    ) -> Result<Moorline, Failure> {
        let moorline = session::open(&self.profile, settings, parameters)?;
        self.signals.listen()?;
        Ok(self.opened.get_or_init(|| moorline).clone())
    }
}

/// What there was before a sign-in that is under way.
#[derive(Debug)]
pub(crate) struct Started {
    pub(super) settings: Option<Vec<u8>>,
    pub(super) session: Option<SessionInfo>,
}
