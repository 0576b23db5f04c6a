//! The Rust part: the form of the code, its dependencies, its documentation, its tests.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{guide, links};
use crate::circles;
use crate::counts;
use crate::install;
use crate::postgres::Cluster;
use crate::process::Finished;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

const QUICK: Duration = Duration::from_secs(5 * 60);
const CHECKING: Duration = Duration::from_secs(30 * 60);
const TESTING: Duration = Duration::from_secs(40 * 60);

/// What needs no test to run: fmt, clippy, rustdoc, cargo-deny.
pub(super) fn checks(workspace: &Workspace, report: &mut Report) {
    report.step("fmt", "the code is formatted as by rustfmt", |step| {
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
    report.step("links", "every link between the documents leads to a file", |step| {
        links::check(workspace, step)
    });
    report.step("guide", "the guide for app developers builds, and its code and links are true", |step| {
        guide::check(workspace, step)
    });
    report.step("circles", circles::WHY, |step| circles::check(workspace, step.log.ui()));
    report.step("dependencies", "licences, bans and sources, by cargo-deny", |step| {
        deny(workspace, step, &[], &["bans", "licenses", "sources"])?.require()
    });
    report.step("advisories", "no dependency with a known vulnerability, by cargo-deny", |step| {
        advisories(workspace, step)
    });
}

/// All tests of all crates, then the demo.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    let arguments = ["test", "--locked", "--workspace", "--no-run"];
    report.step("rust test build", "compiles the tests", |step| cargo(workspace, step, &arguments, CHECKING));
    report.step("rust tests", "every test of every crate", |step| {
        let mut test = workspace.cargo();
        test.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
        test.env("MOORLINE_SERVER_BIN", workspace.program("moorline-server"));
        test.env("MOORLINE_TEST_REDIS", REDIS);
        let finished = step.log.run(test, TESTING)?;
        step.counts = counts::of_cargo_test(&finished.output);
        finished.require()?;
        ensure!(step.counts.ran() > 0, "no test ran");
        Ok(())
    });
    report.step(
        "server tests on PostgreSQL",
        "the server's tests again, each on a database of its own",
        |step| {
            let cluster = Cluster::start(workspace, &mut step.log)?;
            let mut test = workspace.cargo();
            test.args(["test", "--locked", "--lib", "--no-fail-fast"]);
            for package in ["moorline-server-store", "moorline-server-keys", "moorline-server"] {
                test.args(["--package", package]);
            }
            test.env("MOORLINE_TEST_POSTGRES", cluster.url());
            test.env("MOORLINE_TEST_REDIS", REDIS);
            let finished = step.log.run(test, TESTING)?;
            step.counts = counts::of_cargo_test(&finished.output);
            finished.require()?;
            ensure!(step.counts.ran() > 0, "no test ran");
            Ok(())
        },
    );
    report.step("demo", "the main job as `cargo xtask demo --once` plays it", |step| {
        let mut demo = workspace.command(workspace.program("demo"));
        demo.arg("--once").env("MOORLINE_SERVER_BIN", workspace.program("moorline-server"));
        let printed = step.log.must(demo, QUICK)?;
        ensure!(
            printed.trim_end().ends_with(LAST_LINES),
            "the demo does not end with how to start the samples"
        );
        Ok(())
    });
}

/// The program that tests of what nodes share start, each its own.
const REDIS: &str = "redis-server";

/// With them the demo ends: they start each sample.
const LAST_LINES: &str = "\
  server       cargo run -p moorline-server -- dev --http --port 8420
  Android      cargo xtask bindings kotlin && cargo xtask android
               adb reverse tcp:8420 tcp:8420
               Android Studio: open the folder android-sample, choose the variant serverDebug, run it
  iOS          cargo xtask ios --out bindings/swift/build
               open ios-sample/Notes.xcodeproj
               Xcode: choose the scheme Notes and a simulator, run it
               (the lines with xtask build the library, once: each sample's README says what they need)";

fn cargo(workspace: &Workspace, step: &mut Step, arguments: &[&str], limit: Duration) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(arguments);
    step.log.must(cargo, limit)?;
    Ok(())
}

fn deny(workspace: &Workspace, step: &mut Step, network: &[&str], checks: &[&str]) -> Result<Finished> {
    let mut deny = workspace.command(install::cargo_deny(workspace, &mut step.log)?);
    deny.args(["--locked", "--workspace"])
        .args(network)
        .args(["check", "--hide-inclusion-graph"])
        .args(checks);
    step.log.run(deny, QUICK)
}

/// The advisory database is a git repository that not every network lets through. Without it nothing is known, and
/// that is said in red, here and in the table at the end; a finding, or any other failure, is a failure.
fn advisories(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let mut finished = deny(workspace, step, &[], &["advisories"])?;
    if finished.output.contains("failed to fetch advisory database") {
        if !has_copy_of_the_advisories() {
            step.skip("the advisory database can't be reached, so known vulnerabilities were NOT looked up");
            return Ok(());
        }
        // A copy from an earlier day is better than none; cargo-deny refuses one that is older than ninety days.
        step.note("the advisory database can't be reached: looking into the copy from an earlier run");
        finished = deny(workspace, step, &["--offline"], &["advisories"])?;
    }
    finished.require()
}

/// Whether cargo-deny has fetched the database before.
fn has_copy_of_the_advisories() -> bool {
    let cargo =
        env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let entries = cargo.and_then(|folder| folder.join("advisory-dbs").read_dir().ok()).into_iter().flatten();
    entries.flatten().any(|entry| entry.path().is_dir())
}
