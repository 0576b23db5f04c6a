//! The key of the vault: lost, replaced, broken, and done with.

use super::*;

/// Writes nothing into it, and replaces it if it was lost.
fn start_anew(vault: &Vault) -> Result<(), VaultError> {
    vault.update(WhenLost::StartAnew, |_| Change::Write(())).map(|_| ())
}

fn key_of(home: &Home) -> String {
    format::key_id(Kind::Vault, &std::fs::read(home.file()).unwrap()).unwrap().name()
}

/// A key store that hands out something else than it was given.
#[derive(Debug)]
struct Broken {
    keys: Arc<MemoryKeyStore>,
    broken_key: String,
    load: fn() -> Result<Option<SecretKey>, KeyStoreError>,
}

impl KeyStore for Broken {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        if key_id == self.broken_key { (self.load)() } else { self.keys.load(key_id) }
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.keys.store(key_id, key)
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.keys.delete(key_id)
    }
}

/// What a key store answers.
type LoadedKey = fn() -> Result<Option<SecretKey>, KeyStoreError>;

#[test]
fn a_key_that_cannot_open_the_vault_is_lost_and_a_new_start_works() {
    let cases: [(LoadedKey, VaultError); 4] = [
        (|| Ok(None), VaultError::KeyGone),
        (|| Err(KeyStoreError::Damaged("restored without its Keystore key".into())), VaultError::KeyGone),
        (|| SecretKey::from_stored(vec![1; 31]).map(Some), VaultError::KeyGone),
        (|| Ok(Some(SecretKey::from_bytes([9; 32]))), VaultError::Damaged),
    ];
    for (load, lost) in cases {
        let home = Home::new();
        home.with("t1");
        let broken_key = key_of(&home);
        let keys = Broken { keys: home.keys.clone(), broken_key: broken_key.clone(), load };
        let vault = Vault::new(home.path(), Arc::new(keys), home.disk.clone());
        for _ in 0..2 {
            assert_eq!(queued(&vault), Err(lost.clone()));
            assert_eq!(queue(&vault, "t2"), Err(lost.clone()));
        }
        start_anew(&vault).unwrap();
        queue(&vault, "t3").unwrap();
        assert_eq!(queued(&vault).unwrap(), ["t3"]);
        assert!(home.keys.load(&broken_key).unwrap().is_none(), "nobody needs it any more");
        assert!(home.keys.load(&key_of(&home)).unwrap().is_some());
    }
}

#[test]
fn a_locked_a_slow_and_an_absent_key_store_lose_nothing() {
    let cases: [(LoadedKey, StorageUnavailableReason); 4] = [
        (|| Err(KeyStoreError::Locked), StorageUnavailableReason::Locked),
        (|| Err(KeyStoreError::TimedOut), StorageUnavailableReason::Busy),
        (|| Err(KeyStoreError::Unavailable("none".into())), StorageUnavailableReason::NoKeyStore),
        (|| Err(KeyStoreError::Failed("odd".into())), StorageUnavailableReason::Failed),
    ];
    for (load, expected) in cases {
        let home = Home::new();
        home.with("t1");
        let keys = Broken { keys: home.keys.clone(), broken_key: key_of(&home), load };
        let vault = Vault::new(home.path(), Arc::new(keys), home.disk.clone());
        let failed = start_anew(&vault).unwrap_err();
        assert_eq!(Error::from(failed), Error::StorageUnavailable(expected));
        assert_eq!(queued(&home.open()).unwrap(), ["t1"]);
    }
}

#[test]
fn a_key_is_deleted_once_the_vault_that_needed_it_is_replaced_and_not_before() {
    let home = Home::new();
    home.with("t1");
    let old = key_of(&home);
    put(&home.file(), &[&std::fs::read(home.file()).unwrap()[..], b"damaged"].concat());
    let vault = home.open();
    assert_eq!(queued(&vault), Err(VaultError::Damaged));
    assert!(home.keys.load(&old).unwrap().is_some(), "the file may be repaired");
    home.disk.fill(true);
    assert!(start_anew(&vault).is_err());
    assert!(home.keys.load(&old).unwrap().is_some(), "there is no new vault yet");
    home.disk.fill(false);
    start_anew(&vault).unwrap();
    assert!(home.keys.load(&old).unwrap().is_none());
    assert!(home.keys.load(&key_of(&home)).unwrap().is_some());
}

#[test]
fn a_vault_that_cannot_be_written_leaves_one_unused_key_and_not_many() {
    let home = Home::new();
    let vault = home.open();
    home.disk.fill(true);
    for _ in 0..3 {
        assert!(start_anew(&vault).is_err());
    }
    let (unused, _) = vault.memory().unused_key.clone().unwrap();
    home.disk.fill(false);
    start_anew(&vault).unwrap();
    assert_eq!(key_of(&home), unused.name());
    assert!(vault.memory().unused_key.is_none());
}

#[test]
fn a_vault_that_another_process_has_started_anew_is_a_later_reading() {
    let home = Home::new();
    let long_lived = home.with("t1");
    for round in 0..5 {
        queue(&long_lived, &format!("more-{round}")).unwrap();
    }
    let before = long_lived.read().unwrap();
    home.keys.delete(&key_of(&home)).unwrap();
    let other = home.open();
    start_anew(&other).unwrap();
    queue(&other, "t2").unwrap();
    let after = long_lived.read().unwrap();
    assert!(after.revision < before.revision && after.reading > before.reading);
    assert_eq!(queued(&long_lived).unwrap(), ["t2"]);
}

#[test]
fn a_vault_that_was_moved_aside_is_put_back_when_its_key_is_back() {
    let home = Home::new();
    home.with("t1");
    let right = home.keys.load(&key_of(&home)).unwrap().unwrap();
    let id = key_of(&home);
    home.keys.store(&id, &SecretKey::from_bytes([9; 32])).unwrap();
    assert_eq!(queued(&home.open()), Err(VaultError::Damaged));
    assert!(!home.file().exists());
    home.keys.store(&id, &right).unwrap();
    assert_eq!(queued(&home.open()).unwrap(), ["t1"]);
    queue(&home.open(), "t2").unwrap();
    assert!(home.names().iter().all(|name| !name.contains("unreadable")), "{:?}", home.names());
}

#[test]
fn a_vault_that_was_moved_aside_replaces_no_newer_one() {
    let home = Home::new();
    home.with("t1");
    let (id, right) = (key_of(&home), home.keys.load(&key_of(&home)).unwrap().unwrap());
    home.keys.store(&id, &SecretKey::from_bytes([9; 32])).unwrap();
    assert_eq!(queued(&home.open()), Err(VaultError::Damaged));
    start_anew(&home.open()).unwrap();
    home.keys.store(&id, &right).unwrap();
    assert!(queued(&home.open()).unwrap().is_empty());
}
