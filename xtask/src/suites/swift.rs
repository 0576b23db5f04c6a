//! The Swift part: generated code, the library and its tests, on Linux, against a real server.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bindings::{Language, generate};
use crate::counts;
use crate::dev_server::DevServer;
use crate::install;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

const TESTING: Duration = Duration::from_secs(25 * 60);

/// Sets up the tool chain, compiles the Swift library and runs its tests.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    if report.step("swift set up", "Debian's Swift tool chain, once, in a folder of its own", |step| {
        install::swift(workspace, &mut step.log)
    }) {
        report.step("swift tests", "the Swift library on Linux, against a real server", |step| {
            run(workspace, step)
        });
    } else {
        report.cannot("swift tests", "not run, because there is no Swift");
    }
}

fn run(workspace: &Workspace, step: &mut Step) -> Result<()> {
    generate(workspace, &mut step.log, Language::Swift)?;
    let server = DevServer::start(workspace)?;
    step.note(&format!("a server of its own: {}", server.issuer()));

    let mut swift = workspace.command("tools/swift-linux.sh");
    swift.arg("run");
    for folder in [workspace.root(), workspace.target(), &server.folder()] {
        swift.arg("--bind").arg(folder);
    }
    swift.arg("bindings/swift").args(["swift", "test"]);
    let native = workspace.target().join("debug");
    swift.arg("-Xlinker").arg(format!("-L{}", native.display()));
    swift.arg("-Xlinker").arg(format!("-rpath={}", native.display()));
    swift.env(
        "SWIFT_ENV",
        format!(
            "MOORLINE_DEV_JSON={} MOORLINE_BROWSE_BIN={}",
            server.description().display(),
            workspace.program("moorline-browse").display(),
        ),
    );
    let finished = step.log.run(swift, TESTING)?;
    step.counts = counts::of_swift_test(&finished.output);
    finished.require()?;
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}
