//! The revocation log: a file of lines, each with a tag of its own, that outlives the database.

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

/// What a file says.
#[derive(Debug)]
pub(super) struct Found {
    /// The database that it belongs to.
    pub(super) instance: String,
    /// Every revocation that can be read. A line that was torn by a power cut, or changed, is left out: the database
    /// has it too, unless it was restored as well.
    pub(super) ends: Vec<End>,
    /// Holds the lock.
    _file: File,
}

/// Reads the file that is there; `None` if there is none.
pub(super) fn read(path: &Path, seal: &Seal) -> Result<Option<Found>, RestoreError> {
    let failed = |error| RestoreError::File { path: path.to_owned(), error };
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => RestoreError::InUse(path.to_owned()),
        TryLockError::Error(error) => failed(error),
    })?;
    let mut lines = BufReader::new(&file).split(b'\n');
    let first = lines.next().transpose().map_err(failed)?.unwrap_or_default();
    let first = String::from_utf8(first).unwrap_or_default();
    let instance = Seal::named_by(&first)
        .filter(|instance| seal.opens(instance, &first))
        .ok_or_else(|| RestoreError::WrongKey(path.to_owned()))?
        .to_owned();
    let (mut ends, mut unreadable) = (Vec::new(), 0);
    for line in lines {
        let line = line.map_err(failed)?;
        match std::str::from_utf8(&line).ok().and_then(|line| seal.read_line(&instance, line)) {
            Some(end) => ends.push(end),
            None => unreadable += 1,
        }
    }
    if unreadable > 0 {
        tracing::warn!(file = %path.display(), unreadable, "lines of the revocation log can't be read");
    }
    Ok(Some(Found { instance, ends, _file: file }))
}

impl RevocationLog {
    /// Makes a file with these ends, in place of any that is there.
    pub(super) fn make(path: &Path, seal: Seal, instance: &str, ends: &[End]) -> Result<Self, RestoreError> {
        let failed = |error| RestoreError::File { path: path.to_owned(), error };
        let (file, length) = write(path, &seal, instance, ends).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), seal, instance: instance.to_owned(), length })
    }

    /// Makes the file again with these ends: it was moved, replaced or cut.
    pub(super) fn make_again(&mut self, ends: &[End]) -> io::Result<()> {
        (self.file, self.length) = write(&self.path, &self.seal, &self.instance, ends)?;
        Ok(())
    }

    /// Adds these ends, durably. After a failure the next call writes over what this one left.
    pub(super) fn append(&mut self, ends: &[End]) -> io::Result<()> {
        let text: String = ends.iter().map(|end| self.seal.line(&self.instance, end)).collect();
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        self.length += text.len() as u64;
        Ok(())
    }

    /// Whether the open file is the one at its path, and as long as it was: in one that was moved or deleted nobody
    /// finds what is added.
    pub(super) fn is_in_place(&self) -> bool {
        is_same(&self.file, &self.path)
            && self.file.metadata().is_ok_and(|metadata| metadata.len() >= self.length)
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().is_ok_and(|ours| fs::metadata(path).is_ok_and(|there| id(ours) == id(there)))
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

fn write(path: &Path, seal: &Seal, instance: &str, ends: &[End]) -> io::Result<(File, u64)> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
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
}
