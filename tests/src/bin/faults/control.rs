//! The page of memory that is shared with a process under the shim (`tests/shim`): at which of its system calls what happens.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use moorline_tests::binaries;

/// What happens at the chosen call. The numbers are the shim's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    KillBefore = 1,
    KillHalf = 2,
    KillAfter = 3,
    Fail = 4,
    LosePower = 5,
    LosePowerInPart = 6,
}

/// The words of the page, by their place.
#[derive(Clone, Copy)]
enum Word {
    Countdown = 0,
    Mode = 1,
    Seed = 2,
    Happened = 4,
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
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    page: File,
}

impl Control {
    /// A page in this file, which is made.
    pub(crate) fn new(path: PathBuf) -> Result<Self> {
        let page = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        page.set_len(4096)?;
        Ok(Self { path, page })
    }

    /// What puts a process under the shim, with its eye on `folder`. With a journal its power can be cut.
    pub(crate) fn environment(&self, folder: &Path, journal: bool) -> Result<Vec<(OsString, OsString)>> {
        let mut variables = vec![
            ("LD_PRELOAD".into(), binaries::fault_shim()?.into_os_string()),
            ("MOORLINE_SHIM_CONTROL".into(), self.path.clone().into_os_string()),
            ("MOORLINE_SHIM_FOLDER".into(), folder.as_os_str().to_owned()),
        ];
        if journal {
            variables.push(("MOORLINE_SHIM_JOURNAL".into(), "1".into()));
        }
        Ok(variables)
    }

    /// From now on, `mode` happens at the `call`-th call.
    pub(crate) fn arm(&self, call: u64, mode: Mode, seed: u64) -> Result<()> {
        self.set(Word::Happened, 0)?;
        self.set(Word::Mode, mode as u64)?;
        self.set(Word::Seed, seed)?;
        self.set(Word::Countdown, call)
    }

    /// Nothing happens any more; says at what kind of call something did.
    pub(crate) fn disarm(&self) -> Result<Option<&'static str>> {
        self.set(Word::Countdown, 0)?;
        let mut word = [0; 8];
        self.page.read_exact_at(&mut word, Word::Happened as u64 * 8)?;
        let step = usize::try_from(u64::from_ne_bytes(word)).unwrap_or(0);
        Ok((step != 0).then(|| STEPS.get(step).copied().unwrap_or("call")))
    }

    fn set(&self, word: Word, value: u64) -> Result<()> {
        self.page.write_all_at(&value.to_ne_bytes(), word as u64 * 8).context("the shim's page")
    }
}
