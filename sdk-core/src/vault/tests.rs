#[cfg(target_os = "linux")]
mod damage;
mod keys;
#[cfg(target_os = "linux")]
mod memory;
mod power;
mod space;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::*;
use crate::{
    Error, KeyStoreError, MemoryKeyStore, StorageUnavailableReason,
    testing::{TestDisk, newer_version_of, put},
};

struct Home {
    folder: TempDir,
    keys: Arc<MemoryKeyStore>,
    disk: Arc<TestDisk>,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), keys: Arc::default(), disk: Arc::default() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("a/vault")
    }

    fn file(&self) -> PathBuf {
        self.path().join(FILE)
    }

    fn open(&self) -> Vault {
        Vault::new(self.path(), self.keys.clone(), self.disk.clone())
    }

    /// With one queued revocation of this token.
    fn with(&self, token: &str) -> Vault {
        let vault = self.open();
        queue(&vault, token).unwrap();
        vault
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn id(account: &str) -> AccountId {
    AccountId { issuer: "https://id.example".into(), client_id: "app".into(), account: account.into() }
}

fn queue(vault: &Vault, token: &str) -> Result<u64, VaultError> {
    let revocation = Revocation {
        token: Secret::new(token.into()),
        is_refresh_token: true,
        proof_key: None,
        subject: None,
        waits_for: None,
        refusals: 0,
    };
    let updated = vault.update(WhenLost::Fail, |contents| {
        contents.account_mut(&id("a")).revocations.push(revocation);
        Change::Write(())
    });
    Ok(updated?.revision)
}

fn queued(vault: &Vault) -> Result<Vec<String>, VaultError> {
    let snapshot = vault.read()?;
    let account = snapshot.contents.account(&id("a"));
    Ok(account.map_or_else(Vec::new, |account| {
        account.revocations.iter().map(|revocation| revocation.token.expose().to_owned()).collect()
    }))
}

#[test]
fn a_vault_that_was_never_written_is_empty_and_reading_it_makes_nothing() {
    let home = Home::new();
    assert!(queued(&home.open()).unwrap().is_empty());
    assert!(!home.path().exists());
}

#[test]
fn what_is_written_is_there_after_a_new_start() {
    let home = Home::new();
    home.with("t1");
    assert_eq!(queued(&home.open()).unwrap(), ["t1"]);
}

#[test]
fn the_revision_grows_with_each_change_and_with_nothing_else() {
    let home = Home::new();
    let vault = home.with("t1");
    let first = vault.read().unwrap().revision;
    let kept = vault.update(WhenLost::Fail, |_| Change::Keep(())).unwrap();
    assert_eq!(kept.revision, first);
    assert!(queue(&vault, "t2").unwrap() > first);
}

#[test]
fn a_vault_that_was_put_back_goes_on_above_the_revision_that_was_seen() {
    let home = Home::new();
    let vault = home.with("t1");
    let old = std::fs::read(home.file()).unwrap();
    let seen = queue(&vault, "t2").unwrap();
    put(&home.file(), &old);
    assert!(queue(&vault, "t3").unwrap() > seen);
    assert_eq!(queued(&vault).unwrap(), ["t1", "t3"]);
}

#[cfg(unix)]
#[test]
fn files_and_folder_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    home.with("t1");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.path()), 0o700);
    for name in home.names() {
        assert_eq!(mode(&home.path().join(&name)), 0o600, "{name}");
    }
}

/// The file holds these bytes: how do reading and changing fail, and what is left?
fn assert_damaged(bytes: &[u8], whole: &Path, keys: &Arc<MemoryKeyStore>) {
    let home = Home { folder: tempfile::tempdir().unwrap(), keys: keys.clone(), disk: Arc::default() };
    std::fs::create_dir_all(home.path()).unwrap();
    put(&home.file(), bytes);
    assert_eq!(queued(&home.open()), Err(VaultError::Damaged));
    assert_eq!(queue(&home.open(), "t2"), Err(VaultError::Damaged));
    let aside: Vec<_> = home.names().into_iter().filter(|name| name.contains("unreadable")).collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(std::fs::read(home.path().join(&aside[0])).unwrap(), bytes);
    // Once it is whole again (from a backup, say), it opens.
    put(&home.file(), &std::fs::read(whole).unwrap());
    assert_eq!(queued(&home.open()).unwrap(), ["t1"]);
}

#[test]
fn a_file_that_is_something_else_is_damaged() {
    let home = Home::new();
    home.with("t1");
    for bytes in [&b""[..], b"{}", &[0; 4096], &[0xff; 67], b"MOORLINE", b"MOORLINEV\x00\x01"] {
        assert_damaged(bytes, &home.file(), &home.keys);
    }
}

