//! The workflow files of hosted runners, which have an NDK, Gradle and Xcode: read by actionlint, run by nobody here.

use anyhow::{Context, Result, ensure};

use super::build::QUICK;
use crate::install;
use crate::report::Step;
use crate::suites::inputs::files;
use crate::workspace::Workspace;

/// Commands that the workflows are there for.
const COMMANDS: [&str; 6] = [
    "cargo xtask android",
    "cargo xtask ios",
    "gradle :moorline-android:assembleRelease",
    "gradle :app:connectedFakeDebugAndroidTest",
    "gradle :app:connectedServerDebugAndroidTest",
    "xcodebuild test",
];

/// Checks every workflow file.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let workflows = files(&workspace.root().join(".github/workflows"))?;
    let actionlint = install::actionlint(workspace, &mut step.log)?;
    let mut lint = workspace.command(actionlint);
    // Shell scripts are plain Rust and Gradle commands; shellcheck may be there or not.
    lint.args(["-no-color", "-shellcheck=", "-pyflakes="]).args(&workflows);
    step.log.must(lint, QUICK).context("actionlint has something to say")?;
    let texts = workflows.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?.concat();
    for command in COMMANDS {
        ensure!(texts.contains(command), "no workflow runs `{command}`");
    }
    step.note(&format!("{} workflow file(s), well-formed", workflows.len()));
    Ok(())
}
