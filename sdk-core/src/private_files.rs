//! Files and folders that only their owner can read.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
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

/// Makes the names in a folder durable. Some file systems cannot sync a folder (EINVAL, ENOTSUP): there is nothing
/// better to do than to go on, after one warning for the whole process.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    // Windows cannot open a folder as a file, and journals its names.
    let synced = if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) };
    tolerate_no_sync(synced, &WARNED)
}

fn tolerate_no_sync(synced: io::Result<()>, warned: &AtomicBool) -> io::Result<()> {
    match synced {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            if !warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    %error,
                    "this file system cannot sync a folder; a power cut may undo the latest change"
                );
            }
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_synced_works_and_any_other_failure_does_not() {
        use rustix::io::Errno;
        let warned = AtomicBool::new(false);
        for errno in [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS] {
            assert!(tolerate_no_sync(Err(errno.into()), &warned).is_ok(), "{errno}");
            assert!(warned.load(Ordering::Relaxed), "it warns at the first one");
        }
        for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::ROFS] {
            assert!(tolerate_no_sync(Err(errno.into()), &warned).is_err(), "{errno}");
        }
    }

    #[test]
    fn a_folder_that_is_gone_cannot_be_synced() {
        let home = tempfile::tempdir().unwrap();
        assert!(sync_folder(home.path()).is_ok());
        assert_eq!(sync_folder(&home.path().join("absent")).is_err(), cfg!(unix));
    }
}