#[test]
fn a_pending_record_in_the_vaults_place_is_damaged() {
    let home = Home::new();
    let vault = home.with("t1");
    let memory = vault.memory();
    let (key_id, key) = memory.key.clone().unwrap();
    attempts::journal(&vault.folder, &Secret::new("rt".into()), key_id, &key).unwrap();
    let record = home.names().into_iter().find(|name| name.starts_with("pending-")).unwrap();
    assert_damaged(&std::fs::read(home.path().join(record)).unwrap(), &home.file(), &home.keys);
}

#[test]
fn a_newer_file_is_left_as_it_is() {
    let home = Home::new();
    home.with("t1");
    let newer = newer_version_of(&std::fs::read(home.file()).unwrap());
    put(&home.file(), &newer);
    for when_lost in [WhenLost::Fail, WhenLost::StartAnew] {
        let outcome = home.open().update(when_lost, |_| Change::Write(()));
        assert_eq!(outcome.map(|_| ()), Err(VaultError::Newer));
    }
    assert_eq!(queued(&home.open()), Err(VaultError::Newer));
    assert_eq!(std::fs::read(home.file()).unwrap(), newer);
}

#[test]
fn a_lost_key_is_reported_and_the_file_stays_until_a_new_vault_replaces_it() {
    let home = Home::new();
    home.with("t1");
    let restored = Home { folder: home.folder, keys: Arc::default(), disk: Arc::default() };
    assert_eq!(queued(&restored.open()), Err(VaultError::KeyGone));
    assert_eq!(queue(&restored.open(), "t2"), Err(VaultError::KeyGone));
    restored.open().update(WhenLost::StartAnew, |_| Change::Write(())).unwrap();
    assert!(queued(&restored.open()).unwrap().is_empty());
    assert_eq!(restored.names().iter().filter(|name| name.contains("unreadable")).count(), 1);
}

#[test]
fn a_full_disk_leaves_the_old_vault_and_no_rubbish() {
    let home = Home::new();
    let vault = home.with("t1");
    home.disk.fill(true);
    assert!(matches!(queue(&vault, "t2"), Err(VaultError::Unavailable { .. })));
    assert_eq!(queued(&vault).unwrap(), ["t1"]);
    home.disk.fill(false);
    queue(&vault, "t3").unwrap();
    assert!(home.names().iter().all(|name| !name.contains(".tmp-")));
}

#[test]
fn what_a_crash_left_behind_is_tidied_up() {
    let home = Home::new();
    let vault = home.with("t1");
    std::fs::write(home.path().join("vault.moorline.tmp-0123"), "half").unwrap();
    queue(&vault, "t2").unwrap();
    assert!(home.names().iter().all(|name| !name.contains(".tmp-")));
}

#[test]
fn vaults_of_many_threads_lose_no_change() {
    let home = Home::new();
    let vaults: Vec<Vault> = (0..4).map(|_| home.open()).collect();
    std::thread::scope(|scope| {
        for (thread, vault) in vaults.iter().enumerate() {
            scope.spawn(move || {
                for change in 0..25 {
                    queue(vault, &format!("{thread}-{change}")).unwrap();
                }
            });
        }
    });
    assert_eq!(queued(&home.open()).unwrap().len(), 100);
}

#[test]
fn a_reader_needs_no_lock() {
    let home = Home::new();
    let vault = home.with("t1");
    let _stopped_process = home.open().folder.lock().unwrap();
    assert_eq!(queued(&vault).unwrap(), ["t1"]);
}

#[test]
fn a_reader_does_not_wait_for_a_thread_that_waits_for_the_lock() {
    let home = Home::new();
    let vault = home.with("t1");
    let stopped_process = home.open().folder.lock().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| queue(&vault, "t2").unwrap());
        // From when on the writer waits: then its turn is taken.
        while vault.turn.try_lock().is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(queued(&vault).unwrap(), ["t1"]);
        assert!(!writer.is_finished());
        drop(stopped_process);
        writer.join().unwrap();
    });
    assert_eq!(queued(&vault).unwrap(), ["t1", "t2"]);
}

#[test]
fn a_stopped_process_that_holds_the_lock_makes_a_change_wait_and_not_fail_for_ever() {
    let home = Home::new();
    let vault = home.with("t1");
    let stopped_process = home.open().folder.lock().unwrap();
    assert!(matches!(queue(&vault, "t2"), Err(VaultError::Unavailable { .. })));
    drop(stopped_process);
    queue(&vault, "t2").unwrap();
    assert_eq!(queued(&vault).unwrap(), ["t1", "t2"]);
}

