//! A clock for a server's process, which a test can set ahead. Linux only: the library of `tests/shim` is loaded
//! before libc.

use std::ffi::OsString;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use anyhow::Result;
use tempfile::NamedTempFile;

use crate::{ServerOptions, binaries};

/// By how much the clocks of a server's process are ahead of this machine's.
#[derive(Debug)]
pub struct ServerClock {
    word: NamedTempFile,
    ahead: Duration,
}

impl ServerClock {
    /// A clock that is right.
    ///
    /// Errors: when the file that is shared with the process can't be made.
    pub fn new() -> Result<Self> {
        let mut clock = Self { word: NamedTempFile::new()?, ahead: Duration::ZERO };
        clock.advance(Duration::ZERO)?;
        Ok(clock)
    }

    /// Options for a server that goes by this clock.
    ///
    /// Errors: when the library is missing.
    pub fn options(&self) -> Result<ServerOptions> {
        let library: OsString = binaries::fault_shim()?.into();
        let file = self.word.path().as_os_str().to_owned();
        Ok(ServerOptions {
            environment: vec![("LD_PRELOAD".into(), library), ("MOORLINE_SHIM_CLOCK".into(), file)],
            ..ServerOptions::default()
        })
    }

    /// Lets so many whole seconds pass for the server.
    ///
    /// Errors: when the shared file can't be written.
    pub fn advance(&mut self, by: Duration) -> Result<()> {
        self.ahead += by;
        self.word.as_file().write_all_at(&self.ahead.as_secs().to_ne_bytes(), 0)?;
        Ok(())
    }
}
