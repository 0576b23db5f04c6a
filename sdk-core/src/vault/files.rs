//! Files and folders, with what has to be durable made so.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The vault's folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    #[cfg(test)]
    pub(super) faults: Faults,
}

/// What a test makes of the disk.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) full: std::sync::atomic::AtomicBool,
    pub(super) without_locks: std::sync::atomic::AtomicBool,
    pub(super) impatient: std::sync::atomic::AtomicBool,
    /// What was done to the folder, in order: a test cuts the power after each.
    pub(super) steps: std::sync::Mutex<Vec<Step>>,
}

/// Something that was done to the folder. Files are told by their names.
#[cfg(test)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Wrote(String, Vec<u8>),
    SyncedFile(String),
    Linked { from: String, to: String },
    Renamed { from: String, to: String },
    Removed(String),
    SyncedNames,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            #[cfg(test)]
            faults: Faults::default(),
        }
    }

    /// Waits until no other process is at the vault, for five seconds at most: a process that was stopped while it held the
    /// lock must not stop this one for ever. The lock goes with the returned file.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        make_folder(&self.path)?;
        let file =
            private_file().read(true).write(true).create(true).truncate(false).open(self.path.join(LOCK))?;
        #[cfg(test)]
        if self.faults.without_locks.load(std::sync::atomic::Ordering::SeqCst) {
            return Ok(None);
        }
        #[cfg(test)]
        let tries =
            if self.faults.impatient.load(std::sync::atomic::Ordering::SeqCst) { 1 } else { LOCK_TRIES };
        #[cfg(not(test))]
        let tries = LOCK_TRIES;
        for _ in 0..tries {
            match try_lock(&file) {
                Ok(()) => return Ok(Some(file)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(LOCK_PAUSE),
                // Some network file systems have no locks. Exclusive creation and the comparison of tokens still hold.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "another process holds the vault's lock"))
    }

    /// The whole file; nothing where there is none. A folder, a pipe or the like in its place holds nothing that was
    /// written here, and reads as empty. A link that leads nowhere just now is an error, since it may lead on later.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {
                return Ok(None);
            }
            // Opening a pipe would wait for somebody to write into it.
            Ok(found) if !found.is_file() => return Ok(Some(Vec::new())),
            found => found?,
        };
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Replaces the file as a whole. When this returns, the new contents survive a power cut; when it fails, the old ones
    /// are still there (or, if the last fsync failed, one of the two).
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary(name);
        let written = self
            .write_durably(&temporary, bytes)
            .and_then(|()| self.rename(&temporary, &self.path.join(name)));
        if let Err(error) = written {
            let _ = self.remove(&temporary);
            return Err(error);
        }
        self.sync_names()
    }

    /// Makes the file, unless it is there already (then `false`). Either way, what is there is durable when this returns.
    pub(super) fn create(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let path = self.path.join(name);
        let made = if path.exists() {
            Err(io::ErrorKind::AlreadyExists.into())
        } else {
            self.create_whole(name, bytes)
        };
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Whoever made it may have died before it was durable.
                self.sync(&path).map(|()| false)
            }
            made => {
                made?;
                let durable = self.sync_names();
                if durable.is_err() {
                    // Nobody may take it for durable later.
                    let _ = self.remove(&path);
                }
                durable.map(|()| true)
            }
        }
    }

    /// Makes a file that appears whole or not at all: without locks, another process would take one that is half written
    /// for a damaged one.
    fn create_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (temporary, path) = (self.temporary(name), self.path.join(name));
        let made = self.write_durably(&temporary, bytes).and_then(|()| match self.link(&temporary, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // Android gives apps no hard links; but it gives them locks.
                self.write_durably(&path, bytes).inspect_err(|error| {
                    if error.kind() != io::ErrorKind::AlreadyExists {
                        let _ = self.remove(&path);
                    }
                })
            }
            linked => linked,
        });
        let _ = self.remove(&temporary);
        made
    }

    fn temporary(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{TEMPORARY}{:016x}", u64::from_ne_bytes(crate::crypto::random())))
    }

    /// Makes a file that is there already durable, and its name. One that is gone meanwhile is no error.
    fn sync(&self, path: &Path) -> io::Result<()> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Ok(());
        }
        // Windows flushes only what may be written.
        match OpenOptions::new().read(true).write(cfg!(windows)).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?.sync_all()?,
        }
        #[cfg(test)]
        self.did(Step::SyncedFile(name_of(path)));
        self.sync_names()
    }

    /// Puts a file that can't be read out of the way; it is never deleted.
    pub(super) fn move_aside(&self, name: &str) -> io::Result<()> {
        let aside = format!("{name}{ASIDE}{:016x}", u64::from_ne_bytes(crate::crypto::random()));
        self.rename(&self.path.join(name), &self.path.join(aside))?;
        self.sync_names()
    }

    /// Whether a file of this name was moved aside.
    pub(super) fn was_moved_aside(&self, name: &str) -> bool {
        let start = format!("{name}{ASIDE}");
        self.names().iter().any(|name| name.starts_with(&start))
    }

    /// Removes the files that `doomed` picks by name; under the lock, also what others have begun to write and left. A
    /// failure leaves rubbish behind, and harms nothing.
    pub(super) fn tidy(&self, locked: bool, doomed: impl Fn(&str) -> bool) {
        for name in self.names() {
            if (locked && name.contains(TEMPORARY)) || doomed(&name) {
                let _ = self.remove(&self.path.join(name));
            }
        }
    }

    /// Makes a file that isn't there yet, with its contents durable (its name isn't, yet).
    fn write_durably(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if self.faults.full.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut file = private_file().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        #[cfg(test)]
        self.did(Step::Wrote(name_of(path), bytes.to_vec()));
        file.sync_all()?;
        #[cfg(test)]
        self.did(Step::SyncedFile(name_of(path)));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        #[cfg(test)]
        self.did(Step::Renamed { from: name_of(from), to: name_of(to) });
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)?;
        #[cfg(test)]
        self.did(Step::Linked { from: name_of(from), to: name_of(to) });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)?;
        #[cfg(test)]
        self.did(Step::Removed(name_of(path)));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_folder(&self.path)?;
        #[cfg(test)]
        self.did(Step::SyncedNames);
        Ok(())
    }

    #[cfg(test)]
    fn did(&self, step: Step) {
        self.faults.steps.lock().unwrap().push(step);
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }
}

#[cfg(test)]
fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Takes the lock, if nobody holds it. Not by [`File::try_lock`], which answers on Android that there are no locks.
#[cfg(unix)]
fn try_lock(file: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?)
}

#[cfg(not(unix))]
fn try_lock(file: &File) -> io::Result<()> {
    Ok(file.try_lock()?)
}

/// Makes a folder for its owner alone, and those above it, durably.
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
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    // Some folders may be written to and not be read, and so not be synced.
    let _ = sync_folder(parent.unwrap_or_else(|| Path::new(".")));
    Ok(())
}

/// Options for a file that only its owner may read.
pub(crate) fn private_file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "a file has no mode there"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Windows can't open a folder as a file, and keeps its names in a journal.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

const LOCK: &str = "vault.lock";
const TEMPORARY: &str = ".tmp-";
const ASIDE: &str = ".unreadable-";
/// More than a vault ever holds: what is longer is damaged, and mustn't fill the memory.
const LIMIT: u64 = 64 * 1024 * 1024;
const LOCK_PAUSE: Duration = Duration::from_millis(2);
const LOCK_TRIES: u32 = 2_500;
