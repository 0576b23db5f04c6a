//! The commands, one a file.

pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod profiles;
pub(crate) mod refresh;
pub(crate) mod request;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod user;

use std::time::Duration;

use moorline::{Moorline, User};
use serde_json::{Map, Value};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::Output;
use crate::profile::Profile;
use crate::session;
use crate::settings::Settings;

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) home: Home,
    pub(crate) profile: Profile,
    pub(crate) output: &'a Output,
    pub(crate) insecure_file_key: bool,
}

impl<'a> Context<'a> {
    pub(crate) fn new(arguments: &Arguments, output: &'a Output) -> Result<Self, Failure> {
        let home = Home::find(arguments.home.as_deref())?;
        let profile = Profile::new(&home, &arguments.profile)?;
        Ok(Self { home, profile, output, insecure_file_key: arguments.insecure_file_key })
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
        let moorline = session::open(&self.profile, &settings, &[], self.output)?;
        Ok((settings, moorline))
    }
}

/// The person, as the provider describes them.
pub(crate) fn claims(user: &User) -> Value {
    let mut claims: Map<String, Value> = user.claims.clone();
    claims.insert("sub".to_owned(), user.subject.clone().into());
    Value::Object(claims)
}

/// `Ada Lovelace <ada@example.com>`, or as much of it as is known.
pub(crate) fn named(user: &User) -> String {
    let name = user.name.as_ref().or(user.preferred_username.as_ref());
    one_line(&match (name, &user.email) {
        (Some(name), Some(email)) => format!("{name} <{email}>"),
        (Some(name), None) => name.clone(),
        (None, Some(email)) => email.clone(),
        (None, None) => user.subject.clone(),
    })
}

/// A claim that brings a line of its own could pass for one of ours.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

pub(crate) fn whole_seconds(duration: Option<Duration>) -> Value {
    duration.map_or(Value::Null, |duration| duration.as_secs().into())
}

/// `45 seconds`, `14 minutes`, `3 hours`, `12 days`.
pub(crate) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (number, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_to_its_line() {
        assert_eq!(one_line("Ada\r\n  subject   root"), "Ada    subject   root");
    }

    #[test]
    fn durations_are_told_as_people_tell_them() {
        let told = |seconds| rough(Duration::from_secs(seconds));
        assert_eq!(
            [told(0), told(1), told(119), told(120), told(899), told(7_200), told(172_800)],
            ["0 seconds", "1 second", "119 seconds", "2 minutes", "14 minutes", "2 hours", "2 days"]
        );
    }
}
