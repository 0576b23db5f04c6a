//! Space for a successor, and what lies beside the vault for it.

use super::*;

fn lease(vault: &Vault) -> Lease {
    vault.try_lease(&id("a")).unwrap().expect("nobody else has it")
}

fn prepare(vault: &Vault, lease: &Lease, token: &str) -> Result<SentBefore, VaultError> {
    vault.prepare_exchange(lease, &Secret::new(token.into()))
}

/// Stores a successor in the space that was secured.
fn rotate(vault: &Vault, to: &str) -> Result<u64, VaultError> {
    let updated = vault.update_reserved(
        &id("a"),
        |_| {},
        |contents| {
            if let StoredState::SignedIn(session) = &mut contents.account_mut(&id("a")).state {
                session.refresh_token = Some(Secret::new(to.into()));
            }
            Change::Write(())
        },
    );
    Ok(updated?.revision)
}

fn token(vault: &Vault) -> String {
    vault
        .read()
        .unwrap()
        .state(&id("a"))
        .session()
        .unwrap()
        .refresh_token
        .as_ref()
        .unwrap()
        .expose()
        .to_owned()
}

fn has(home: &Home, start: &str) -> bool {
    home.names().iter().any(|name| name.starts_with(start))
}

#[test]
fn a_padded_vault_reads_as_any_other_and_does_not_grow_from_refresh_to_refresh() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-00");
    let mut lengths = Vec::new();
    for round in 1..8 {
        let held = lease(&vault);
        prepare(&vault, &held, &token(&vault)).unwrap();
        rotate(&vault, &format!("rt-{round:02}")).unwrap();
        assert_eq!(token(&home.open()), format!("rt-{round:02}"));
        lengths.push(std::fs::metadata(home.file()).unwrap().len());
    }
    lengths.dedup();
    assert_eq!(lengths.len(), 1, "{lengths:?}");
    queue(&vault, "t1").unwrap();
    assert!(std::fs::metadata(home.file()).unwrap().len() < lengths[0] / 4, "without its padding");
}

#[test]
fn a_successor_is_stored_in_its_space_when_the_disk_is_full_by_then() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    assert_eq!(prepare(&vault, &held, "rt-1"), Ok(SentBefore::No));
    home.disk.fill(true);
    assert!(queue(&vault, "t1").is_err(), "the disk is full");
    rotate(&vault, "rt-2").unwrap();
    assert_eq!(token(&home.open()), "rt-2");
}

#[test]
fn a_successor_that_has_outgrown_its_space_is_written_beside_it() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    prepare(&vault, &held, "rt-1").unwrap();
    rotate(&vault, &"x".repeat(100_000)).unwrap();
    assert_eq!(token(&home.open()).len(), 100_000);
}

#[test]
fn without_space_nothing_is_prepared_and_nothing_is_left() {
    for kind in NO_SPACE {
        for before in 0.. {
            let home = Home::new();
            let vault = home.open();
            sign_in(&vault, "rt-1");
            let held = lease(&vault);
            home.disk.fail_after(before, kind);
            let prepared = prepare(&vault, &held, "rt-1");
            if !home.disk.has_failed() {
                assert_eq!(prepared, Ok(SentBefore::No));
                break;
            }
            let Err(VaultError::Unavailable { reason, .. }) = prepared else {
                panic!("{kind} after {before}: {prepared:?}")
            };
            assert_eq!(reason, StorageUnavailableReason::NoSpace);
            assert!(home.names().iter().all(|name| !name.contains(".tmp-")), "{:?}", home.names());
            assert!(prepare(&vault, &held, "rt-1").is_ok(), "there is space again");
            assert_eq!(token(&home.open()), "rt-1");
        }
    }
}

#[test]
fn a_token_that_was_sent_is_known_to_its_heir() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    assert_eq!(prepare(&vault, &held, "rt-1"), Ok(SentBefore::No));
    assert!(home.open().try_lease(&id("a")).unwrap().is_none(), "it is held");
    assert!(home.open().try_lease(&id("b")).unwrap().is_some(), "each account has its own");
    drop(held);
    let heir = home.open();
    let held = lease(&heir);
    assert_eq!(prepare(&heir, &held, "rt-1"), Ok(SentBefore::Yes));
    rotate(&heir, "rt-2").unwrap();
    assert_eq!(prepare(&heir, &held, "rt-2"), Ok(SentBefore::No), "this one was not");
}

