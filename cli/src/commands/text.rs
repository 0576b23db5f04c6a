//! How users, claims and durations are shown.

use std::time::Duration;

use moorline::User;
use serde_json::{Map, Value};

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
        let text = |seconds| rough(Duration::from_secs(seconds));
        assert_eq!(
            [text(0), text(1), text(119), text(120), text(899), text(7_200), text(172_800)],
            ["0 seconds", "1 second", "119 seconds", "2 minutes", "14 minutes", "2 hours", "2 days"]
        );
    }
}
