//! The behaviour table, run by Rust through the SDK's public API. Kotlin and Swift run the same rows.

mod app;
mod closed_set;
mod facts;
mod keys;

use std::sync::Arc;

use moorline_testkit::{
    control::Providers,
    rows::{self, Row, Step},
};
use serde_json::{Value, json};

use app::{App, Outcome};

/// Rows at a time: some wait for pauses between attempts.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_does_what_every_row_of_the_table_says() {
    let rows = rows::all().unwrap();
    let providers = Arc::new(Providers::none().unwrap());
    let only = std::env::var("MOORLINE_ROW").ok();
    let (mut run, mut failures) = (0, Vec::new());
    let chosen: Vec<_> =
        rows.iter().filter(|row| only.as_ref().is_none_or(|only| row.name.contains(only))).collect();
    for some in chosen.chunks(AT_ONCE) {
        let running: Vec<_> = some
            .iter()
            .map(|row| {
                let (row, providers) = ((*row).clone(), providers.clone());
                tokio::spawn(async move { play(&row, &providers).await })
            })
            .collect();
        for (row, running) in some.iter().zip(running) {
            run += 1;
            match running.await {
                Ok(Ok(())) => {}
                Ok(Err(what)) => failures.push(format!("{}: {what}", row.name)),
                Err(panic) => failures.push(format!("{}: {panic}", row.name)),
            }
        }
    }
    assert!(failures.is_empty(), "{} of {run} rows failed:\n{}", failures.len(), failures.join("\n"));
    assert!(only.is_some() || run == rows.len() && run >= rows::LEAST, "only {run} rows were run");
}

/// Plays one row on a device and a provider of its own. The error says which step or fact is not as the row says.
async fn play(row: &Row, providers: &Providers) -> Result<(), String> {
    let mut stage = Stage::new(row, providers).await?;
    stage.succeed("given", &row.given).await?;
    let (last, before) = row.when.split_last().expect("`when` has a step");
    stage.succeed("when", before).await?;
    let browser = stage.browser();
    let outcome = stage.app.act(last, &browser).await;
    facts::compare(&row.then, &outcome, &stage.app.state())?;
    if !row.then.seen.is_empty() {
        facts::compare_seen(&row.then, &stage.command(json!({ "do": "seen" })).await?)?;
    }
    stage.succeed("after", &row.after).await
}

/// A provider, and an app.
struct Stage<'a> {
    providers: &'a Providers,
    provider: u64,
    app: App,
}

/// What an app needs to send the user to the provider.
pub(crate) struct Browser<'a> {
    providers: &'a Providers,
    provider: u64,
}

impl<'a> Stage<'a> {
    async fn new(row: &Row, providers: &'a Providers) -> Result<Self, String> {
        let started = providers
            .command(json!({ "do": "start", "tls": row.tls }))
            .await
            .map_err(|error| error.to_string())?;
        let provider = started["provider"].as_u64().expect("a number");
        Ok(Self { providers, provider, app: App::open(&row.app, &started).await? })
    }

    async fn command(&self, command: Value) -> Result<Value, String> {
        self.browser().command(command).await
    }

    fn browser(&self) -> Browser<'a> {
        Browser { providers: self.providers, provider: self.provider }
    }

    /// Takes steps that succeed, or fail as they say.
    async fn succeed(&mut self, part: &str, steps: &[Step]) -> Result<(), String> {
        for step in steps {
            let word = &step.word;
            let done = match word.strip_prefix("provider.") {
                Some(command) => {
                    let mut command: Value = json!({ "do": command });
                    for (name, value) in &step.arguments {
                        command[name] = value.clone();
                    }
                    self.command(command).await.map(|_| ())
                }
                None if word == "vault" => {
                    let folder = self.app.folder();
                    let change =
                        json!({ "do": "vault", "folder": folder, "becomes": step.arguments["becomes"] });
                    self.providers.command(change).await.map(|_| ()).map_err(|error| format!("{error:#}"))
                }
                None => {
                    let browser = self.browser();
                    let outcome = self.app.act(step, &browser).await;
                    facts::as_expected(step, &outcome)
                }
            };
            done.map_err(|what| format!("{word} in `{part}`: {what}"))?;
        }
        Ok(())
    }
}

impl Browser<'_> {
    pub(crate) async fn command(&self, mut command: Value) -> Result<Value, String> {
        command["provider"] = self.provider.into();
        self.providers.command(command).await.map_err(|error| format!("{error:#}"))
    }
}

/// The outcome of a step.
pub(crate) type Acted = Result<Outcome, moorline::Error>;