#[derive(Debug)]
struct Forgetful;

impl KeyStore for Forgetful {
    fn load(&self, _: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        Ok(None)
    }

    fn store(&self, _: &str, _: &SecretKey) -> Result<(), KeyStoreError> {
        Ok(())
    }

    fn delete(&self, _: &str) -> Result<(), KeyStoreError> {
        Ok(())
    }
}

#[test]
fn a_key_store_that_forgets_is_found_out_before_the_vault_depends_on_it() {
    let home = Home::new();
    let vault = Vault::new(home.path(), Arc::new(Forgetful), Arc::new(TestDisk::default()));
    assert!(matches!(queue(&vault, "t1"), Err(VaultError::Unavailable { .. })));
    assert!(!home.file().exists());
}

#[test]
fn a_journalled_attempt_is_used_also_when_the_provider_no_longer_advertises_attempts() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "t1");
    assert!(vault.begin_refresh(&id("a"), false).unwrap().attempt.is_none());
    let attempt = vault.begin_refresh(&id("a"), true).unwrap().attempt;
    assert!(attempt.is_some());
    assert_eq!(home.open().begin_refresh(&id("a"), false).unwrap().attempt, attempt);
}

#[test]
fn an_attempt_stays_the_same_for_its_token_and_goes_with_it() {
    let home = Home::new();
    let vault = home.with("t1");
    let journal = |vault: &Vault, token: &str| {
        let (key_id, key) = vault.memory().key.clone().unwrap();
        attempts::journal(&vault.folder, &Secret::new(token.into()), key_id, &key).unwrap()
    };
    let attempt = journal(&vault, "rt1");
    assert_eq!(journal(&vault, "rt1"), attempt);
    assert_ne!(journal(&vault, "rt2"), attempt);
    let other = home.open();
    other.read().unwrap();
    assert_eq!(journal(&other, "rt1"), attempt);
    // No session holds either token, so that the next change removes both records.
    queue(&vault, "t2").unwrap();
    assert!(home.names().iter().all(|name| !name.starts_with("pending-")));
}

#[test]
fn a_record_under_another_tokens_name_is_no_record() {
    let home = Home::new();
    let vault = home.with("t1");
    let (key_id, key) = vault.memory().key.clone().unwrap();
    let attempt = attempts::journal(&vault.folder, &Secret::new("rt1".into()), key_id, &key).unwrap();
    let record = home.names().into_iter().find(|name| name.starts_with("pending-")).unwrap();
    attempts::journal(&vault.folder, &Secret::new("rt2".into()), key_id, &key).unwrap();
    let other =
        home.names().into_iter().find(|name| name.starts_with("pending-") && *name != record).unwrap();
    std::fs::copy(home.path().join(record), home.path().join(other)).unwrap();
    assert_ne!(attempts::journal(&vault.folder, &Secret::new("rt2".into()), key_id, &key).unwrap(), attempt);
}

/// The home of a golden file: what a released version wrote must open for ever.
fn golden(file: &[u8]) -> Home {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(home.file(), file).unwrap();
    home.keys.store(GOLDEN_KEY_ID, &SecretKey::from_bytes([0x5a; 32])).unwrap();
    home
}

#[test]
fn the_golden_file_of_format_1_opens_and_its_session_is_bearer() {
    let home = golden(include_bytes!("golden/format-1.moorline"));
    let snapshot = home.open().read().unwrap();
    let standing = snapshot.state(&id("a"));
    let session = standing.session().unwrap();
    assert_eq!(snapshot.revision, 7);
    assert_eq!(session.user.subject, "ada");
    assert_eq!(session.refresh_token.as_ref().unwrap().expose(), "golden refresh token");
    assert_eq!(session.lifetime.as_ref().unwrap().whole(), std::time::Duration::from_secs(900));
    assert_eq!(session.proof_key, None);
}

/// A pending record that version 0.1.0 wrote beside it. The attempt may have been sent: no other one will do.
#[test]
fn the_golden_pending_record_of_format_1_is_taken_up() {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(home.file(), include_bytes!("golden/format-1.moorline")).unwrap();
    let record = home.path().join("pending-4VPopxMoM3Qx_OjqGxlCpH.moorline");
    std::fs::write(&record, include_bytes!("golden/pending-format-1.moorline")).unwrap();
    home.keys.store(GOLDEN_KEY_ID, &SecretKey::from_bytes([0x5a; 32])).unwrap();
    let begun = home.open().begin_refresh(&id("a"), true).unwrap();
    assert_eq!(begun.attempt.unwrap().expose(), "gpAWpJ-tMM-mhBPfYFbnZj9B6BiUtDGJ2tduWtrl0Bk");
    assert_eq!(std::fs::read(record).unwrap(), include_bytes!("golden/pending-format-1.moorline"));
}

