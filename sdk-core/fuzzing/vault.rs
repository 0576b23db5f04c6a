//! The sealed files.

use serde_json::Value;

use super::place;
use crate::{
    platform::SecretKey,
    secret::Secret,
    time::from_unix_seconds,
    vault::{
        Contents, SentBefore, attempts,
        format::{FormatError, KeyId, Kind, key_id, open, seal},
        lease,
    },
};

/// A byte, then a file as the disk gives it (`F`) or contents as the seal gives them (anything else).
///
/// What opens was sealed: it seals again to the same, and with any byte changed it doesn't open.
pub fn vault_file(input: &[u8]) {
    match input.split_first() {
        Some((b'F', file)) => opens_only_as_sealed(Kind::Vault, file),
        Some((_, contents)) => {
            let file = seal(Kind::Vault, KeyId::random(), &key(), 7, contents);
            opens_only_as_sealed(Kind::Vault, &file);
            read_contents(contents);
        }
        None => {}
    }
}

/// The same for a pending record.
pub fn pending_record(input: &[u8]) {
    let hash = attempts::hash(&Secret::new("mrt1_token".into()));
    match input.split_first() {
        Some((b'F', file)) => {
            opens_only_as_sealed(Kind::Pending, file);
            let _ = attempts::read_record(file, &key(), &hash);
        }
        Some((_, contents)) => {
            let file = seal(Kind::Pending, KeyId::random(), &key(), 0, contents);
            opens_only_as_sealed(Kind::Pending, &file);
            let Ok(attempt) = attempts::read_record(&file, &key(), &hash) else { return };
            // What the product has no use for it skips without a look, so that this reader may know less.
            if let Ok(record @ Value::Object(_)) = serde_json::from_slice(contents) {
                assert!(record["token_hash"] == hash && record["attempt"] == attempt.expose());
            }
            assert!(attempts::read_record(&file, &key(), "another token's").is_err());
        }
        None => {}
    }
}

/// The record of the token that was last sent, as the disk gives it.
///
/// Only a readable record of another token lets a token count as never sent. What we write is read as it was written.
pub fn sent_record_of(input: &[u8]) {
    let (ours, other) = (
        attempts::hash(&Secret::new("mrt1_token".into())),
        attempts::hash(&Secret::new("mrt1_other".into())),
    );
    let before = lease::sent_before(input, &ours);
    let members = serde_json::from_slice::<Value>(input).ok();
    let named = members.as_ref().and_then(|members| members["token_hash"].as_str());
    match before {
        SentBefore::No => assert!(named.is_none_or(|named| named != ours)),
        SentBefore::Yes => assert_eq!(named.unwrap_or(&ours), ours),
        SentBefore::Suspended => {}
    }
    let suspended = before == SentBefore::Suspended;
    let written = lease::record(&ours, suspended);
    assert_eq!(written.len(), lease::record(&other, !suspended).len());
    let read = if suspended { SentBefore::Suspended } else { SentBefore::Yes };
    assert_eq!(
        (lease::sent_before(&written, &ours), lease::sent_before(&written, &other)),
        (read, SentBefore::No)
    );
    // Cut, as a crash may leave it. Only white space follows the record.
    let end = place(input, written.len());
    let cut = lease::sent_before(&written[..end], &ours);
    assert!(cut == SentBefore::Suspended || cut == read);
}

fn opens_only_as_sealed(kind: Kind, file: &[u8]) {
    let named = key_id(kind, file);
    let opened = match open(kind, file, &key()) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(named.is_ok() || named == Err(error));
            return;
        }
    };
    let id = named.expect("a file that opens names its key");
    let again = seal(kind, id, &key(), opened.revision, &opened.contents);
    let again = open(kind, &again, &key()).expect("what was sealed opens");
    assert_eq!((again.revision, &again.contents), (opened.revision, &opened.contents));
    let mut changed = file.to_vec();
    changed[place(file, file.len())] ^= 1 << place(&file[1..], 8);
    assert_eq!(open(kind, &changed, &key()).err(), Some(FormatError::Damaged));
    let other = if kind == Kind::Vault { Kind::Pending } else { Kind::Vault };
    assert_eq!(open(other, file, &key()).err(), Some(FormatError::Damaged));
}

/// What can be read can be used, and is the same when it has been written again.
fn read_contents(bytes: &[u8]) {
    let Ok(contents) = serde_json::from_slice::<Contents>(bytes) else { return };
    let written = serde_json::to_vec(&contents).expect("the contents are JSON");
    let again: Contents = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&again).ok().as_deref(), Some(written.as_slice()));
    assert_eq!(again.refresh_tokens().count(), contents.refresh_tokens().count());
    for account in &contents.accounts {
        if let Some(session) = account.state.session() {
            let _ = from_unix_seconds(session.signed_in_at);
        }
    }
}

const fn key() -> SecretKey {
    SecretKey::from_bytes([3; 32])
}
