//! The page of memory that the harness shares with this process: when, and what.

use std::ffi::CString;
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
}

/// See the module.
pub(crate) struct Control {
    page: &'static Page,
    /// The watched folder, with a slash at its end.
    folder: Vec<u8>,
    journals: bool,
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
        // SAFETY: the mapping is never taken away, is a page of zeros or of what the harness wrote, and all of it are atomics.
        let page = unsafe { &*page };
        Some(Self { page, folder, journals: variable("MOORLINE_SHIM_JOURNAL").is_some() })
    }

    /// Whether writes and names are to be kept in mind until they are synced.
    pub(crate) const fn journals(&self) -> bool {
        self.journals
    }

    pub(crate) fn seed(&self) -> u64 {
        self.page.seed.load(Ordering::SeqCst)
    }

    /// Whether a file is watched: those of the folder, but for SQLite's shared memory, which is made anew after a crash.
    pub(crate) fn watches(&self, path: &[u8]) -> bool {
        (path.starts_with(&self.folder) && !path.ends_with(b"-shm"))
            || path == &self.folder[..self.folder.len() - 1]
    }

    /// Counts a call; what happens at it, if it is the chosen one.
    pub(crate) fn take(&self, step: Step) -> Option<Mode> {
        let page = self.page;
        page.calls.fetch_add(1, Ordering::SeqCst);
        let before = page
            .countdown
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .ok()?;
        if before != 1 {
            return None;
        }
        let mode = match page.mode.load(Ordering::SeqCst) {
            1 => Mode::KillBefore,
            2 => Mode::KillHalf,
            3 => Mode::KillAfter,
            4 => Mode::Fail,
            5 => Mode::PowerLoss { keeps_some: false },
            6 => Mode::PowerLoss { keeps_some: true },
            7 => Mode::Freeze,
            _ => return None,
        };
        page.happened.store(step as u64, Ordering::SeqCst);
        Some(mode)
    }
}
