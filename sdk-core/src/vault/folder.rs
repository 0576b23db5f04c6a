//! The vault's folder: named files, with everything durable that has to be.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use super::disk::{Disk, Stamp};
use crate::private_files::{make_folder, private_file};

/// The vault's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Folder {
    pub(super) const fn new(path: PathBuf, disk: Arc<dyn Disk>) -> Self {
        Self { path, disk }
    }

    /// Waits until no other process uses the vault, for five seconds at most: a process that was stopped while it held
    /// the lock must not block this one for ever. The lock goes with the returned file; there is none on a file system
    /// without locks.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another process still holds the lock, and those of the file system.
    pub(super) fn lock(&self) -> io::Result<Option<LockFile>> {
        for _ in 0..LOCK_TRIES {
            match self.try_lock(LOCK)? {
                Lock::Held(file) => return Ok(Some(file)),
                Lock::Unsupported => return Ok(None),
                Lock::Busy => thread::sleep(LOCK_PAUSE),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "another process holds the vault's lock"))
    }

    /// Tries once to take the lock of this name.
    ///
    /// # Errors
    /// [`NotAFile`] if something else has the name, and those of the file system.
    pub(super) fn try_lock(&self, name: &str) -> io::Result<Lock> {
        make_folder(&self.path)?;
        for _ in 0..LOCK_OPENINGS {
            let lock = LockFile::open(self.path.join(name))?;
            match self.disk.try_lock(&lock.file) {
                // Another program may have deleted it meanwhile: a lock on such a file keeps nobody out.
                Ok(()) if lock.is_in_place() => return Ok(Lock::Held(lock)),
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Lock::Busy),
                // Some network file systems have no locks. Exclusive creation and the comparison of tokens still hold.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Lock::Unsupported),
                Err(error) => return Err(error),
            }
        }
        Ok(Lock::Busy)
    }

    /// What shows that a file is still the one that was read; `None` if there is none.
    pub(super) fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        self.disk.stamp(&self.path.join(name))
    }

    /// Reads a whole file; `None` if there is none. A folder, a pipe or the like in its place reads as empty: it holds
    /// nothing that was written here. A link that leads nowhere is an error, since its target may come back.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {
                return Ok(None);
            }
            // Opening a pipe would wait for a writer.
            Ok(found) if !found.is_file() => return Ok(Some(Vec::new())),
            found => found?,
        };
        match self.disk.read(&path, LIMIT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Replaces a whole file. When this returns, the new contents survive a power cut; when it fails, the old ones are
    /// still there (or, if only the last sync failed, one of the two).
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.clear_the_way(name)?;
        let temporary = self.temporary(name);
        let written = self
            .disk
            .create(&temporary, bytes)
            .and_then(|()| self.disk.rename(&temporary, &self.path.join(name)));
        if let Err(error) = written {
            let _ = self.disk.remove(&temporary);
            return Err(error);
        }
        self.sync_names()
    }

    /// Secures `length` bytes of space in the file `name`, durably: real bytes are written, since a file system may
    /// promise space that it does not have.
    pub(super) fn reserve(&self, name: &str, length: usize) -> io::Result<()> {
        self.clear_the_way(name)?;
        let (path, bytes) = (self.path.join(name), vec![b' '; length]);
        if fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == length as u64) {
            self.disk.overwrite(&path, &bytes)?;
        } else {
            let _ = self.disk.remove(&path);
            self.disk.create(&path, &bytes).inspect_err(|_| drop(self.disk.remove(&path)))?;
        }
        self.sync_names()
    }

    /// Replaces the contents of a file by others of the same length, durably.
    pub(super) fn overwrite(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.overwrite(&self.path.join(name), bytes)
    }

    /// How many bytes are reserved in the file `name`.
    pub(super) fn reserved(&self, name: &str) -> Option<usize> {
        let found = fs::metadata(self.path.join(name)).ok()?;
        if found.is_file() { usize::try_from(found.len()).ok() } else { None }
    }

    /// Replaces the file `name` by `bytes`, written into the space that was reserved in `slot`: needs no more room on
    /// the disk. `bytes` are as long as what was reserved.
    pub(super) fn replace_from(&self, slot: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let slot = self.path.join(slot);
        self.disk.overwrite(&slot, bytes)?;
        self.disk.rename(&slot, &self.path.join(name))?;
        self.sync_names()
    }

    /// Creates a file; returns `false` if it is already there. Either way, it is durable when this returns.
    pub(super) fn create(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let path = self.path.join(name);
        let made = if path.exists() {
            Err(io::ErrorKind::AlreadyExists.into())
        } else {
            self.create_whole(name, bytes)
        };
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Its creator may have crashed before it was durable.
                self.sync(&path).map(|()| false)
            }
            made => {
                made?;
                let durable = self.sync_names();
                if durable.is_err() {
                    // Nobody may take it for durable later.
                    let _ = self.disk.remove(&path);
                }
                durable.map(|()| true)
            }
        }
    }

    /// Creates a file that appears whole or not at all: without locks, another process would take a half-written one
    /// for a damaged one.
    fn create_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (temporary, path) = (self.temporary(name), self.path.join(name));
        let made =
            self.disk.create(&temporary, bytes).and_then(|()| match self.disk.hard_link(&temporary, &path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    // Android gives apps no hard links; but it gives them locks.
                    self.disk.create(&path, bytes).inspect_err(|error| {
                        if error.kind() != io::ErrorKind::AlreadyExists {
                            let _ = self.disk.remove(&path);
                        }
                    })
                }
                linked => linked,
            });
        let _ = self.disk.remove(&temporary);
        made
    }

    fn temporary(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{TEMPORARY}{:016x}", u64::from_ne_bytes(crate::crypto::random())))
    }

    /// Makes an existing file durable, and its name. A file that is gone is not an error.
    fn sync(&self, path: &Path) -> io::Result<()> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Ok(());
        }
        self.disk.sync(path)?;
        self.sync_names()
    }

    /// Moves a folder, a pipe or the like aside that has the name of a file.
    fn clear_the_way(&self, name: &str) -> io::Result<()> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(found) if !found.is_file() && !found.is_symlink() => self.move_aside(name),
            _ => Ok(()),
        }
    }

    /// Removes a file. One that is gone is not an error.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self.disk.remove(&self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Gives a file that was moved aside its name back.
    pub(super) fn put_back(&self, aside: &str, name: &str) -> io::Result<()> {
        self.disk.rename(&self.path.join(aside), &self.path.join(name))?;
        self.sync_names()
    }

    /// Renames a file that cannot be read, so that it is out of the way. It is never deleted.
    pub(super) fn move_aside(&self, name: &str) -> io::Result<()> {
        let aside = format!("{name}{ASIDE}{:016x}", u64::from_ne_bytes(crate::crypto::random()));
        self.disk.rename(&self.path.join(name), &self.path.join(aside))?;
        self.sync_names()
    }

    /// The files of this name that were moved aside.
    pub(super) fn moved_aside(&self, name: &str) -> impl Iterator<Item = String> {
        let start = format!("{name}{ASIDE}");
        self.names().into_iter().filter(move |name| name.starts_with(&start))
    }

    /// Removes the files whose names `obsolete` picks; under the lock, also temporary files that crashed processes
    /// left. A failure leaves a useless file behind, and does no harm.
    pub(super) fn tidy(&self, locked: bool, obsolete: impl Fn(&str) -> bool) {
        for name in self.names() {
            if (locked && name.contains(TEMPORARY)) || obsolete(&name) {
                let _ = self.disk.remove(&self.path.join(name));
            }
        }
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_folder(&self.path)
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }
}

