//! The Rust part: the form of the code, its dependencies, its documentation, its tests.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::secret_service::with_secret_service;
use crate::counts;
use crate::install;
use crate::report::{Report, Step};
use crate::scratch::Scratch;
use crate::workspace::Workspace;

const QUICK: Duration = Duration::from_secs(5 * 60);
const CHECKING: Duration = Duration::from_secs(30 * 60);
const TESTING: Duration = Duration::from_secs(20 * 60);

/// What needs no test to run: fmt, clippy, rustdoc, cargo-deny.
pub(super) fn checks(workspace: &Workspace, report: &mut Report) {
    report.step("fmt", "the code stands as rustfmt sets it", |step| {
        cargo(workspace, step, &["fmt", "--all", "--check"], QUICK)
    });
    report.step("clippy", "no warning in any target", |step| {
        let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
        cargo(workspace, step, &arguments, CHECKING)
    });
    report.step("rustdoc", "the documentation of every crate builds without a warning", |step| {
        let mut doc = workspace.cargo();
        doc.args(["doc", "--locked", "--workspace", "--lib", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        step.log.must(doc, CHECKING)?;
        Ok(())
    });
    report.step("dependencies", "licences, bans and sources, by cargo-deny", |step| {
        deny(workspace, step, &["bans", "licenses", "sources"]).map(drop)
    });
    report.step("advisories", "no dependency with a known vulnerability, by cargo-deny", |step| {
        advisories(workspace, step)
    });
}

/// All tests of all crates, with a Secret Service to keep keys in.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("rust tests", "every test of every crate, with a real Secret Service", |step| {
        let home = Scratch::new("home")?;
        let mut test = workspace.cargo();
        test.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
        test.env("MOORLINE_SERVER_BIN", workspace.program("moorline-server"));
        let finished = step.log.run(with_secret_service(workspace, &test, &home)?, TESTING)?;
        step.counts = counts::of_cargo_test(&finished.output);
        finished.require()?;
        ensure!(step.counts.ran() > 0, "no test ran");
        Ok(())
    });
}

fn cargo(workspace: &Workspace, step: &mut Step, arguments: &[&str], limit: Duration) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(arguments);
    step.log.must(cargo, limit)?;
    Ok(())
}

fn deny(workspace: &Workspace, step: &mut Step, checks: &[&str]) -> Result<()> {
    let mut deny = workspace.command(install::cargo_deny(workspace, &mut step.log)?);
    deny.args(["--locked", "--workspace", "--all-features", "check", "--hide-inclusion-graph"]).args(checks);
    step.log.must(deny, QUICK)?;
    Ok(())
}

/// The advisory database is a git repository that not every network lets through. Without it nothing is known, and that
/// is said in red, here and in the table at the end; a finding, or any other failure, is a failure.
fn advisories(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let mut deny = workspace.command(install::cargo_deny(workspace, &mut step.log)?);
    deny.args(["--locked", "--workspace", "--all-features", "check", "--hide-inclusion-graph", "advisories"]);
    let finished = step.log.run(deny, QUICK)?;
    if finished.output.contains("failed to fetch advisory database") {
        step.skip(
            "the advisory database can't be reached from here, so known vulnerabilities were NOT looked up",
        );
        return Ok(());
    }
    finished.require()
}
