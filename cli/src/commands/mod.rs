//! The commands, one a file.

pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod profiles;
pub(crate) mod refresh;
pub(crate) mod request;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod user;

use std::cell::{OnceCell, RefCell};
use std::pin::pin;
use std::time::Duration;

use moorline::{Moorline, User};
use serde_json::{Map, Value};

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::Output;
use crate::profile::Profile;
use crate::session;
use crate::settings::Settings;
use crate::signals::{self, Signals};

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) home: Home,
    pub(crate) profile: Profile,
    pub(crate) output: &'a Output,
    pub(crate) insecure_file_key: bool,
    pub(crate) signals: Signals,
    /// The session that the command works with.
    opened: OnceCell<Moorline>,
    /// The sign-in that is under way.
    sign_in: RefCell<Option<login::Started>>,
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

/// Finishes what is under way before the program ends: the answer to a refresh is stored, and tokens of a sign-in that
/// cannot be kept are revoked.
pub(crate) async fn wind_down(
    context: &Context<'_>,
    outcome: Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let Some(moorline) = context.opened.get() else { return outcome };
    let mut finishing = pin!(moorline.shutdown(signals::LIMIT));
    let finished = match tokio::time::timeout(NOTICEABLE, &mut finishing).await {
        Ok(finished) => finished,
        Err(_) => {
            context
                .output
                .hint("Waiting for the provider's answer, so that nothing is lost. Ctrl-C ends at once.");
            finishing.await
        }
    };
    if let (Err(Failure::Interrupted(_)), Err(error)) = (&outcome, finished) {
        context.output.warn(format_args!("what was under way is not finished: {}", Failure::from(error)));
    }
    login::settle(context, moorline).await;
    outcome
}

/// How long the program may take to end before it says why.
const NOTICEABLE: Duration = Duration::from_millis(300);

/// The claims about the user (OpenID Connect Core §5.1), without those about a token or a sign-in.
pub(crate) fn claims(user: &User) -> Value {
    about(&user.subject, user.claims.clone())
}

fn about(subject: &str, mut claims: Map<String, Value>) -> Value {
    claims.retain(|name, _| !NOT_ABOUT_THE_USER.contains(&name.as_str()));
    claims.insert("sub".to_owned(), subject.into());
    Value::Object(claims)
}

/// Registered claims about the token (RFC 7519 §4.1, OpenID Connect Core §2 and §3.3.2.11, RFC 7800) and about the
/// authentication or the session (`acr`, `amr`, `auth_time`, `sid`, `session_state`).
const NOT_ABOUT_THE_USER: [&str; 17] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "cnf",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "s_hash",
    "session_state",
    "sid",
];

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

/// On one line: a claim with a line break could pass for a line of this program.
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
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_about_the_user_alone() {
        let described: Vec<&str> = ["name", "email", "groups", "updated_at"].to_vec();
        let all = described.iter().chain(&NOT_ABOUT_THE_USER).map(|name| ((*name).to_owned(), json!("x")));
        let shown = about("ada", all.collect());
        let mut names: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["email", "groups", "name", "sub", "updated_at"]);
    }

    #[test]
    fn a_name_keeps_to_its_line() {
        assert_eq!(one_line("Ada\r\n  subject   root"), "Ada    subject   root");
    }

    #[test]
    fn durations_are_shown_in_one_unit() {
        let told = |seconds| rough(Duration::from_secs(seconds));
        assert_eq!(
            [told(0), told(1), told(119), told(120), told(899), told(7_200), told(172_800)],
            ["0 seconds", "1 second", "119 seconds", "2 minutes", "14 minutes", "2 hours", "2 days"]
        );
    }
}