#[test]
fn a_suspended_holder_lets_go_of_the_lease_and_says_so_also_on_a_full_disk() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    prepare(&vault, &held, "rt-1").unwrap();
    home.disk.fill(true);
    held.suspend();
    home.disk.fill(false);
    assert!(held.is_suspended() && !held.is_exclusive());
    for _heir in 0..2 {
        let other = home.open();
        let heir = lease(&other);
        assert_eq!(prepare(&other, &heir, "rt-1"), Ok(SentBefore::Suspended), "also the heir's heir");
    }
}

#[test]
fn a_holder_that_is_suspended_before_it_sends_leaves_no_mark() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    lease(&vault).suspend();
    let held = lease(&vault);
    assert_eq!(prepare(&vault, &held, "rt-1"), Ok(SentBefore::No));
}

#[test]
fn a_sent_record_that_cannot_be_read_counts_as_sent() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    prepare(&vault, &held, "rt-1").unwrap();
    let record = home.names().into_iter().find(|name| name.starts_with("sent-")).unwrap();
    let cases: [(&[u8], SentBefore); 3] = [
        (b"", SentBefore::Suspended),
        (&[0; 96], SentBefore::Suspended),
        (br#"{"token_hash":"of another token"}"#, SentBefore::No),
    ];
    for (bytes, expected) in cases {
        put(&home.path().join(&record), bytes);
        assert_eq!(prepare(&vault, &held, "rt-1"), Ok(expected), "{bytes:?}");
    }
}

#[test]
fn what_no_session_needs_any_more_is_tidied_up() {
    let ends: [fn(&mut Account); 3] = [
        |account| account.state = StoredState::SignedOut,
        |account| account.state = StoredState::Ended(crate::ReauthReason::Revoked),
        |account| {
            if let StoredState::SignedIn(session) = &mut account.state {
                session.knows_attempts = Some(true);
            }
        },
    ];
    for end in ends {
        let home = Home::new();
        let vault = home.open();
        sign_in(&vault, "rt-1");
        let held = lease(&vault);
        prepare(&vault, &held, "rt-1").unwrap();
        queue(&vault, "t1").unwrap();
        assert!(has(&home, "slot-") && has(&home, "sent-"), "a refresh is under way");
        let ended = vault.update(WhenLost::Fail, |contents| {
            end(contents.account_mut(&id("a")));
            Change::Write(())
        });
        ended.unwrap();
        assert!(!has(&home, "slot-") && !has(&home, "sent-"), "{:?}", home.names());
    }
}

const NO_SPACE: [std::io::ErrorKind; 4] = [
    std::io::ErrorKind::StorageFull,
    std::io::ErrorKind::QuotaExceeded,
    std::io::ErrorKind::FileTooLarge,
    std::io::ErrorKind::ReadOnlyFilesystem,
];

#[test]
fn two_accounts_of_one_vault_have_a_slot_each() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    prepare(&vault, &held, "rt-1").unwrap();
    // Another account of the same vault refreshes meanwhile.
    let other = home.open();
    let other_lease = other.try_lease(&id("b")).unwrap().unwrap();
    other.prepare_exchange(&other_lease, &Secret::new("rt-b".into())).unwrap();
    let updated = other.update_reserved(
        &id("b"),
        |_| {},
        |contents| {
            let _ = contents.account_mut(&id("b"));
            Change::Write(())
        },
    );
    updated.unwrap();
    home.disk.fill(true);
    rotate(&vault, "rt-2").expect("its space is still secured");
}

#[test]
fn the_slot_that_all_accounts_shared_before_is_tidied_up() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    std::fs::write(home.path().join("vault.moorline.slot"), "space").unwrap();
    queue(&vault, "t1").unwrap();
    assert!(!has(&home, "vault.moorline.slot"));
}

/// Saves an answer to `sent` beside the vault.
fn save(vault: &Vault, sent: &str, answer: &str) -> Result<(), VaultError> {
    let mut plain = WipedBytes::default();
    plain.extend(answer.as_bytes());
    vault.save_answer(&id("a"), &Secret::new(sent.into()), &mut plain)
}

/// The saved answer to `sent`, as a process reads it that has just started.
fn saved(home: &Home, sent: &str) -> Option<String> {
    let vault = home.open();
    vault.read().unwrap();
    let opened = vault.saved_answer(&Secret::new(sent.into())).unwrap()?;
    Some(String::from_utf8(opened.contents.trim_ascii_end().to_vec()).unwrap())
}

