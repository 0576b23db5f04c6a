//! Where the workspace's own binaries are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};

/// The server: `$MOORLINE_SERVER_BIN`, or `moorline-server` beside the running program.
///
/// Errors: when neither is there, with the command that builds it.
pub fn server() -> Result<PathBuf> {
    find(
        "MOORLINE_SERVER_BIN",
        "moorline-server",
        "moorline-server",
        &[
            "server/src",
            "server/templates",
            "server/base",
            "server/dpop",
            "server/keys",
            "server/shared",
            "server/store",
        ],
    )
}

/// The command line program: `$MOORLINE_BIN`, or `moorline` beside the running program.
///
/// Errors: when neither is there, with the command that builds it.
pub fn cli() -> Result<PathBuf> {
    find("MOORLINE_BIN", "moorline", "moorline-cli", &["cli/src", "sdk-core/src"])
}

/// `sdk-shell`: `$MOORLINE_SDK_SHELL_BIN`, or the one beside the running program.
///
/// Errors: when neither is there, with the command that builds it.
pub fn sdk_shell() -> Result<PathBuf> {
    find("MOORLINE_SDK_SHELL_BIN", "sdk-shell", "moorline-tests", &["sdk-core/src"])
}

/// The library that makes a process fail at a chosen system call: `$MOORLINE_FAULT_SHIM`, or the one beside the
/// running program.
///
/// Errors: when neither is there, with the command that builds it.
pub fn fault_shim() -> Result<PathBuf> {
    find("MOORLINE_FAULT_SHIM", "libmoorline_fault_shim.so", "moorline-fault-shim", &["tests/shim/src"])
}

/// The repository's root folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is a folder of the repository").to_owned()
}

fn find(variable: &str, name: &'static str, package: &str, sources: &[&str]) -> Result<PathBuf> {
    static FOUND: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = found.get(name) {
        return Ok(path.clone());
    }
    let path = look_for(variable, name, package, sources)?;
    found.insert(name, path.clone());
    Ok(path)
}

fn look_for(variable: &str, name: &str, package: &str, sources: &[&str]) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("{variable} names {}, which is not there", path.display());
        }
        return Ok(path);
    }
    // `target/debug/demo` finds its neighbour, `target/debug/deps/end_to_end-…` (a test) its parent's.
    let own = std::env::current_exe().context("finding the running program")?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let Some(path) =
        own.ancestors().skip(1).take(2).map(|folder| folder.join(&name)).find(|path| path.is_file())
    else {
        bail!(
            "no {name} beside {}: build it with `cargo build -p {package}` (or name it in {variable})",
            own.display()
        );
    };
    if is_older_than_sources(&path, sources) {
        eprintln!("warning: {} is older than its sources: `cargo build -p {package}`", path.display());
    }
    Ok(path)
}

/// Cargo does not rebuild another package's binary for a test: say so when what runs is not what was written.
fn is_older_than_sources(binary: &Path, sources: &[&str]) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    let Some(built) = modified(binary) else { return false };
    let mut folders: Vec<PathBuf> = sources.iter().map(|source| repository().join(source)).collect();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if modified(&path).is_some_and(|time| time > built) {
                return true;
            }
        }
    }
    false
}
