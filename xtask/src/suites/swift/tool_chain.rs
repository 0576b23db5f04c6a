//! Commands of the Swift tool chain.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::workspace::Workspace;

pub(super) const LINTING: Duration = Duration::from_secs(5 * 60);
pub(super) const TESTING: Duration = Duration::from_secs(25 * 60);

/// Adds the stubs of Apple's modules to the package.
pub(super) const STUBS: &str = "MOORLINE_APPLE_STUBS=1";

/// For `swift build` and `swift test`: a folder of their own, and the native library.
pub(super) fn build_arguments(workspace: &Workspace, folder: &str, native: &Path) -> Vec<String> {
    let linker = [format!("-L{}", native.display()), "-rpath".into(), native.display().to_string()];
    let scratch = workspace.target().join(folder).display().to_string();
    let linker = linker.into_iter().flat_map(|argument| ["-Xlinker".to_owned(), argument]);
    ["--scratch-path".to_owned(), scratch].into_iter().chain(linker).collect()
}

/// A command in a package's folder, with the tool chain's root file system around it.
pub(super) fn swift_in(workspace: &Workspace, package: &str, folders: &[&Path]) -> Command {
    let mut swift = workspace.command("tools/swift-linux.sh");
    swift.arg("run");
    for folder in folders {
        swift.arg("--bind").arg(folder);
    }
    swift.arg(package);
    swift
}
