//! The file operations that the vault is made of. Tests put a disk under it that is full, loses power or has no locks.

#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::{
    fmt::Debug,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
    time::SystemTime,
};

use crate::private_files::{private_file, sync_folder};

/// File operations. Paths are absolute or relative to the working directory; all functions block.
pub(crate) trait Disk: Send + Sync + Debug {
    /// Reads at most `limit` bytes.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// Creates a file with these contents, and makes the contents durable (the name is not, yet).
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is a file of this name.
    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Replaces the contents of a file in place, without making it larger or smaller, durably. `bytes` are as long as
    /// the file.
    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// What shows that a file of this name is still the one that was read; `None` if there is none.
    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Stamp::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the contents of a file durable. A file that is gone is not an error.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of any file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is a file of that name, others where there are no hard links.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Tries once to lock a file for this process. The lock goes with the file.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another process holds it, [`io::ErrorKind::Unsupported`] where there are no
    /// locks.
    fn try_lock(&self, file: &File) -> io::Result<()>;
}

/// Differs between two files of one name, and after each change of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    #[cfg(unix)]
    file: (u64, u64),
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            #[cfg(unix)]
            file: (metadata.dev(), metadata.ino()),
            modified: metadata.modified().ok(),
            length: metadata.len(),
        }
    }
}

/// The system's own file operations.
#[derive(Debug, Default)]
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = private_file().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        // Windows flushes only a file that is open for writing.
        match OpenOptions::new().read(true).write(cfg!(windows)).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            file => file?.sync_all(),
        }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        sync_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Not [`File::try_lock`], which says on Android that there are no locks.
    fn try_lock(&self, file: &File) -> io::Result<()> {
        #[cfg(unix)]
        return Ok(rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?);
        #[cfg(not(unix))]
        return Ok(file.try_lock()?);
    }
}
