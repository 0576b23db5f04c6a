//! The phones' part: the library of the bindings, type-checked, linked, measured and called without an NDK or Xcode.

mod android;
pub(super) mod archive;
mod arm64;
mod build;
mod ios;
pub(super) mod jna;
pub(super) mod library;
mod lint;
pub(super) mod manifest;
mod shrink;
mod symbols;
mod workflows;

use std::time::Duration;

use anyhow::{Context, Result};

use crate::install;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

/// Each phone and each emulator.
const TARGETS: [&str; 4] =
    ["aarch64-linux-android", "x86_64-linux-android", "aarch64-apple-ios", "aarch64-apple-ios-sim"];

const CHECKING: Duration = Duration::from_secs(30 * 60);

/// Sets up the standard library of each target, type-checks the bindings for it, and links what ships.
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
    if report.step("android library", "links it for arm64, over stubs of the system's libraries", |step| {
        android::link(workspace, step)
    }) {
        report.step("android size", "what it exports, its alignment, its size by crate", |step| {
            library::check(workspace, step)
        });
        report.step("android calls", "the library answers on arm64, under qemu", |step| {
            arm64::check(workspace, step)
        });
        archive_checks(workspace, report);
    } else {
        report.cannot("android archive", "not run, because there is no library to put in");
    }
    report.step("ios library", "the static library needs nothing that was not reviewed", |step| {
        ios::check(workspace, step)
    });
    report.step("workflows", "those that build for phones on hosted runners, by actionlint", |step| {
        workflows::check(workspace, step)
    });
}

/// Puts the Android archive together, and does with it what an app's build does.
fn archive_checks(workspace: &Workspace, report: &mut Report) {
    if !report.step("android archive", "puts the AAR together, for the ABI that was linked", |step| {
        archive::assemble(workspace, step)
    }) {
        report.cannot("android shrink", "not run, because there is no archive");
        return;
    }
    report.step("android manifest", "merges into an app's, and brings nothing unexpected", |step| {
        manifest::check(workspace, step)
    });
    report.step("android lint", "Android's lint, where a warning is an error", |step| {
        lint::check(workspace, step)
    });
    report.step("android shrink", "an app that R8 has shrunk with the AAR's rules signs in", |step| {
        shrink::check(workspace, step)
    });
}

fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    for target in TARGETS {
        let mut check = build::cargo(workspace, "check", target);
        check.env("RUSTFLAGS", "-Dwarnings");
        step.log.must(check, CHECKING).with_context(|| format!("it does not compile for {target}"))?;
    }
    Ok(())
}
