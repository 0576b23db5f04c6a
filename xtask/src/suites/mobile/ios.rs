//! The static library for iOS: what it needs from the system is what was reviewed. Xcode links it, which is not here.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::build::{LINKING, PROFILE, QUICK, cargo, folder};
use super::symbols::{self, Reviewed};
use crate::phone_tools;
use crate::report::Step;
use crate::workspace::Workspace;

const TARGET: &str = "aarch64-apple-ios";
const NAME: &str = "libmoorline_ffi.a";

/// Builds the library, and compares its undefined symbols with the list.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let reviewed = Reviewed::read(workspace, TARGET)?;
    let mut build = cargo(workspace, "rustc", TARGET);
    build.args(["--profile", PROFILE, "--lib", "--crate-type", "staticlib"]);
    build.env("CARGO_TARGET_AARCH64_APPLE_IOS_RUSTFLAGS", phone_tools::short_paths(workspace).join(" "));
    step.log.must(build, LINKING)?;

    let library = folder(workspace).join(TARGET).join(PROFILE).join(NAME);
    let mut nm = |which: &str| {
        let mut nm = workspace.command("llvm-nm-19");
        // One member has bitcode of a newer LLVM beside its machine code.
        nm.args(["--no-llvm-bc", "--quiet", "--just-symbol-name", which]).arg(&library);
        Ok::<_, anyhow::Error>(symbols::names(&step.log.must(nm, QUICK)?))
    };
    let (wanted, own) = (nm("--undefined-only")?, nm("--defined-only")?);
    let needed: BTreeSet<_> = wanted.difference(&own).cloned().collect();
    ensure!(
        own.iter().any(|name| name.starts_with("_uniffi_moorline_ffi_")),
        "it has no function of UniFFI's"
    );
    reviewed.require(&needed)?;
    let megabytes = std::fs::metadata(&library)?.len() as f64 / 1e6;
    step.note(&format!(
        "{megabytes:.1} MB before Xcode strips it; it needs {} symbols, all of them in {}",
        needed.len(),
        reviewed.file().display(),
    ));
    Ok(())
}
