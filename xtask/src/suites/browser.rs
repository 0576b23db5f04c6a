//! The browser part: the sign-in pages in real Chromium, and providers that we did not write.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::counts;
use crate::install;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

const INSTALLING: Duration = Duration::from_secs(10 * 60);
const BUILDING: Duration = Duration::from_secs(15 * 60);
const TESTING: Duration = Duration::from_secs(15 * 60);

/// Runs the browser tests and the tests with peers.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("browser tests", "the sign-in pages in headless Chromium", |step| {
        run(workspace, step, "tests/browser")
    });
    report.step("peer in Go", "compiles the OpenID provider in tests/peers-go", |step| {
        build_go(workspace, step)
    });
    report.step("peer tests", "the SDK and the CLI against providers that we did not write", |step| {
        run(workspace, step, "tests/peers")
    });
}

/// The provider in Go, which the peer tests start.
fn build_go(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let go = install::go(workspace, &mut step.log)?;
    let mut build = workspace.command(go);
    build.args(["build", "-buildvcs=false", "-o"]).arg(workspace.program("peers-go")).arg(".");
    build.current_dir(workspace.root().join("tests/peers-go")).env("GOTOOLCHAIN", "local");
    step.log.must(build, BUILDING)?;
    Ok(())
}

fn run(workspace: &Workspace, step: &mut Step, folder: &str) -> Result<()> {
    let node = install::node(workspace, &mut step.log)?;
    let folder = workspace.root().join(folder);
    for (arguments, limit) in [(&["ci", "--no-audit", "--no-fund"][..], INSTALLING), (&["test"], TESTING)] {
        let mut npm = node.npm(workspace, &folder)?;
        npm.args(arguments);
        npm.env("MOORLINE_SERVER_BIN", workspace.program("moorline-server"));
        npm.env("MOORLINE_BIN", workspace.program("moorline"));
        npm.env("MOORLINE_BROWSE_BIN", workspace.program("moorline-browse"));
        npm.env("MOORLINE_PEERS_GO_BIN", workspace.program("peers-go"));
        npm.env("MOORLINE_SCREENSHOTS", workspace.target().join("screenshots"));
        let finished = step.log.run(npm, limit)?;
        step.counts += counts::of_node_test(&finished.output);
        finished.require()?;
    }
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}
