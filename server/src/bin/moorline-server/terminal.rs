//! What every command shares: where the settings are, how it prints, and how it fails.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use moorline_server_base::config::{self, Config};
use serde::Serialize;

/// An error as a person reads it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where the settings are.
#[derive(Clone, Debug, Args)]
pub(crate) struct FileArg {
    /// The configuration file (TOML). Without one, everything comes from MOORLINE_… variables.
    #[arg(long = "config", value_name = "FILE", env = "MOORLINE_CONFIG")]
    pub(crate) file: Option<PathBuf>,
}

/// How the result is printed.
#[derive(Clone, Debug, Args)]
pub(crate) struct JsonArg {
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl JsonArg {
    /// Prints the result: as JSON, or in words.
    pub(crate) fn answer(&self, result: &impl Serialize, words: &str) -> Result<(), Failure> {
        if self.json { print(&(serde_json::to_string_pretty(result)? + "\n")) } else { print(words) }
    }
}

/// What every command takes that works on the database of the settings.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    json: JsonArg,
}

impl Common {
    /// The settings.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Ok(config::load(self.file.file.as_deref())?)
    }

    /// As [`JsonArg::answer`].
    pub(crate) fn answer(&self, result: &impl Serialize, words: &str) -> Result<(), Failure> {
        self.json.answer(result, words)
    }
}

/// Prints, and flushes, so that whoever waits for the line at the other end of a pipe gets it.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// A mistyped path must not make a new database.
pub(crate) fn exists(config: &Config) -> Result<(), Failure> {
    let Some(file) = config.database.file() else { return Ok(()) };
    std::fs::metadata(file).map(drop).map_err(|error| format!("{}: {error}", file.display()).into())
}
