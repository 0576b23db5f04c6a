//! The folder of the profiles.

use std::env::var_os;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

#[derive(Debug, Clone)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// `given`, or where this system keeps what programs remember: `$XDG_STATE_HOME/moorline` (usually
    /// `~/.local/state/moorline`), `~/Library/Application Support/moorline`, `%LOCALAPPDATA%\moorline`.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self, Failure> {
        let found = given.map(Path::to_owned).or_else(usual).filter(|home| !home.as_os_str().is_empty());
        let home = found
            .ok_or_else(|| Failure::usage("this machine has no home folder; give one with --home DIR"))?;
        std::path::absolute(home).map(Self).map_err(|error| Failure::local("finding the home folder", error))
    }

    pub(crate) fn profiles(&self) -> PathBuf {
        self.0.join("profiles")
    }
}

fn usual() -> Option<PathBuf> {
    let folder = |name: &str| var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))
    };
    base.map(|base| base.join("moorline"))
}

/// Finds what is in the way of `folder` or of a folder above it. What is missing is in nobody's way.
///
/// # Errors
/// [`Failure::InTheWay`] for a file, a pipe or the like, and for a link that leads nowhere.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Failure> {
    let ancestors: Vec<&Path> = folder.ancestors().collect();
    for path in ancestors.into_iter().rev() {
        let is_link = match fs::metadata(path) {
            Ok(found) if found.is_dir() => continue,
            Ok(_) => false,
            // The system names what it does not permit.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            Err(_) if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) => true,
            Err(_) => return Ok(()),
        };
        return Err(Failure::InTheWay { path: path.to_owned(), is_link });
    }
    Ok(())
}

/// Makes `folder` and its parents, for the owner alone.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Replaces `file` with `text`, whole or not at all, for the owner alone.
pub(crate) fn write_private_file(file: &Path, text: &[u8]) -> io::Result<()> {
    let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut open = options.open(&temporary)?;
        open.write_all(text)?;
        open.sync_all()?;
        fs::rename(&temporary, file)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
