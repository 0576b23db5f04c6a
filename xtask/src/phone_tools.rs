//! The tools that only some machines have: what is missing of them, and how to get it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::install::find;
use crate::process::Log;
use crate::workspace::Workspace;

/// A program, and how to get it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) install: &'static str,
}

const QUICK: Duration = Duration::from_secs(60);

/// The programs that are not in `PATH`.
pub(crate) fn missing(tools: &[Tool]) -> Vec<String> {
    let missing = tools.iter().filter(|tool| find(tool.program).is_none());
    missing.map(|tool| format!("{}: {}", tool.program, tool.install)).collect()
}

/// The targets that this tool chain has no standard library for.
pub(crate) fn missing_targets<'a>(
    workspace: &Workspace,
    log: &mut Log,
    targets: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>> {
    let mut rustc = workspace.command("rustc");
    rustc.args(["--print", "sysroot"]);
    let sysroot = log.must(rustc, QUICK)?;
    let libraries = std::path::Path::new(sysroot.trim()).join("lib/rustlib");
    let missing = targets.into_iter().filter(|target| !libraries.join(target).join("lib").is_dir());
    Ok(missing.map(|target| format!("Rust for {target}: rustup target add {target}")).collect())
}

/// Compiler flags that keep the folders of this machine out of a library, whose panic messages name source files.
pub(crate) fn short_paths(workspace: &Workspace) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = cargo.map(|home| home.join("registry").join("src"));
    let registries = sources.and_then(|sources| sources.read_dir().ok()).into_iter().flatten().flatten();
    let folders = registries.map(|registry| registry.path()).chain([workspace.root().to_owned()]);
    folders.map(|folder| format!("--remap-path-prefix={}=", folder.display())).collect()
}

/// # Errors
/// Names all that is missing, and how to get each.
pub(crate) fn require(system: &str, missing: &[String]) -> Result<()> {
    if !missing.is_empty() {
        bail!("this machine can't build for {system}. Missing:\n  - {}", missing.join("\n  - "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_how_to_get_it() {
        let tools = [
            Tool { program: "sh", install: "it is there" },
            Tool { program: "no-such-program", install: "brew install it" },
        ];
        assert_eq!(missing(&tools), ["no-such-program: brew install it"]);
        let error = require("iOS", &missing(&tools)).unwrap_err().to_string();
        assert!(error.contains("iOS") && error.contains("- no-such-program: brew install it"), "{error}");
        require("iOS", &[]).unwrap();
    }
}
