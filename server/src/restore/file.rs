//! The revocation log: a file of lines that only grows, and outlives the database.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::RestoreError;
use super::line::{End, Seal};

/// The open file. It is locked while it is open: one server writes it.
#[derive(Debug)]
pub(super) struct RevocationLog {
    file: File,
    path: PathBuf,
    seal: Seal,
    instance: String,
    /// How much of it is whole lines.
    length: u64,
}

/// What the file says.
#[derive(Debug)]
pub(super) struct Contents {
    /// The database that it belongs to.
    pub(super) instance: String,
    /// The last end.
    pub(super) last: Option<End>,
    /// The end with the number that was asked for.
    pub(super) asked: Option<End>,
    /// The ends after it.
    pub(super) newer: Vec<End>,
    /// Whether a line was begun and not finished.
    pub(super) torn: bool,
    /// Whether it is sealed by the current master key.
    pub(super) current: bool,
}

impl Contents {
    /// The number of the last end.
    pub(super) fn last_seq(&self) -> i64 {
        self.last.as_ref().map_or(0, |end| end.seq)
    }
}

impl RevocationLog {
    /// Opens the file that is there and reads it: what it has after the end with the number `after`.
    pub(super) fn open(
        path: &Path,
        seal: Seal,
        after: i64,
    ) -> Result<Option<(Self, Contents)>, RestoreError> {
        let failed = |error| RestoreError::File { path: path.to_owned(), error };
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => RestoreError::InUse(path.to_owned()),
            TryLockError::Error(error) => failed(error),
        })?;
        let mut opened = Self { file, path: path.to_owned(), seal, instance: String::new(), length: 0 };
        let contents = opened.read(after)?;
        Ok(Some((opened, contents)))
    }

    /// Makes a file with these ends, from the first on, in place of any that is there.
    pub(super) fn make(path: &Path, seal: Seal, instance: &str, ends: &[End]) -> Result<Self, RestoreError> {
        let failed = |error| RestoreError::File { path: path.to_owned(), error };
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let temporary = PathBuf::from(name);
        let write = || -> io::Result<(File, u64)> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&temporary)?;
            file.try_lock()?;
            let mut text = seal.header(instance);
            text.extend(ends.iter().map(|end| seal.line(instance, end)));
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok((file, text.len() as u64))
        };
        let (file, length) = write().map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), seal, instance: instance.to_owned(), length })
    }

    /// Adds these ends, durably. After a failure the next call writes over what this one left.
    pub(super) fn append(&mut self, ends: &[End]) -> io::Result<()> {
        self.is_where_it_was()?;
        let text: String = ends.iter().map(|end| self.seal.line(&self.instance, end)).collect();
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        self.length += text.len() as u64;
        Ok(())
    }

    /// A file that was moved or deleted would take ends that nobody finds again.
    #[cfg(unix)]
    fn is_where_it_was(&self) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        let (ours, there) = (self.file.metadata()?, fs::metadata(&self.path)?);
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the revocation log was moved or replaced"));
        }
        // Going on behind the gap would make a file that no start can read.
        if ours.len() < self.length {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the revocation log was truncated"));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn is_where_it_was(&self) -> io::Result<()> {
        fs::metadata(&self.path).map(drop)
    }

    fn read(&mut self, after: i64) -> Result<Contents, RestoreError> {
        let mut reader = BufReader::new(&self.file);
        let (mut bytes, mut number, mut length) = (Vec::new(), 0, 0);
        let mut contents = Contents {
            instance: String::new(),
            last: None,
            asked: None,
            newer: Vec::new(),
            torn: false,
            current: false,
        };
        loop {
            bytes.clear();
            let read = reader
                .read_until(b'\n', &mut bytes)
                .map_err(|error| RestoreError::File { path: self.path.clone(), error })?;
            if bytes.pop_if(|byte| *byte == b'\n').is_none() {
                contents.torn = read > 0;
                break;
            }
            number += 1;
            length += read as u64;
            self.read_line(&bytes, number, after, &mut contents)?;
        }
        if number == 0 {
            let what = "the file has no first line";
            return Err(RestoreError::Damaged { path: self.path.clone(), line: 1, what });
        }
        self.length = length;
        self.instance.clone_from(&contents.instance);
        Ok(contents)
    }

    fn read_line(
        &self,
        bytes: &[u8],
        number: usize,
        after: i64,
        contents: &mut Contents,
    ) -> Result<(), RestoreError> {
        let damaged = |what| RestoreError::Damaged { path: self.path.clone(), line: number, what };
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        if number == 1 {
            let instance = Seal::named_by(text)
                .ok_or_else(|| damaged("it is not the first line of a revocation log"))?;
            if !self.seal.opens(instance, text) {
                return Err(RestoreError::WrongKey(self.path.clone()));
            }
            contents.current = self.seal.is_current(instance, text);
            contents.instance = instance.to_owned();
            return Ok(());
        }
        let end =
            self.seal.read_line(&contents.instance, text).ok_or_else(|| damaged("the line was changed"))?;
        if end.seq != contents.last_seq() + 1 {
            return Err(damaged("lines before it are missing"));
        }
        contents.take(end, after);
        Ok(())
    }
}

impl Contents {
    fn take(&mut self, end: End, after: i64) {
        if end.seq == after {
            self.asked = Some(end.clone());
        } else if end.seq > after {
            self.newer.push(end.clone());
        }
        self.last = Some(end);
    }
}
