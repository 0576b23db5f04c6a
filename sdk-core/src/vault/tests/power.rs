//! The power is cut at every step of a change. What was not synced may be on the disk, in part, or not at all.

use std::collections::BTreeMap;

use super::*;
use crate::testing::Step;

/// The files of a folder, by name.
type Files = BTreeMap<String, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        files.insert(entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
    }
    files
}

/// Every folder that may be found after a power cut, `steps` having been done to the folder `before`.
fn after_a_power_cut(before: &Files, steps: &[Step]) -> Vec<Files> {
    let synced = steps.iter().rposition(|step| *step == Step::SyncedNames).map_or(0, |at| at + 1);
    let mut found = Vec::new();
    // Names that weren't synced may have changed or not, each for itself; contents that weren't may be there in part.
    for chosen in 0..1_u32 << (steps.len() - synced) {
        for part in [0, 1, 2] {
            let mut files = before.clone();
            for (at, step) in steps.iter().enumerate() {
                // Contents that were written in place need no name to be durable.
                let in_place = matches!(step, Step::Wrote(name, _)
                    if files.contains_key(name) && steps[at..].contains(&Step::SyncedFile(name.clone())));
                if at < synced || in_place || chosen & 1 << (at - synced) != 0 {
                    apply(&mut files, step, steps, part);
                }
            }
            if !found.contains(&files) {
                found.push(files);
            }
        }
    }
    found
}

/// Does one step to the names; of contents that were never synced, `part` halves are there.
fn apply(files: &mut Files, step: &Step, all: &[Step], part: usize) {
    match step {
        Step::Wrote(name, bytes) => {
            let durable = all.contains(&Step::SyncedFile(name.clone()));
            let length = if durable { bytes.len() } else { bytes.len() * part / 2 };
            files.insert(name.clone(), bytes[..length].to_vec());
        }
        Step::Renamed { from, to } => {
            if let Some(bytes) = files.remove(from) {
                files.insert(to.clone(), bytes);
            }
        }
        Step::Linked { from, to } => {
            if let Some(bytes) = files.get(from).cloned() {
                files.insert(to.clone(), bytes);
            }
        }
        Step::Removed(name) => drop(files.remove(name)),
        Step::SyncedFile(_) | Step::SyncedNames => {}
    }
}

/// What `change` does to the folder, step by step.
fn steps_of(home: &Home, vault: &Vault, change: impl FnOnce(&Vault)) -> Vec<Step> {
    home.disk.take_steps();
    change(vault);
    home.disk.take_steps()
}

/// A device on which these files are found.
fn found(files: &Files, keys: &Arc<MemoryKeyStore>) -> Home {
    let home = Home { folder: tempfile::tempdir().unwrap(), keys: keys.clone(), disk: Arc::default() };
    std::fs::create_dir_all(home.path()).unwrap();
    for (name, bytes) in files {
        std::fs::write(home.path().join(name), bytes).unwrap();
    }
    home
}

#[test]
fn a_file_is_synced_before_it_takes_the_vaults_place_and_the_folder_after() {
    let home = Home::new();
    let vault = home.with("t1");
    let steps = steps_of(&home, &vault, |vault| assert!(queue(vault, "t2").is_ok()));
    let [Step::Wrote(written, _), Step::SyncedFile(synced), Step::Renamed { from, to }, Step::SyncedNames] =
        &steps[..]
    else {
        panic!("other steps: {steps:?}")
    };
    assert!(written == synced && synced == from && to == FILE, "{steps:?}");
}

#[test]
fn an_attempt_is_synced_before_its_record_has_its_name_and_the_folder_after() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt");
    let steps = steps_of(&home, &vault, |vault| assert!(vault.begin_refresh(&id("a"), true).is_ok()));
    let [
        Step::Wrote(written, _),
        Step::SyncedFile(synced),
        Step::Linked { from, to },
        Step::Removed(removed),
        Step::SyncedNames,
    ] = &steps[..]
    else {
        panic!("other steps: {steps:?}")
    };
    assert!(written == synced && synced == from && from == removed, "{steps:?}");
    assert_eq!(*to, attempts::file_name(&Secret::new("rt".into())));
}

