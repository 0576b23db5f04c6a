//! What was written to the folder and would not survive a power cut yet: writes until their file is synced, names
//! until their folder is.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::raw;

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// See the module.
#[derive(Default)]
pub(crate) struct Journal {
    files: BTreeMap<(u64, u64), File>,
    names: Vec<Name>,
}

struct File {
    /// Never closed: closing any descriptor of a file gives up all locks that the process holds on it.
    fd: c_int,
    writes: Vec<Write>,
}

struct Write {
    offset: u64,
    before: Vec<u8>,
    length_before: u64,
    /// `None`: the file was cut at `offset`.
    after: Option<Vec<u8>>,
}

enum Name {
    Made(CString),
    Renamed { from: CString, to: CString, replaced: Option<Vec<u8>> },
    Removed { path: CString, contents: Vec<u8> },
}

/// The journal, alone: a call and its entry must not be parted by another thread.
pub(crate) fn lock() -> MutexGuard<'static, Journal> {
    static JOURNAL: Mutex<Journal> = Mutex::new(Journal { files: BTreeMap::new(), names: Vec::new() });
    JOURNAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cuts the power: takes back what was not synced; with a seed, a random part of it had reached the disk.
pub(crate) fn lose(seed: Option<u64>) {
    let mut journal = lock();
    let mut dice = seed.map(Dice);
    let kept = dice.as_mut().map_or(0, |dice| dice.below(journal.names.len() as u64 + 1) as usize);
    for file in journal.files.values() {
        for write in file.writes.iter().rev() {
            write.take_back(file.fd);
        }
        let Some(dice) = &mut dice else { continue };
        for write in &file.writes {
            write.reach_the_disk(file.fd, dice);
        }
    }
    for name in journal.names.drain(kept..).rev() {
        name.take_back();
    }
    // The guard is not given back: no thread of this process may write any more.
    std::mem::forget(journal);
}

impl Journal {
    /// Bytes are about to be written.
    pub(crate) fn write(&mut self, fd: c_int, offset: u64, bytes: &[u8]) {
        let before = raw::read_at(fd, bytes.len(), offset);
        self.change(fd, offset, before, Some(bytes.to_vec()));
    }

    /// The file is about to be cut, or to grow.
    pub(crate) fn truncate(&mut self, fd: c_int, length: u64) {
        let tail = raw::identity(fd).map_or(0, |(_, now, _)| now.saturating_sub(length));
        self.change(fd, length, raw::read_at(fd, tail as usize, length), None);
    }

    fn change(&mut self, fd: c_int, offset: u64, before: Vec<u8>, after: Option<Vec<u8>>) {
        let Some((id, length_before, _)) = raw::identity(fd) else { return };
        let file = self.files.entry(id).or_insert_with(|| File { fd: raw::reopen(fd), writes: Vec::new() });
        file.writes.push(Write { offset, before, length_before, after });
    }

    /// A file or a folder was synced.
    pub(crate) fn synced(&mut self, fd: c_int) {
        match raw::identity(fd) {
            Some((_, _, true)) => self.names.clear(),
            Some((id, _, false)) => {
                if let Some(file) = self.files.get_mut(&id) {
                    file.writes.clear();
                }
            }
            None => {}
        }
    }

    /// A name was made.
    pub(crate) fn made(&mut self, path: CString) {
        self.names.push(Name::Made(path));
    }

    /// A name was moved; `replaced` is what [`contents`] said of the other before.
    pub(crate) fn renamed(&mut self, from: CString, to: CString, replaced: Option<Vec<u8>>) {
        self.names.push(Name::Renamed { from, to, replaced });
    }

    /// A name was removed; `contents` is what [`contents`] said before.
    pub(crate) fn removed(&mut self, path: CString, contents: Vec<u8>) {
        self.names.push(Name::Removed { path, contents });
    }
}

/// The whole file of that name; `None` when there is none.
pub(crate) fn contents(path: &CString) -> Option<Vec<u8>> {
    let fd = raw::open_at(libc::AT_FDCWD, path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC, 0);
    let (_, length, _) = raw::identity(fd)?;
    // Left open: see `File::fd`.
    Some(raw::read_at(fd, length as usize, 0))
}

impl Write {
    fn take_back(&self, fd: c_int) {
        if !self.before.is_empty() {
            raw::write_at(fd, self.before.as_ptr().cast(), self.before.len(), self.offset.cast_signed());
        }
        raw::truncate(fd, self.length_before.cast_signed());
    }

    /// Half of the writes get there, and a quarter of those in part.
    fn reach_the_disk(&self, fd: c_int, dice: &mut Dice) {
        if dice.below(2) == 0 {
            return;
        }
        let Some(bytes) = &self.after else {
            raw::truncate(fd, self.offset.cast_signed());
            return;
        };
        let torn = dice.below(4) == 0;
        for (at, sector) in bytes.chunks(SECTOR).enumerate() {
            if !torn || dice.below(2) == 0 {
                let offset = self.offset.cast_signed() + (at * SECTOR) as i64;
                raw::write_at(fd, sector.as_ptr().cast(), sector.len(), offset);
            }
        }
    }
}

impl Name {
    fn take_back(self) {
        match self {
            Self::Made(path) => remove(&path),
            Self::Renamed { from, to, replaced } => {
                raw::rename(&to, &from);
                if let Some(contents) = replaced {
                    put(&to, &contents);
                }
            }
            Self::Removed { path, contents } => put(&path, &contents),
        }
    }
}

fn remove(path: &CString) {
    raw::call(libc::SYS_unlinkat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, 0]);
}

fn put(path: &CString, contents: &[u8]) {
    let fd = raw::open_at(libc::AT_FDCWD, path.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600);
    raw::write_at(fd, contents.as_ptr().cast(), contents.len(), 0);
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