/// The result of an attempt to lock.
pub(super) enum Lock {
    Held(LockFile),
    /// Another process holds it.
    Busy,
    /// The file system has no locks.
    Unsupported,
}

/// A file that is only there to be locked.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    path: PathBuf,
    /// Whether this call has created it.
    is_new: bool,
}

impl LockFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let mut options = private_file();
        options.read(true).write(true);
        for _ in 0..LOCK_OPENINGS {
            match fs::metadata(&path) {
                Ok(found) if !found.is_file() => break,
                Ok(_) => match options.open(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    file => return Ok(Self { file: file?, path, is_new: false }),
                },
                Err(_) => match options.clone().create_new(true).open(&path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    file => return Ok(Self { file: file?, path, is_new: true }),
                },
            }
        }
        Err(io::Error::other(NotAFile(path)))
    }

    /// Whether others that lock this name find the same file.
    pub(super) fn is_in_place(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let (ours, named) = (self.file.metadata(), fs::metadata(&self.path));
            matches!((ours, named), (Ok(ours), Ok(named)) if ours.dev() == named.dev() && ours.ino() == named.ino())
        }
        // An open file keeps its name there.
        #[cfg(not(unix))]
        self.path.exists()
    }

    /// Whether this call has created the file: it is never deleted by the SDK.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }
}

/// Something that is no file has the name of one.
#[derive(Debug, thiserror::Error)]
#[error("{} is not a regular file, but the SDK needs one there; rename or remove it", .0.display())]
pub(super) struct NotAFile(PathBuf);

/// The lock of the vault.
pub(super) const LOCK: &str = "vault.lock";
const TEMPORARY: &str = ".tmp-";
const ASIDE: &str = ".unreadable-";
/// No vault is larger: a longer file is damaged, and must not fill the memory.
const LIMIT: u64 = 64 * 1024 * 1024;
/// More often, nobody deletes a lock file by accident.
const LOCK_OPENINGS: u32 = 8;
const LOCK_PAUSE: Duration = Duration::from_millis(2);
const LOCK_TRIES: u32 = 2_500;
