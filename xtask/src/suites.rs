//! `cargo xtask test`: sets up what is missing, runs every check and every test, and tells all of it at the end.

mod browser;
mod guide;
mod inputs;
pub(crate) mod kotlin;
mod links;
mod mobile;
mod rust;
mod sample;
pub(crate) mod swift;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::install;
use crate::report::Report;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Set up what the tests need, then run every check and every test.
///
/// Installs what is missing (Debian packages, cargo-deny, a newer Node.js, the Swift tool chain) and says so. When a
/// part fails, the others go on, and a table at the end tells all. The last line is `N passed, N failed`. Every
/// program that is run has a log under `target/xtask/logs/`.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Run only this part; may be repeated or separated by commas.
    #[arg(long, value_name = "PART", value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Show every line that the programs print.
    #[arg(long, short)]
    pub verbose: bool,
}

/// A part of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// fmt, clippy, cargo-deny, the documentation and all tests in Rust.
    Rust,
    /// The Kotlin library, on the JVM, against a real server.
    Kotlin,
    /// The Swift library, on Linux, against a real server.
    Swift,
    /// The bindings, type-checked for Android and iOS, and the Android sample on the archive that comes of them.
    Mobile,
    /// The sign-in pages in real Chromium, and the SDK and CLI against a provider that we did not write.
    Browser,
}

const BUILDING: Duration = Duration::from_secs(40 * 60);

/// Runs the parts that were asked for; the exit code is zero when all of them came out well.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let mut report = Report::new(ui, workspace.own_folder().join("logs"));

    // Each part builds the server, or starts it.
    let mut needs = install::SERVER.to_vec();
    for (part, its) in [
        (Part::Rust, install::RUST),
        (Part::Kotlin, install::KOTLIN),
        (Part::Swift, install::SWIFT),
        (Part::Mobile, install::MOBILE),
        (Part::Browser, install::BROWSER),
    ] {
        if wanted(part) {
            needs.extend_from_slice(its);
        }
    }
    report.step("set up", "installs the Debian packages that are missing", |step| {
        install::packages(workspace, &mut step.log, &needs)
    });

    if wanted(Part::Rust) {
        rust::checks(workspace, &mut report);
    }
    let built = report.step("build", "compiles every crate and program once", |step| {
        step.log.must(workspace.cargo_build(), BUILDING)?;
        Ok(())
    });
    for (part, name, suite) in [
        (Part::Rust, "rust tests", rust::tests as fn(&Workspace, &mut Report)),
        (Part::Kotlin, "kotlin tests", kotlin::tests),
        (Part::Swift, "swift tests", swift::tests),
        (Part::Mobile, "mobile check", mobile::tests),
        (Part::Mobile, "sample build", sample::tests),
        (Part::Browser, "browser tests", browser::tests),
    ] {
        if wanted(part) && built {
            suite(workspace, &mut report);
        } else if wanted(part) {
            report.cannot(name, "not run, because the build failed");
        }
    }
    Ok(report.finish())
}
