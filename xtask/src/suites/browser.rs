//! The browser part: the sign-in pages in real Chromium, and a provider that we did not write.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::counts;
use crate::install::{self, path_with};
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
    let path = path_with(&node)?;
    let folder = workspace.root().join(folder);
    for (arguments, limit) in [(&["ci", "--no-audit", "--no-fund"][..], INSTALLING), (&["test"], TESTING)] {
        let mut npm = workspace.command("npm");
        npm.args(arguments).current_dir(&folder).env("PATH", &path);
        with_programs(workspace, &mut npm, &node);
        let finished = step.log.run(npm, limit)?;
        step.counts += counts::of_node_test(&finished.output);
        finished.require()?;
    }
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}

fn with_programs(workspace: &Workspace, command: &mut std::process::Command, node: &Path) {
    command.env("MOORLINE_SERVER_BIN", workspace.program("moorline-server"));
    command.env("MOORLINE_BIN", workspace.program("moorline"));
    command.env("MOORLINE_BROWSE_BIN", workspace.program("moorline-browse"));
    command.env("MOORLINE_NODE_BIN", node.join("node"));
}
