//! The folder of a development server: for its owner's eyes only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A folder with mode 0700, whose files have mode 0600.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Opens the folder, making it first if it is not there. One that is there keeps its mode: it may be anybody's.
    ///
    /// # Errors
    /// When it can't be made, or is not a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        Ok(Self(path.canonicalize()?))
    }

    /// Takes the folder for one server, for as long as the file is open; a killed server gives it back too.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another server has it.
    pub fn take(&self) -> io::Result<File> {
        let lock = options().write(true).create(true).truncate(false).open(self.path(".lock"))?;
        lock.try_lock()?;
        Ok(lock)
    }

    /// The absolute path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder's absolute path.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it that others write to; made now, so that nobody else can read what they write.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn private_file(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        options().create(true).append(true).open(&path)?;
        Ok(path)
    }

    /// Writes a file as a whole: a reader sees the old one or the new one, also after a crash.
    ///
    /// # Errors
    /// When it can't be written; the old one is there still.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.path(&format!(".{name}.{}", std::process::id()));
        let mut file = options().write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(name))?;
        File::open(&self.0)?.sync_all()
    }
}

fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is a Unix thing"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nobody_else_can_read_the_folder_or_its_files() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Directory::open(&temp.path().join("a/b")).unwrap();
        folder.write("key", b"one").unwrap();
        folder.write("key", b"two").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.root()), 0o700);
        assert_eq!(mode(&folder.path("key")), 0o600);
        assert_eq!(mode(&folder.private_file("db").unwrap()), 0o600);
        assert_eq!(fs::read(folder.path("key")).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.root()).unwrap().count(), 2);
    }
}
