//! JNA's Android archive: its classes, which have no rules for R8 of their own, and its native library for each ABI.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::build::{QUICK, folder};
use crate::report::Step;
use crate::suites::kotlin::tools::Tools;
use crate::workspace::Workspace;

/// The folder with `classes.jar` and `jni/ABI/libjnidispatch.so`.
pub(in crate::suites) fn unpacked(workspace: &Workspace, tools: &Tools, step: &mut Step) -> Result<PathBuf> {
    let version = tools.version("jna")?;
    let unpacked = folder(workspace).join(format!("jna-{version}"));
    if unpacked.join("jni").is_dir() {
        return Ok(unpacked);
    }
    std::fs::create_dir_all(&unpacked)?;
    let mut copy = workspace.command("mvn");
    copy.args(["--batch-mode", "--no-transfer-progress", "dependency:copy"]);
    copy.arg(format!("-Dartifact=net.java.dev.jna:jna:{version}:aar"));
    copy.arg(format!("-DoutputDirectory={}", unpacked.display()));
    step.log.must(copy, QUICK)?;
    let archive = unpacked.join(format!("jna-{version}.aar"));
    let mut unpack = workspace.command("jar");
    unpack.args(["--extract", "--file"]).arg(&archive).args(["classes.jar", "jni"]).current_dir(&unpacked);
    step.log.must(unpack, QUICK)?;
    ensure!(unpacked.join("classes.jar").exists(), "{} has no classes.jar", archive.display());
    Ok(unpacked)
}
