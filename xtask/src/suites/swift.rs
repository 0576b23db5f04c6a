//! The Swift part: generated code, the library and its tests, on Linux, against a real server.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bindings::generate_swift;
use crate::counts;
use crate::dev_server::DevServer;
use crate::install;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

const LINTING: Duration = Duration::from_secs(5 * 60);
const TESTING: Duration = Duration::from_secs(25 * 60);

/// Sets up the tool chain, compiles the Swift library and runs its tests.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    if report.step("swift set up", "Debian's Swift tool chain, once, in a folder of its own", |step| {
        install::swift(workspace, &mut step.log)
    }) {
        report.step("swift format", "the code is formatted as by swift-format", |step| lint(workspace, step));
        report.step("swift tests", "the Swift library on Linux, against a real server", |step| {
            run(workspace, step)
        });
    } else {
        report.cannot("swift tests", "not run, because there is no Swift");
    }
}

/// The tool chain's `swift format`, which checks the form of what people wrote.
fn lint(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let mut lint = swift(workspace, &[]);
    lint.args(["swift", "format", "lint", "--strict", "--configuration", ".swift-format", "--recursive"]);
    lint.args(["Package.swift", "Sources", "Tests"]);
    step.log.must(lint, LINTING)?;
    Ok(())
}

/// A command in the Swift package's folder, with the tool chain's root file system around it.
fn swift(workspace: &Workspace, folders: &[&Path]) -> Command {
    let mut swift = workspace.command("tools/swift-linux.sh");
    swift.arg("run");
    for folder in folders {
        swift.arg("--bind").arg(folder);
    }
    swift.arg("bindings/swift");
    swift
}

fn run(workspace: &Workspace, step: &mut Step) -> Result<()> {
    generate_swift(workspace, &mut step.log)?;
    let server = DevServer::start(workspace)?;
    step.note(&format!("a server of its own: {}", server.issuer()));

    let mut swift = swift(workspace, &[workspace.target(), &server.folder()]);
    let native = workspace.target().join("debug");
    swift.args(["swift", "test", "--scratch-path"]).arg(workspace.target().join("swift"));
    swift.arg("-Xlinker").arg(format!("-L{}", native.display()));
    swift.args(["-Xlinker", "-rpath", "-Xlinker"]).arg(&native);
    swift.env(
        "SWIFT_ENV",
        format!(
            "MOORLINE_DEV_JSON={} MOORLINE_BROWSE_BIN={} MOORLINE_TESTKIT_BIN={}",
            server.description().display(),
            workspace.program("moorline-browse").display(),
            workspace.program("moorline-testkit").display(),
        ),
    );
    let finished = step.log.run(swift, TESTING)?;
    step.counts = counts::of_swift_test(&finished.output);
    finished.require()?;
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}