/// A vault with a session, a sign-in and a revocation, all of them bound to one key.
#[test]
fn the_golden_file_of_format_2_opens_with_its_keys() {
    let home = golden(include_bytes!("golden/format-2.moorline"));
    let snapshot = home.open().read().unwrap();
    let account = snapshot.contents.account(&id("a")).unwrap();
    let session = account.state.session().unwrap();
    assert_eq!(snapshot.revision, 9);
    assert_eq!(session.refresh_token.as_ref().unwrap().expose(), "golden refresh token");
    let (login, revocation) = (account.logins.last().unwrap(), &account.revocations[0]);
    for key in [&session.proof_key, &login.proof_key, &revocation.proof_key] {
        assert_eq!(key.as_ref().unwrap().thumbprint(), GOLDEN_THUMBPRINT);
    }
}

/// A vault with a session that a refusal has suspended, bound to the same key.
#[test]
fn the_golden_file_of_format_3_opens_with_its_key() {
    let home = golden(include_bytes!("golden/format-3.moorline"));
    let state = home.open().read().unwrap().state(&id("a"));
    let session = state.refreshable().unwrap();
    assert!(state.session().is_none(), "it is suspended");
    assert_eq!(session.refresh_token.as_ref().unwrap().expose(), "golden refresh token");
    assert_eq!(session.proof_key.as_ref().unwrap().thumbprint(), GOLDEN_THUMBPRINT);
}

/// A vault with a session whose key is in a signer (its point is P-256's generator), and a key to be deleted there.
#[test]
fn the_golden_file_of_format_4_opens_with_the_name_of_its_key() {
    let home = golden(include_bytes!("golden/format-4.moorline"));
    let snapshot = home.open().read().unwrap();
    let state = snapshot.state(&id("a"));
    let key = state.session().unwrap().proof_key.clone().unwrap();
    assert_eq!(key.of_signer().unwrap().id, "moorline-proof-GOLDENGOLDENGOLDENGOLA");
    assert_eq!(key.thumbprint(), "xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M");
    assert_eq!(snapshot.contents.retired_keys, ["moorline-proof-RETIRED"]);
}

#[test]
fn a_vault_of_format_1_is_written_as_format_4_and_loses_nothing() {
    let home = golden(include_bytes!("golden/format-1.moorline"));
    let version = || std::fs::read(home.file()).unwrap()[9..11].to_vec();
    assert_eq!(version(), [0, 1]);
    queue(&home.open(), "t1").unwrap();
    assert_eq!(version(), [0, 4]);
    let snapshot = home.open().read().unwrap();
    assert_eq!(
        snapshot.state(&id("a")).session().unwrap().refresh_token.as_ref().unwrap().expose(),
        "golden refresh token"
    );
}

const GOLDEN_THUMBPRINT: &str = "CT-34Y2eG8P3AAx8XVD98LDyM4t21uliUqDawI0dj1w";
const GOLDEN_KEY_ID: &str = "moorline-vault-GOLDENGOLDENGOLDENGOLA";

/// Signs in with this refresh token.
fn sign_in(vault: &Vault, refresh_token: &str) {
    let session = StoredSession {
        user: crate::User::from_claims("ada".into(), serde_json::Map::new()),
        authentication: crate::authentication::Authentication::default(),
        id_token: None,
        refresh_token: Some(Secret::new(refresh_token.into())),
        access_token: Secret::new("at".into()),
        proof_key: None,
        bearer_access_token: false,
        knows_attempts: None,
        lifetime: None,
        scope: vec![],
        resources: Vec::new(),
        signed_in_at: 0,
        refreshes: 0,
        refusal: None,
        login_state: Secret::new("s".into()),
    };
    let signed_in = vault.update(WhenLost::Fail, |contents| {
        contents.account_mut(&id("a")).state = StoredState::SignedIn(Box::new(session));
        Change::Write(())
    });
    signed_in.unwrap();
}

#[test]
fn without_locks_two_processes_that_begin_at_once_send_the_same_attempt() {
    let home = Home::new();
    for round in 0..100 {
        let token = format!("rt-{round}");
        sign_in(&home.open(), &token);
        let start = std::sync::Barrier::new(2);
        let begin = || {
            let vault = home.open();
            home.disk.remove_locks();
            vault.read().unwrap();
            start.wait();
            vault.begin_refresh(&id("a"), true).unwrap().attempt.unwrap()
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(begin);
            assert_eq!(begin(), other.join().unwrap(), "round {round}");
        });
    }
}
