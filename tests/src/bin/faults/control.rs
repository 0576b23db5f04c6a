//! The page of memory that is shared with a process under the shim (`tests/shim`): at which of its system calls what
//! happens.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use moorline_tests::binaries;

/// What happens at the chosen call, or at the chosen message to or from Postgres. The numbers are the shim's, up to 13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    KillBefore = 1,
    KillHalf = 2,
    KillAfter = 3,
    Fail = 4,
    LosePower = 5,
    LosePowerInPart = 6,
    Freeze = 7,
    /// From the call on the disk has no room: `ENOSPC` for every write that needs a new block.
    DiskFull = 8,
    /// The same, as a quota: `EDQUOT`.
    Quota = 9,
    /// From the call on no name in the folder can be made, changed or removed: `EACCES`.
    ReadOnly = 10,
    /// As `ulimit -f`: no file may grow beyond 512 bytes for each call but the first (`EFBIG`).
    FileLimit = 11,
    /// The process sends itself SIGINT, as Ctrl-C does.
    Interrupt = 12,
    /// The process sends itself SIGTERM.
    Terminate = 13,
    /// The connection to Postgres is cut; the message is lost.
    CutBefore = 14,
    /// The same; the message arrives.
    CutAfter = 15,
    /// Postgres crashes, and is started again; the message is lost.
    CrashDatabaseBefore = 16,
    /// The same; the message arrives, where that is faster.
    CrashDatabaseAfter = 17,
    /// Postgres is stopped in an orderly way, and started again.
    RestartDatabase = 18,
}

impl Mode {
    /// Whether the process can't go on.
    pub(crate) const fn is_deadly(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillHalf | Self::KillAfter) || self.cuts_power()
    }

    /// Whether it happens between the server and Postgres, and not to a process under the shim.
    pub(crate) const fn is_of_the_database(self) -> bool {
        matches!(
            self,
            Self::CutBefore
                | Self::CutAfter
                | Self::CrashDatabaseBefore
                | Self::CrashDatabaseAfter
                | Self::RestartDatabase
        )
    }

    /// Whether what was not synced is gone too.
    pub(crate) const fn cuts_power(self) -> bool {
        matches!(self, Self::LosePower | Self::LosePowerInPart)
    }
}

/// The file that holds the session, whose replacement is the store.
const STORE: &str = "vault.moorline";

/// The words of the page, by their place.
#[derive(Clone, Copy)]
enum Word {
    Countdown = 0,
    Mode = 1,
    Seed = 2,
    Happened = 4,
    Lasting = 5,
    Received = 6,
    Stored = 7,
    Synced = 8,
}

/// The names of the shim's steps, by their numbers.
const STEPS: [&str; 12] = [
    "nothing",
    "create",
    "write",
    "sync",
    "sync of the folder",
    "rename",
    "link",
    "unlink",
    "truncate",
    "connect",
    "send",
    "receive",
];

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    path: PathBuf,
    page: Arc<File>,
}

impl Control {
    /// A page in this file, which is made.
    pub(crate) fn new(path: PathBuf) -> Result<Self> {
        let page = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        page.set_len(4096)?;
        Ok(Self { path, page: Arc::new(page) })
    }

    /// What puts a process under the shim, with its eye on `folder`. With a journal its power can be cut.
    pub(crate) fn environment(&self, folder: &Path, journal: bool) -> Result<Vec<(OsString, OsString)>> {
        let mut variables = vec![
            ("LD_PRELOAD".into(), binaries::fault_shim()?.into_os_string()),
            ("MOORLINE_SHIM_CONTROL".into(), self.path.clone().into_os_string()),
            ("MOORLINE_SHIM_FOLDER".into(), folder.as_os_str().to_owned()),
            ("MOORLINE_SHIM_STORE".into(), STORE.into()),
        ];
        if journal {
            variables.push(("MOORLINE_SHIM_JOURNAL".into(), "1".into()));
        }
        Ok(variables)
    }

    /// From now on, `mode` happens at the `call`-th call.
    pub(crate) fn arm(&self, call: u64, mode: Mode, seed: u64) -> Result<()> {
        for word in
            [Word::Countdown, Word::Lasting, Word::Happened, Word::Received, Word::Stored, Word::Synced]
        {
            self.set(word, 0)?;
        }
        self.set(Word::Mode, mode as u64)?;
        self.set(Word::Seed, seed)?;
        self.set(Word::Countdown, call)
    }

