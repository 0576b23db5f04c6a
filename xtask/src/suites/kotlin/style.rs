//! How the Kotlin sources read, the sample's too: ktlint for the form (`.editorconfig`), detekt for the rest
//! (`detekt.yml`).

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::tools::{DETEKT, KTLINT, Tools};
use crate::report::Step;
use crate::suites::inputs::{Inputs, files};
use crate::workspace::Workspace;

/// The Android sample has the same form.
const SAMPLE: &str = "android-sample";

/// With this variable, ktlint corrects what it can.
const CORRECT: &str = "MOORLINE_FORMAT";

const READING: Duration = Duration::from_secs(10 * 60);

/// Runs both, unless they have passed these sources already.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let tools = Tools::of(workspace)?;
    let sources = workspace.root().join("bindings/kotlin");
    let mut inputs = Inputs::default().word(tools.version("ktlint")?).word(tools.version("detekt")?);
    let mut read = 0;
    let sample = workspace.root().join(SAMPLE);
    for file in files(&sources)?.into_iter().chain(files(&sample)?) {
        if is_read(&file) {
            inputs = inputs.word(&file.display().to_string()).path(&file)?;
            read += 1;
        }
    }
    ensure!(read > 0, "there are no Kotlin sources in {}", sources.display());
    let notes = workspace.target().join("kotlin");
    fs::create_dir_all(&notes)?;
    let work = inputs.of(notes.join("style.passed"));
    if work.is_done() {
        step.note("these sources have passed before");
        return Ok(());
    }
    // ktlint takes the patterns from where it runs, and names files as they are seen from there.
    let mut ktlint = tools.java(workspace, step, &KTLINT)?;
    ktlint.current_dir(&sources);
    ktlint.args(["com.pinterest.ktlint.Main", "--relative", "**/*.kt", "**/*.kts", "!**/build/**"]);
    ktlint.arg(format!("{}/**/*.kt", sample.display()));
    if std::env::var_os(CORRECT).is_some() {
        ktlint.arg("--format");
    }
    let finished = step.log.run(ktlint, READING)?;
    let how = || format!("ktlint: `{CORRECT}=1 cargo xtask test --only kotlin` corrects most of it");
    finished.require().with_context(how)?;
    let mut detekt = tools.java(workspace, step, &DETEKT)?;
    detekt.current_dir(&sources);
    detekt.args(["io.gitlab.arturbosch.detekt.cli.Main", "--build-upon-default-config"]);
    detekt.args(["--input", ".,../../android-sample", "--excludes", "**/build/**", "--config", "detekt.yml"]);
    step.log.run(detekt, READING)?.require().context("detekt has something to say")?;
    work.done()
}

fn is_read(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    matches!(ending, "kt" | "kts") || file.ends_with(".editorconfig") || file.ends_with("detekt.yml")
}
