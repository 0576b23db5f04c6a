//! What slow work depends on, as one number: the same work over the same inputs is not done twice.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The contents of files and folders, and some words.
#[derive(Debug, Default)]
pub(super) struct Inputs(DefaultHasher);

impl Inputs {
    /// With this word: a version, an option.
    pub(super) fn word(mut self, word: &str) -> Self {
        word.hash(&mut self.0);
        self
    }

    /// With a file, or with all files of a folder.
    pub(super) fn path(mut self, path: &Path) -> Result<Self> {
        for file in files(path)? {
            file.strip_prefix(path)?.hash(&mut self.0);
            fs::read(&file).with_context(|| format!("can't read {}", file.display()))?.hash(&mut self.0);
        }
        Ok(self)
    }

    /// The work that these are the inputs of; its outcome is noted in a file.
    pub(super) fn of(self, note: PathBuf) -> Work {
        Work { digest: format!("{:016x}", self.0.finish()), note }
    }
}

/// Work that may have been done already.
#[derive(Debug)]
pub(super) struct Work {
    digest: String,
    note: PathBuf,
}

impl Work {
    /// Whether it was done over the same inputs.
    pub(super) fn is_done(&self) -> bool {
        fs::read_to_string(&self.note).is_ok_and(|digest| digest == self.digest)
    }

    /// Notes that it is done.
    pub(super) fn done(&self) -> Result<()> {
        fs::write(&self.note, &self.digest).with_context(|| format!("can't write {}", self.note.display()))
    }
}

/// The file itself, or the files of a folder, always in the same order.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = path.read_dir().with_context(|| format!("can't list {}", path.display()))?;
    let mut entries = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        found.extend(files(&entry)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn work_is_done_again_when_an_input_has_changed() {
        let scratch = Scratch::new("inputs").unwrap();
        let input = scratch.folder("input").unwrap();
        let work =
            |word: &str| Inputs::default().word(word).path(&input).unwrap().of(scratch.path().join("note"));
        fs::write(input.join("a"), "1").unwrap();
        assert!(!work("x").is_done());
        work("x").done().unwrap();
        assert!(work("x").is_done());
        assert!(!work("y").is_done(), "another word");
        fs::write(input.join("a"), "2").unwrap();
        assert!(!work("x").is_done(), "another content");
        fs::write(input.join("a"), "1").unwrap();
        fs::write(input.join("b"), "").unwrap();
        assert!(!work("x").is_done(), "another file");
    }
}
