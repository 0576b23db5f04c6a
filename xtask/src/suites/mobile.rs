//! The phones' part: the library of the bindings, type-checked for Android and iOS without an NDK or Xcode.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::install;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

/// Each phone and each emulator.
const TARGETS: [&str; 4] =
    ["aarch64-linux-android", "x86_64-linux-android", "aarch64-apple-ios", "aarch64-apple-ios-sim"];

const CHECKING: Duration = Duration::from_secs(30 * 60);

/// Sets up the standard library of each target, and type-checks the bindings for it.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    if !report.step("mobile set up", "Rust's standard library for Android and iOS, once", |step| {
        install::mobile(workspace, &mut step.log)
    }) {
        report.cannot("mobile check", "not run, because the targets could not be set up");
        return;
    }
    report.step("mobile check", "the bindings, type-checked for Android and iOS", |step| {
        check(workspace, step)
    });
}

fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    for target in TARGETS {
        let mut check = workspace.command("tools/mobile-targets.sh");
        check.args(["run", "cargo", "check", "--locked", "--package", "moorline-ffi", "--target", target]);
        check.args(["--no-default-features", "--features", "ring"]);
        // Apart from the hosts' programs, which are built with other flags.
        check.env("RUSTFLAGS", "-Dwarnings").env("CARGO_TARGET_DIR", workspace.target().join("mobile"));
        step.log.must(check, CHECKING).with_context(|| format!("it does not compile for {target}"))?;
    }
    Ok(())
}