#[test]
fn a_power_cut_at_any_step_of_a_change_leaves_the_old_vault_or_the_new_one() {
    let home = Home::new();
    let vault = home.with("t1");
    let before = files(&home.path());
    let steps = steps_of(&home, &vault, |vault| assert!(queue(vault, "t2").is_ok()));
    for done in 0..=steps.len() {
        for files in after_a_power_cut(&before, &steps[..done]) {
            let home = found(&files, &home.keys);
            let tokens = queued(&home.open()).unwrap();
            assert!(tokens == ["t1"] || tokens == ["t1", "t2"], "after {done} steps: {tokens:?}");
            if done == steps.len() {
                assert_eq!(tokens, ["t1", "t2"], "a change that has returned is durable");
            }
            queue(&home.open(), "t3").unwrap();
            assert_eq!(queued(&home.open()).unwrap().last().unwrap(), "t3");
        }
    }
    // Without its first fsync, the same change would not survive: the model of the disk is a harsh one.
    let unsynced: Vec<Step> =
        steps.iter().filter(|step| !matches!(step, Step::SyncedFile(_))).cloned().collect();
    let torn = after_a_power_cut(&before, &unsynced);
    assert!(torn.iter().any(|files| queued(&found(files, &home.keys).open()) == Err(VaultError::Damaged)));
}

#[test]
fn a_power_cut_at_any_step_of_the_journal_loses_no_attempt_that_may_have_been_sent() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt");
    let before = files(&home.path());
    let mut attempt = None;
    let steps =
        steps_of(&home, &vault, |vault| attempt = vault.begin_refresh(&id("a"), true).unwrap().attempt);
    for done in 0..=steps.len() {
        for files in after_a_power_cut(&before, &steps[..done]) {
            let next = found(&files, &home.keys).open().begin_refresh(&id("a"), true).unwrap();
            assert!(next.attempt.is_some());
            if done == steps.len() {
                assert_eq!(next.attempt, attempt, "it was journalled, so it may have been sent");
            }
        }
    }
}

#[test]
fn a_power_cut_while_a_damaged_vault_is_moved_aside_deletes_nothing() {
    let home = Home::new();
    let vault = home.with("t1");
    put(&home.file(), b"damaged");
    let before = files(&home.path());
    let steps = steps_of(&home, &vault, |vault| {
        assert!(vault.update(WhenLost::StartAnew, |_| Change::Write(())).is_ok());
    });
    assert!(steps.len() > 5, "moved aside, and a new one begun: {steps:?}");
    for done in 0..=steps.len() {
        for files in after_a_power_cut(&before, &steps[..done]) {
            assert!(files.values().any(|bytes| bytes == b"damaged"), "after {done} steps: {files:?}");
        }
    }
}

#[test]
fn a_power_cut_at_any_step_of_an_exchange_leaves_the_old_token_or_the_new_one() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = vault.try_lease(&id("a")).unwrap().unwrap();
    let before = files(&home.path());
    let (mut prepared, sent) = (0, Secret::new("rt-1".into()));
    let steps = steps_of(&home, &vault, |vault| {
        vault.prepare_exchange(&held, &sent).unwrap();
        let steps = home.disk.take_steps();
        prepared = steps.len();
        let stored = vault.update_reserved(
            &id("a"),
            |_| {},
            |contents| {
                if let StoredState::SignedIn(session) = &mut contents.account_mut(&id("a")).state {
                    session.refresh_token = Some(Secret::new("rt-2".into()));
                }
                Change::Write(())
            },
        );
        stored.unwrap();
        home.disk.put_back(steps);
    });
    for done in 0..=steps.len() {
        for files in after_a_power_cut(&before, &steps[..done]) {
            let home = found(&files, &home.keys);
            let vault = home.open();
            let token = vault
                .read()
                .unwrap()
                .state(&id("a"))
                .session()
                .unwrap()
                .refresh_token
                .as_ref()
                .unwrap()
                .expose()
                .to_owned();
            assert!(token == "rt-1" || token == "rt-2", "after {done} steps: {token}");
            assert!(done < steps.len() || token == "rt-2", "what was stored is durable");
            let heir = vault.try_lease(&id("a")).unwrap().unwrap();
            let sent_before = vault.prepare_exchange(&heir, &Secret::new(token.clone())).unwrap();
            if done >= prepared && token == "rt-1" {
                assert_eq!(sent_before, SentBefore::Yes, "after {done} steps, it may have been sent");
            }
        }
    }
}
