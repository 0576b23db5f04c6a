//! Which file of the vault this process knows: another one has to be read before memory counts.

use std::sync::{Mutex, PoisonError};

use super::disk::Stamp;

/// A file's stamp; `None` if there was no file.
pub(super) type FileSeen = Option<Stamp>;

/// The file that this process has read or written last.
#[derive(Debug, Default)]
pub(super) struct KnownFile(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The last one that could be read; a vault without a file can.
    read: Option<FileSeen>,
    /// The last one that was tried.
    tried: Option<FileSeen>,
}

impl KnownFile {
    /// Takes in what was just tried; `None` for a folder that could not be looked at.
    pub(super) fn note(&self, file: Option<FileSeen>, could_be_read: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.tried = file;
        if could_be_read {
            known.read = file;
        }
    }

    /// Whether this is the last one that could be read.
    pub(super) fn was_read(&self, file: FileSeen) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read == Some(file)
    }

    /// Whether this is the last one that was tried.
    pub(super) fn was_tried(&self, file: FileSeen) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tried == Some(file)
    }
}