    /// Nothing happens any more; says at what kind of call something did.
    pub(crate) fn disarm(&self) -> Result<Option<&'static str>> {
        self.set(Word::Countdown, 0)?;
        self.set(Word::Lasting, 0)?;
        self.happened()
    }

    /// Whether, since it was armed, what came last from the network was followed by a store. For a process that was
    /// killed, the file has to be in its place; after a power cut, that place has to be durable too.
    pub(crate) fn has_stored(&self, durably: bool) -> Result<bool> {
        let (received, stored) = (self.get(Word::Received)?, self.get(Word::Stored)?);
        Ok(stored > received && (!durably || self.get(Word::Synced)? > stored))
    }

    /// At what kind of call it has happened, once it has.
    pub(crate) fn happened(&self) -> Result<Option<&'static str>> {
        let step = usize::try_from(self.get(Word::Happened)?).unwrap_or(0);
        Ok((step != 0).then(|| STEPS.get(step).copied().unwrap_or("call")))
    }

    fn get(&self, word: Word) -> Result<u64> {
        let mut value = [0; 8];
        self.page.read_exact_at(&mut value, word as u64 * 8).context("the shim's page")?;
        Ok(u64::from_ne_bytes(value))
    }

    fn set(&self, word: Word, value: u64) -> Result<()> {
        self.page.write_all_at(&value.to_ne_bytes(), word as u64 * 8).context("the shim's page")
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// `dd` writes three bytes to a new file, one after the other, and syncs it; the shim interferes at its `call`-th
    /// call.
    fn written(call: u64, mode: Mode, sync: bool) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let watched = folder.path().canonicalize().unwrap().join("watched");
        std::fs::create_dir(&watched).unwrap();
        let control = Control::new(folder.path().join("control")).unwrap();
        // The name is there already, and durable: a name is lost with its folder's sync alone.
        std::fs::write(watched.join("file"), b"").unwrap();
        control.arm(call, mode, 1).unwrap();
        let input = folder.path().join("input");
        std::fs::write(&input, b"abc").unwrap();
        // A test in the background may inherit signals that are ignored.
        let status = Command::new("env")
            .args(["--default-signal", "dd"])
            .arg(format!("if={}", input.display()))
            .arg(format!("of={}", watched.join("file").display()))
            .args(["bs=1", "status=none", if sync { "conv=notrunc,fsync" } else { "conv=notrunc" }])
            .envs(control.environment(&watched, true).unwrap())
            .status()
            .unwrap();
        assert_eq!(control.disarm().unwrap().is_some(), !status.success());
        std::fs::read(watched.join("file")).ok()
    }

    #[test]
    fn a_process_dies_at_the_chosen_call_and_what_it_has_written_stays() {
        // The calls are: open, three writes.
        assert_eq!(written(3, Mode::KillBefore, false).unwrap(), b"a");
        assert_eq!(written(3, Mode::KillAfter, false).unwrap(), b"ab");
        assert_eq!(written(9, Mode::KillBefore, false).unwrap(), b"abc");
    }

    #[test]
    fn what_was_not_synced_is_gone_with_the_power() {
        assert_eq!(written(4, Mode::LosePower, false).unwrap(), b"");
        assert_eq!(written(5, Mode::LosePower, true).unwrap(), b"", "the sync has not happened yet");
        assert_eq!(written(9, Mode::LosePower, true).unwrap(), b"abc");
    }

    #[test]
    fn a_call_that_is_to_fail_fails() {
        assert_eq!(written(4, Mode::Fail, false).unwrap(), b"ab");
    }

    #[test]
    fn a_full_disk_refuses_new_blocks_from_the_chosen_call_on_and_takes_what_is_written_in_place() {
        assert_eq!(
            written(3, Mode::DiskFull, false).unwrap(),
            b"a",
            "the second byte and all after it are refused"
        );
        assert_eq!(written(4, Mode::Quota, false).unwrap(), b"ab");
        let folder = tempfile::tempdir().unwrap();
        let watched = folder.path().canonicalize().unwrap();
        std::fs::write(watched.join("slot"), b"xyz").unwrap();
        let control = Control::new(folder.path().join("control")).unwrap();
        control.arm(1, Mode::DiskFull, 0).unwrap();
        let status = Command::new("dd")
            .args(["if=/proc/self/cmdline", "bs=1", "count=2", "status=none", "conv=notrunc"])
            .arg(format!("of={}", watched.join("slot").display()))
            .envs(control.environment(&watched, false).unwrap())
            .status()
            .unwrap();
        assert!(status.success() && control.disarm().unwrap().is_some());
        assert_eq!(std::fs::read(watched.join("slot")).unwrap(), b"ddz");
    }

    #[test]
    fn a_limit_of_the_size_of_files_refuses_every_byte_beyond_it() {
        assert_eq!(written(1, Mode::FileLimit, false).unwrap(), b"");
        assert_eq!(
            written(2, Mode::FileLimit, false).unwrap(),
            b"abc",
            "512 bytes are allowed, and nothing happens"
        );
    }

    #[test]
    fn a_signal_comes_before_the_call() {
        // `dd` handles this one, and ends after the byte that it is at.
        assert_eq!(written(3, Mode::Interrupt, false).unwrap(), b"ab");
        assert_eq!(written(4, Mode::Terminate, false).unwrap(), b"ab");
    }

    #[test]
    fn a_store_counts_when_it_comes_after_what_was_received() {
        let folder = tempfile::tempdir().unwrap();
        let watched = folder.path().canonicalize().unwrap();
        let control = Control::new(folder.path().join("control")).unwrap();
        control.arm(1_000, Mode::KillBefore, 0).unwrap();
        assert!(!control.has_stored(false).unwrap());
        std::fs::write(watched.join("new"), b"").unwrap();
        let moved = Command::new("python3")
            .args(["-c", "import os, sys; os.rename(sys.argv[1], sys.argv[2])"])
            .args([watched.join("new"), watched.join(STORE)])
            .envs(control.environment(&watched, false).unwrap())
            .status()
            .unwrap();
        assert!(moved.success() && control.has_stored(false).unwrap());
        assert!(!control.has_stored(true).unwrap(), "the folder was not synced");
    }
}
