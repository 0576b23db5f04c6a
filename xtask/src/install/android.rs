//! What Android's code needs on the JVM: Maven cannot put an Android archive (AAR) on a class path.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::{DOWNLOAD, once, version_in};
use crate::process::Log;
use crate::workspace::Workspace;

/// The archives that Robolectric needs: group, artifact, and the name of its version in the catalog.
const ARCHIVES: [(&str, &str, &str); 2] = [
    ("androidx.test", "monitor", "androidx-test-monitor"),
    ("androidx.tracing", "tracing", "androidx-tracing"),
];

/// The folder with the classes of each archive, as `ARTIFACT-VERSION.jar`. Each is fetched once.
pub(crate) fn android(
    workspace: &Workspace,
    log: &mut Log,
    versions: &BTreeMap<String, String>,
) -> Result<PathBuf> {
    let folder = Workspace::tools()?.join("aar");
    for (group, artifact, name) in ARCHIVES {
        let version = version_in(versions, name)?;
        let classes = folder.join(format!("{artifact}-{version}.jar"));
        if !classes.exists() {
            log.ui().note(&format!("fetching {group}:{artifact}:{version} (once)"));
            once(&classes, |scratch| {
                fetch(workspace, log, &format!("{group}:{artifact}:{version}"), scratch)
            })
            .with_context(|| format!("can't fetch {group}:{artifact}:{version}"))?;
        }
    }
    Ok(folder)
}

/// Copies an archive into the folder, and takes the classes out of it.
fn fetch(
    workspace: &Workspace,
    log: &mut Log,
    coordinates: &str,
    folder: &std::path::Path,
) -> Result<PathBuf> {
    let mut copy = workspace.command("mvn");
    copy.args(["--batch-mode", "--no-transfer-progress", "dependency:copy"]);
    copy.arg(format!("-Dartifact={coordinates}:aar")).arg(format!("-DoutputDirectory={}", folder.display()));
    copy.arg("-Dmdep.stripVersion=true");
    log.must(copy, DOWNLOAD)?;
    let archive = coordinates.split(':').nth(1).context("coordinates name an artifact")?;
    let mut unpack = workspace.command("jar");
    unpack.args(["--extract", "--file"]).arg(folder.join(format!("{archive}.aar"))).arg("classes.jar");
    unpack.current_dir(folder);
    log.must(unpack, DOWNLOAD)?;
    let jar = folder.join("classes.jar");
    ensure!(jar.exists(), "{coordinates} has no classes.jar");
    Ok(jar)
}
