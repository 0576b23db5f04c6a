//! Keys in plain files.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::key_store::{KeyStore, KeyStoreError, SecretKey};
use crate::private_files::{make_folder, private_file, sync_folder};

/// Keys in plain files, readable by their owner alone: for machines without a key store, and only where somebody asked
/// for it. Whoever can read the files can open the vault.
#[derive(Debug, Clone)]
pub struct InsecureFileKeyStore {
    directory: PathBuf,
}

impl InsecureFileKeyStore {
    /// Keys in files of this folder, which is created if it is missing.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        Self { directory: directory.as_ref().to_owned() }
    }

    /// Key ids are the SDK's own: letters, digits, `-` and `_`. Anything else could leave the folder.
    fn path(&self, key_id: &str) -> Result<PathBuf, KeyStoreError> {
        if key_id.is_empty() || !key_id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            return Err(KeyStoreError::Failed("the name of the key is no file name".into()));
        }
        Ok(self.directory.join(format!("{key_id}.key")))
    }
}

impl KeyStore for InsecureFileKeyStore {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        let path = self.path(key_id)?;
        // Opening a pipe would wait for a writer.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(KeyStoreError::Damaged(format!("{} is not a regular file", path.display())));
        }
        match fs::read(&path) {
            Ok(bytes) => SecretKey::from_stored(bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        let path = self.path(key_id)?;
        let write = || {
            make_folder(&self.directory)?;
            let temporary = path.with_extension("key.tmp");
            let mut file = private_file().write(true).create(true).truncate(true).open(&temporary)?;
            file.write_all(key.expose())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            sync_folder(&self.directory)
        };
        write().map_err(|error: io::Error| failed(&path, &error))
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        let path = self.path(key_id)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, &error)),
            _ => Ok(()),
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> KeyStoreError {
    KeyStoreError::Failed(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_as_it_was_kept_and_is_gone_when_deleted() {
        let home = tempfile::tempdir().unwrap();
        let store = InsecureFileKeyStore::new(home.path().join("keys"));
        assert!(store.load("k1").unwrap().is_none());
        store.store("k1", &SecretKey::from_bytes([7; 32])).unwrap();
        assert_eq!(store.load("k1").unwrap().unwrap().expose(), &[7; 32]);
        store.delete("k1").unwrap();
        store.delete("k1").unwrap();
        assert!(store.load("k1").unwrap().is_none());
    }

    #[test]
    fn a_key_whose_file_was_cut_is_damaged_and_can_be_replaced() {
        let home = tempfile::tempdir().unwrap();
        let store = InsecureFileKeyStore::new(home.path());
        for length in [0, 31, 33] {
            fs::write(home.path().join("k1.key"), vec![1; length]).unwrap();
            assert!(matches!(store.load("k1"), Err(KeyStoreError::Damaged(_))), "{length}");
        }
        store.store("k1", &SecretKey::from_bytes([7; 32])).unwrap();
        assert_eq!(store.load("k1").unwrap().unwrap().expose(), &[7; 32]);
    }

    #[test]
    fn a_folder_in_the_place_of_a_key_is_a_damaged_key_and_is_named() {
        let home = tempfile::tempdir().unwrap();
        let store = InsecureFileKeyStore::new(home.path());
        fs::create_dir(home.path().join("k1.key")).unwrap();
        let Err(KeyStoreError::Damaged(why)) = store.load("k1") else { panic!("it is no key") };
        assert!(why.contains("k1.key"), "{why}");
        store.store("k2", &SecretKey::from_bytes([7; 32])).expect("a new vault has another key");
    }

    #[test]
    fn a_key_id_cannot_leave_the_folder() {
        let store = InsecureFileKeyStore::new("/nowhere");
        assert!(matches!(store.load("../k"), Err(KeyStoreError::Failed(_))));
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        InsecureFileKeyStore::new(home.path()).store("k1", &SecretKey::from_bytes([7; 32])).unwrap();
        let mode = fs::metadata(home.path().join("k1.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
