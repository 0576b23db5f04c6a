//! The browser part: the sign-in pages in real Chromium, and a provider that we did not write.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::counts;
use crate::install;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

const INSTALLING: Duration = Duration::from_secs(10 * 60);
const TESTING: Duration = Duration::from_secs(15 * 60);

/// Runs the browser tests and the tests with peers.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("browser tests", "the sign-in pages in headless Chromium", |step| {
        run(workspace, step, "tests/browser")
    });
    report.step("peer tests", "the SDK and the CLI against a provider that we did not write", |step| {
        run(workspace, step, "tests/peers")
    });
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
        npm.env("MOORLINE_SCREENSHOTS", workspace.target().join("screenshots"));
        let finished = step.log.run(npm, limit)?;
        step.counts += counts::of_node_test(&finished.output);
        finished.require()?;
    }
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}
