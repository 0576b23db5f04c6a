//! The page of memory that the harness shares with this process: when, and what.

use std::ffi::{CString, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::raw;

/// What a call does, as the harness names it.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Create = 1,
    Write = 2,
    Sync = 3,
    SyncFolder = 4,
    Rename = 5,
    Link = 6,
    Unlink = 7,
    Truncate = 8,
    Connect = 9,
    Send = 10,
    Receive = 11,
}

/// What happens at the chosen call.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    KillBefore,
    KillHalf,
    KillAfter,
    Fail,
    Freeze,
    PowerLoss { keeps_some: bool },
    Signal(c_int),
    Refuse(c_int),
}

/// What a call wants of the disk.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    Nothing,
    /// A new name in the folder.
    Name,
    /// Another name for a file, or none.
    Change,
    /// Bytes up to this offset; `grows` where blocks for them are still to be found.
    Bytes {
        end: u64,
        grows: bool,
    },
}

/// The words of the page, in its order.
#[repr(C)]
struct Page {
    /// At which call from now on; 0 is never.
    countdown: AtomicU64,
    mode: AtomicU64,
    seed: AtomicU64,
    /// Calls so far.
    calls: AtomicU64,
    /// The [`Step`] at which it happened; 0 while it has not.
    happened: AtomicU64,
    /// Not 0 from the chosen call on, where what happens lasts.
    lasting: AtomicU64,
    /// The last call, by its number, that brought bytes from the network; that put the stored file in its place; that
    /// made that place durable.
    received: AtomicU64,
    stored: AtomicU64,
    synced: AtomicU64,
}

/// Files may not grow beyond so many bytes for each unit of the countdown, less one: 0, 512, 1024, …
const LIMIT_UNIT: u64 = 512;

/// The numbers of the modes that the harness and this library have to agree on, where they last.
const FULL: u64 = 8;
const QUOTA: u64 = 9;
const READ_ONLY: u64 = 10;
const LIMIT: u64 = 11;

/// See the module.
pub(crate) struct Control {
    page: &'static Page,
    /// The watched folder, with a slash at its end.
    folder: Vec<u8>,
    journals: bool,
    /// The file whose replacement is the store, with a slash before it.
    store: Option<Vec<u8>>,
}

impl Control {
    /// The page that the environment names; `None` in a process that nobody watches.
    pub(crate) fn get() -> Option<&'static Self> {
        static CONTROL: OnceLock<Option<Control>> = OnceLock::new();
        CONTROL.get_or_init(Self::map).as_ref()
    }

    fn map() -> Option<Self> {
        let variable = |name| std::env::var_os(name).map(|value| value.into_encoded_bytes());
        let path = CString::new(variable("MOORLINE_SHIM_CONTROL")?).ok()?;
        let mut folder = variable("MOORLINE_SHIM_FOLDER")?;
        folder.push(b'/');
        let page = raw::map_shared(&path, size_of::<Page>())?.cast::<Page>();
        // SAFETY: the mapping is never taken away, is a page of zeros or of what the harness wrote, and all of it are
        // atomics.
        let page = unsafe { &*page };
        let store = variable("MOORLINE_SHIM_STORE").map(|name| [b"/", &name[..]].concat());
        Some(Self { page, folder, journals: variable("MOORLINE_SHIM_JOURNAL").is_some(), store })
    }

    /// Whether writes and names are to be kept in mind until they are synced.
    pub(crate) const fn journals(&self) -> bool {
        self.journals
    }

    pub(crate) fn seed(&self) -> u64 {
        self.page.seed.load(Ordering::SeqCst)
    }

    /// Whether a file is watched: those of the folder, but for SQLite's shared memory, which is created again after a
    /// crash.
    pub(crate) fn watches(&self, path: &[u8]) -> bool {
        (path.starts_with(&self.folder) && !path.ends_with(b"-shm"))
            || path == &self.folder[..self.folder.len() - 1]
    }

    /// Bytes have come from the network.
    pub(crate) fn received(&self) {
        self.note(&self.page.received);
    }

    /// A file has been put in the place of this name.
    pub(crate) fn renamed(&self, to: &[u8]) {
        if self.store.as_ref().is_some_and(|store| to.ends_with(store)) {
            self.note(&self.page.stored);
        }
    }

    /// The names of the folder are durable.
    pub(crate) fn synced_folder(&self) {
        self.note(&self.page.synced);
    }

    fn note(&self, word: &AtomicU64) {
        word.store(self.page.calls.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    /// Counts a call; what happens at it, if it is the chosen one or one after it and that lasts.
    pub(crate) fn take(&self, step: Step, need: Need) -> Option<Mode> {
        let page = self.page;
        page.calls.fetch_add(1, Ordering::SeqCst);
        let mode = page.mode.load(Ordering::SeqCst);
        if mode == LIMIT {
            let refused = self.beyond_the_limit(need)?;
            let _ = page.happened.compare_exchange(0, step as u64, Ordering::SeqCst, Ordering::SeqCst);
            return Some(refused);
        }
        if page.lasting.load(Ordering::SeqCst) != 0 {
            return self.refused(mode, need);
        }
        let before = page
            .countdown
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .ok()?;
        if before != 1 {
            return None;
        }
        let mode = match mode {
            1 => Mode::KillBefore,
            2 => Mode::KillHalf,
            3 => Mode::KillAfter,
            4 => Mode::Fail,
            5 => Mode::PowerLoss { keeps_some: false },
            6 => Mode::PowerLoss { keeps_some: true },
            7 => Mode::Freeze,
            FULL..=READ_ONLY => {
                page.happened.store(step as u64, Ordering::SeqCst);
                page.lasting.store(1, Ordering::SeqCst);
                return self.refused(mode, need);
            }
            12 => Mode::Signal(libc::SIGINT),
            13 => Mode::Signal(libc::SIGTERM),
            _ => return None,
        };
        page.happened.store(step as u64, Ordering::SeqCst);
        Some(mode)
    }

    /// A full disk has blocks for what is written in place. Whether it has room for one more name depends on the file
    /// system.
    fn refused(&self, mode: u64, need: Need) -> Option<Mode> {
        let no_names = self.seed() & 1 == 1;
        let full = match need {
            Need::Bytes { grows, .. } => grows,
            Need::Name => no_names,
            Need::Nothing | Need::Change => false,
        };
        match mode {
            FULL if full => Some(Mode::Refuse(libc::ENOSPC)),
            QUOTA if full => Some(Mode::Refuse(libc::EDQUOT)),
            READ_ONLY if matches!(need, Need::Name | Need::Change) => Some(Mode::Refuse(libc::EACCES)),
            _ => None,
        }
    }

    /// As `ulimit -f` has it: also for bytes that are written in place.
    fn beyond_the_limit(&self, need: Need) -> Option<Mode> {
        let units = self.page.countdown.load(Ordering::SeqCst).checked_sub(1)?;
        match need {
            Need::Bytes { end, .. } if end > units * LIMIT_UNIT => Some(Mode::Refuse(libc::EFBIG)),
            _ => None,
        }
    }
}