#[test]
fn an_answer_is_saved_on_a_full_disk_while_a_frozen_process_holds_the_vaults_lock() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    prepare(&vault, &held, "rt-1").unwrap();
    let _frozen = home.open().folder.lock().unwrap();
    home.disk.fill(true);
    save(&vault, "rt-1", &"y".repeat(60_000)).unwrap();
    assert_eq!(saved(&home, "rt-1").map(|answer| answer.len()), Some(60_000));
    assert_eq!(saved(&home, "rt-0"), None, "it answers no other token");
}

#[test]
fn a_saved_answer_goes_with_its_token() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    save(&vault, "rt-1", "answer").unwrap();
    queue(&vault, "t1").unwrap();
    assert_eq!(saved(&home, "rt-1").as_deref(), Some("answer"), "the session has that token");
    rotate(&vault, "rt-2").unwrap();
    assert!(!has(&home, "answer-"));
}

#[test]
fn a_saved_answer_that_is_damaged_lies_aside_and_a_newer_one_stops_the_refresh() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    save(&vault, "rt-1", "answer").unwrap();
    let file = home.path().join(answers::file_name(&Secret::new("rt-1".into())));
    let whole = std::fs::read(&file).unwrap();
    put(&file, &newer_version_of(&whole));
    assert_eq!(vault.saved_answer(&Secret::new("rt-1".into())).map(drop), Err(VaultError::Newer));
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        put(&file, &bytes);
        assert_eq!(saved(&home, "rt-1"), None, "byte {at}");
        assert!(!file.exists());
    }
    put(&file, &whole);
    assert_eq!(saved(&home, "rt-1").as_deref(), Some("answer"));
}

#[test]
fn after_a_stored_answer_the_same_token_counts_as_not_sent() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    prepare(&vault, &held, "rt-1").unwrap();
    held.clear_sent().unwrap();
    assert_eq!(prepare(&vault, &held, "rt-1"), Ok(SentBefore::No));
    held.suspend();
    held.clear_sent().unwrap();
    let heir = lease(&vault);
    assert_eq!(prepare(&vault, &heir, "rt-1"), Ok(SentBefore::Suspended), "who has let go clears nothing");
}

#[cfg(unix)]
#[test]
fn a_lease_whose_file_was_deleted_is_lost_and_its_heir_knows_that_the_holder_may_be_alive() {
    let home = Home::new();
    let vault = home.open();
    sign_in(&vault, "rt-1");
    let held = lease(&vault);
    assert_eq!(
        prepare(&vault, &held, "rt-1"),
        Ok(SentBefore::No),
        "nobody has sent it, though the file is new"
    );
    assert!(held.is_exclusive() && !held.is_lost());
    let file = home.names().into_iter().find(|name| name.starts_with("lease-")).unwrap();
    std::fs::remove_file(home.path().join(file)).unwrap();
    assert!(held.is_lost() && !held.is_exclusive());
    let other = home.open();
    let heir = lease(&other);
    assert!(held.is_lost() && heir.is_new() && heir.is_exclusive());
    assert_eq!(prepare(&other, &heir, "rt-1"), Ok(SentBefore::Suspended));
    held.clear_sent().unwrap();
    assert_eq!(prepare(&other, &heir, "rt-1"), Ok(SentBefore::Suspended), "who has lost it clears nothing");
    drop(heir);
    let next = lease(&other);
    assert!(!next.is_new());
    assert_eq!(prepare(&other, &next, "rt-1"), Ok(SentBefore::Suspended), "also the heir's heir");
}

#[cfg(unix)]
#[test]
fn a_change_is_not_written_if_the_vaults_lock_file_was_deleted_meanwhile() {
    let home = Home::new();
    let vault = home.with("t1");
    let changed = vault.update(WhenLost::Fail, |contents| {
        std::fs::remove_file(home.path().join("vault.lock")).unwrap();
        queue(&home.open(), "t2").unwrap();
        contents.account_mut(&id("a")).revocations.clear();
        Change::Write(())
    });
    assert!(matches!(changed, Err(VaultError::Unavailable { reason: StorageUnavailableReason::Busy, .. })));
    assert_eq!(queued(&home.open()).unwrap(), ["t1", "t2"]);
}
