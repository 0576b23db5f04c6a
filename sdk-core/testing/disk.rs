//! A disk that a test fills, whose power it cuts, and that may have no locks.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::vault::{Disk, SystemDisk};

/// The system's disk, with faults.
#[derive(Debug, Default)]
pub(crate) struct TestDisk {
    disk: SystemDisk,
    full: AtomicBool,
    without_locks: AtomicBool,
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

    /// From now on, there are no locks.
    pub(crate) fn remove_locks(&self) {
        self.without_locks.store(true, Ordering::SeqCst);
    }

    /// What was done since the last call.
    pub(crate) fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut *self.steps.lock().unwrap())
    }

    fn did(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

impl Disk for TestDisk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.disk.read(path, limit)
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.create(path, bytes)?;
        self.did(Step::Wrote(name_of(path), bytes.to_vec()));
        self.did(Step::SyncedFile(name_of(path)));
        Ok(())
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        assert_eq!(std::fs::metadata(path)?.len(), bytes.len() as u64, "written in place");
        self.disk.overwrite(path, bytes)?;
        self.did(Step::Wrote(name_of(path), bytes.to_vec()));
        self.did(Step::SyncedFile(name_of(path)));
        Ok(())
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.disk.sync(path)?;
        self.did(Step::SyncedFile(name_of(path)));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_folder(path)?;
        self.did(Step::SyncedNames);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)?;
        self.did(Step::Renamed { from: name_of(from), to: name_of(to) });
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
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
