//! The behaviour table of `tests/behaviour`: what the SDK does, as rows of *given*, *when* and *then*. Rust, Kotlin and
//! Swift each run all of them through their public API.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The sentence that it proves.
    pub name: String,
    /// Whether the provider is reached over TLS.
    #[serde(default)]
    pub tls: bool,
    /// What is different about the app's configuration.
    #[serde(default)]
    pub app: Map<String, Value>,
    /// Steps that succeed.
    #[serde(default)]
    pub given: Vec<Step>,
    /// Steps that succeed, and one whose outcome the row is about.
    pub when: Vec<Step>,
    /// What that outcome is, and what is true then.
    pub then: Then,
    /// Steps that succeed after it.
    #[serde(default)]
    pub after: Vec<Step>,
}

/// A step: its word, and what belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The word. Those that begin with `provider.` are commands of the control endpoint.
    #[serde(rename = "do")]
    pub word: String,
    /// What belongs to the word.
    #[serde(flatten)]
    pub arguments: Map<String, Value>,
}

/// The outcome of the last step of `when`, and what is true after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Then {
    /// The code of the error; no error if left out.
    #[serde(default)]
    pub error: Option<String>,
    /// The reason of the error.
    #[serde(default)]
    pub reason: Option<String>,
    /// The refusal code of the error.
    #[serde(default)]
    pub refusal: Option<String>,
    /// The retry advice of the error: `never`, `now`, `after` or `when_unlocked`.
    #[serde(default)]
    pub retry: Option<String>,
    /// Whether the app's own request may have taken effect.
    #[serde(default)]
    pub maybe_sent: Option<bool>,
    /// How far the device's clock is ahead, in whole hours: that of the error `clock_skew`.
    #[serde(default)]
    pub ahead_hours: Option<i64>,
    /// The state of the session: `signed_in`, `signed_out`, `signing_in`, `locked` or `needs_reauth`.
    pub state: String,
    /// The reason of that state.
    #[serde(default)]
    pub state_reason: Option<String>,
    /// The status of the API's response.
    #[serde(default)]
    pub status: Option<u16>,
    /// What the provider has seen, by the names of the command `seen`.
    #[serde(default)]
    pub seen: Map<String, Value>,
}

/// The least number of rows. A driver that runs fewer fails.
pub const LEAST: usize = 60;

/// What a step of an app may be.
pub const APP_WORDS: [&str; 23] = [
    "start_sign_in",
    "browse",
    "finish_sign_in",
    "sign_in",
    "step_up",
    "cancel_sign_in",
    "start_device_sign_in",
    "finish_device_sign_in",
    "adopt",
    "resume_adoption",
    "access_token",
    "refresh",
    "request_headers",
    "send",
    "user_info",
    "id_token",
    "session_info",
    "sign_out",
    "network_changed",
    "shutdown",
    "close",
    "restart",
    "key_store",
];

/// What a step of the driver's own may be besides.
const DRIVER_WORDS: [&str; 1] = ["vault"];

/// Every row of every file, in order.
///
/// # Errors
/// If a row is malformed, or two have the same name.
pub fn all() -> Result<Vec<Row>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        row: Vec<Row>,
    }

    let mut rows = Vec::new();
    for (name, text) in FILES {
        let file: File = toml::from_str(text).with_context(|| format!("reading tests/behaviour/{name}"))?;
        rows.extend(file.row);
    }
    let mut names = BTreeSet::new();
    for row in &rows {
        ensure!(names.insert(&row.name), "two rows are named {:?}", row.name);
        row.check().with_context(|| format!("in the row {:?}", row.name))?;
    }
    Ok(rows)
}

/// The files of `tests/behaviour`.
const FILES: [(&str, &str); 6] = [
    ("adopt.toml", include_str!("../../tests/behaviour/adopt.toml")),
    ("sign_in.toml", include_str!("../../tests/behaviour/sign_in.toml")),
    ("tokens.toml", include_str!("../../tests/behaviour/tokens.toml")),
    ("requests.toml", include_str!("../../tests/behaviour/requests.toml")),
    ("sign_out.toml", include_str!("../../tests/behaviour/sign_out.toml")),
    ("storage.toml", include_str!("../../tests/behaviour/storage.toml")),
];

impl Row {
    fn check(&self) -> Result<()> {
        for step in self.given.iter().chain(&self.when).chain(&self.after) {
            let word = step.word.as_str();
            let known =
                APP_WORDS.contains(&word) || DRIVER_WORDS.contains(&word) || word.starts_with("provider.");
            ensure!(known, "{word:?} is no word");
        }
        let Some(last) = self.when.last() else { bail!("there is no step in `when`") };
        ensure!(APP_WORDS.contains(&last.word.as_str()), "the last step of `when` is not one of the app's");
        let then = &self.then;
        let advice = then.retry.is_some() && then.maybe_sent.is_some();
        ensure!(
            then.error.is_some() == advice,
            "an error has `retry` and `maybe_sent`, and nothing else has"
        );
        let details = then.reason.is_some() || then.refusal.is_some() || then.ahead_hours.is_some();
        ensure!(
            then.error.is_some() || !details,
            "`reason`, `refusal` and `ahead_hours` are those of an error"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_table_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/behaviour");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let found: BTreeSet<_> = files.filter_map(|name| name.into_string().ok()).collect();
        let read: BTreeSet<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, read);
    }

    #[test]
    fn there_are_as_many_rows_as_a_driver_wants() {
        let rows = all().unwrap();
        assert!(rows.len() >= LEAST, "{}", rows.len());
    }

    #[test]
    fn a_row_with_an_unknown_word_or_without_advice_is_refused() {
        let row =
            |row: &str| toml::from_str::<Row>(row).map_err(anyhow::Error::from).and_then(|row| row.check());
        let good = "name = 'a'\nwhen = [{ do = 'refresh' }]\n";
        row(&format!("{good}then = {{ state = 'signed_in' }}")).unwrap();
        for bad in [
            "name = 'a'\nwhen = [{ do = 'refreshes' }]\nthen = { state = 'signed_in' }".to_owned(),
            "name = 'a'\nwhen = []\nthen = { state = 'signed_in' }".to_owned(),
            "name = 'a'\nwhen = [{ do = 'provider.recover' }]\nthen = { state = 'signed_in' }".to_owned(),
            format!("{good}then = {{ state = 'signed_in', error = 'offline' }}"),
            format!("{good}then = {{ state = 'signed_in', reason = 'revoked' }}"),
            format!("{good}then = {{ state = 'signed_in', colour = 'red' }}"),
            format!("{good}colour = 'red'\nthen = {{ state = 'signed_in' }}"),
        ] {
            row(&bad).unwrap_err();
        }
    }
}
