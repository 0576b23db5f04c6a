//! A disk that a test fills, whose power it cuts, and that may have no locks.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crate::vault::{Disk, SystemDisk};

/// The system's disk, with faults.
#[derive(Debug, Default)]
pub(crate) struct TestDisk {
    disk: SystemDisk,
    full: AtomicBool,
    full_in_place: AtomicBool,
    without_locks: AtomicBool,
    reads: AtomicUsize,
    /// The operation that fails: how many succeed before it, and how it fails.
    failing: Mutex<Option<(usize, io::ErrorKind)>>,
    /// What was done, in order: a test cuts the power after each step.
    steps: Mutex<Vec<Step>>,
}

/// A change of the disk. Files are identified by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Wrote(String, Vec<u8>),
    SyncedFile(String),
    Linked { from: String, to: String },
    Renamed { from: String, to: String },
    Removed(String),
    SyncedNames,
}

impl TestDisk {
    /// Fills the disk, or makes room again.
    pub(crate) fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// The same, and a change in place fails too, as with copy on write.
    pub(crate) fn fill_also_in_place(&self, full: bool) {
        self.fill(full);
        self.full_in_place.store(full, Ordering::SeqCst);
    }

    /// Lets `before` changes of the disk succeed and the next one fail like this, once.
    pub(crate) fn fail_after(&self, before: usize, kind: io::ErrorKind) {
        *self.failing.lock().unwrap() = Some((before, kind));
    }

    /// Whether the failure has happened. If not, it will not.
    pub(crate) fn has_failed(&self) -> bool {
        self.failing.lock().unwrap().take().is_none()
    }

    /// Fails if it is this operation's turn.
    fn may_fail(&self) -> io::Result<()> {
        let mut failing = self.failing.lock().unwrap();
        match failing.as_mut() {
            Some((0, kind)) => {
                let kind = *kind;
                *failing = None;
                Err(kind.into())
            }
            Some((before, _)) => {
                *before -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// From now on, there are no locks.
    pub(crate) fn remove_locks(&self) {
        self.without_locks.store(true, Ordering::SeqCst);
    }

    /// How often a file was read.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// What was done since the last call.
    pub(crate) fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut *self.steps.lock().unwrap())
    }

    /// Puts steps that were taken before those that were done since.
    pub(crate) fn put_back(&self, mut taken: Vec<Step>) {
        let mut steps = self.steps.lock().unwrap();
        taken.append(&mut steps);
        *steps = taken;
    }

    fn did(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

impl Disk for TestDisk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.disk.read(path, limit)
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // A full disk has the file, and only a part of its contents.
        self.may_fail().inspect_err(|_| drop(self.disk.create(path, &bytes[..bytes.len() / 2])))?;
        self.disk.create(path, bytes)?;
        self.did(Step::Wrote(name_of(path), bytes.to_vec()));
        self.did(Step::SyncedFile(name_of(path)));
        Ok(())
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.may_fail()?;
        if self.full_in_place.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        assert_eq!(std::fs::metadata(path)?.len(), bytes.len() as u64, "written in place");
        self.disk.overwrite(path, bytes)?;
        self.did(Step::Wrote(name_of(path), bytes.to_vec()));
        self.did(Step::SyncedFile(name_of(path)));
        Ok(())
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.may_fail()?;
        self.disk.sync(path)?;
        self.did(Step::SyncedFile(name_of(path)));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.may_fail()?;
        self.disk.sync_folder(path)?;
        self.did(Step::SyncedNames);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.may_fail()?;
        self.disk.rename(from, to)?;
        self.did(Step::Renamed { from: name_of(from), to: name_of(to) });
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.may_fail()?;
        self.disk.hard_link(from, to)?;
        self.did(Step::Linked { from: name_of(from), to: name_of(to) });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)?;
        self.did(Step::Removed(name_of(path)));
        Ok(())
    }

    fn try_lock(&self, file: &File) -> io::Result<()> {
        if self.without_locks.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.disk.try_lock(file)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}
