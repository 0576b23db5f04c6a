//! actionlint, which reads the workflow files of hosted runners as the runners do.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{COMPILE, go};
use crate::process::Log;
use crate::workspace::Workspace;

const MODULE: &str = "github.com/rhysd/actionlint/cmd/actionlint";
const VERSION: &str = "1.7.12";

/// Where actionlint is, compiled once for this version.
pub(crate) fn actionlint(workspace: &Workspace, log: &mut Log) -> Result<PathBuf> {
    let folder = Workspace::tools()?.join(format!("actionlint-{VERSION}"));
    let program = folder.join("actionlint");
    if program.exists() {
        return Ok(program);
    }
    let go = go(workspace, log)?;
    log.ui().note(&format!("compiling actionlint {VERSION} (once)"));
    std::fs::create_dir_all(&folder)?;
    let mut install = workspace.command(go);
    install.arg("install").arg(format!("{MODULE}@v{VERSION}")).current_dir(&folder);
    install.env("GOBIN", &folder).env("GOTOOLCHAIN", "local").env_remove("GOFLAGS");
    log.must(install, COMPILE)
        .with_context(|| format!("can't install actionlint; by hand: `go install {MODULE}@v{VERSION}`"))?;
    Ok(program)
}
