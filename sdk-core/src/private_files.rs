//! Files and folders that only their owner can read.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

/// Creates a folder for its owner alone, and the missing ones above it, durably.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), make_folder)?;
    #[cfg_attr(not(unix), expect(unused_mut, reason = "a folder has no mode there"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        // Another process created it first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    // Some folders can be written to but not read, and so not synced.
    let _ = sync_folder(parent.unwrap_or_else(|| Path::new(".")));
    Ok(())
}

/// Options for a file that only its owner can read.
pub(crate) fn private_file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "a file has no mode there"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Windows cannot open a folder as a file, and journals its names.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
