//! How and where everything for phones is built.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::workspace::Workspace;

/// The profile of what ships for phones, in the workspace's `Cargo.toml`.
pub(super) const PROFILE: &str = "mobile";

pub(super) const LINKING: Duration = Duration::from_secs(40 * 60);
pub(super) const QUICK: Duration = Duration::from_secs(5 * 60);

/// Cargo for the bindings and one target, without an NDK or Xcode. In a folder apart from the hosts' programs, which
/// are built with other flags.
pub(super) fn cargo(workspace: &Workspace, what: &str, target: &str) -> Command {
    let mut cargo = workspace.command("tools/mobile-targets.sh");
    cargo.args(["run", "cargo", what, "--locked", "--package", "moorline-ffi", "--target", target]);
    cargo.args(["--no-default-features", "--features", "phone"]);
    cargo.env("CARGO_TARGET_DIR", folder(workspace));
    cargo
}

/// Where everything for phones is built.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("mobile")
}
