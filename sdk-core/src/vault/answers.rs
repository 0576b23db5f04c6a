//! Answers to refreshes that could not be put into the vault: another process holds its lock, or the disk is full.
//!
//! The holder of the lease seals the answer into a file of its own. That takes the space that was secured for the
//! successor, and no lock. Whoever holds the lease next settles the answer as if it had just come.

use super::{
    attempts::hash,
    contents::Contents,
    error::VaultError,
    folder::Folder,
    format::{self, FormatError, KeyId, Kind},
};
use crate::{platform::SecretKey, secret::Secret, wiped::WipedBytes};

/// Saves the answer to `sent` durably, in the place of `slot` if that is large enough. One that is there is kept.
pub(super) fn save(
    folder: &Folder,
    slot: &str,
    sent: &Secret,
    (id, key): (KeyId, &SecretKey),
    answer: &mut WipedBytes,
) -> Result<(), VaultError> {
    let name = file_name(sent);
    if folder.read(&name)?.is_some() {
        return Ok(());
    }
    match folder.reserved(slot) {
        Some(length) if answer.len() + format::OVERHEAD <= length => {
            // JSON ignores white space behind it.
            answer.extend(&vec![b' '; length - format::OVERHEAD - answer.len()]);
            folder.replace_from(slot, &name, &format::seal(Kind::Answer, id, key, 0, answer))?;
        }
        _ => folder.replace(&name, &format::seal(Kind::Answer, id, key, 0, answer))?,
    }
    Ok(())
}

/// The answer to `sent` that was saved. One that is damaged is moved aside.
pub(super) fn saved(
    folder: &Folder,
    sent: &Secret,
    key: &SecretKey,
) -> Result<Option<format::Opened>, VaultError> {
    let name = file_name(sent);
    let Some(bytes) = folder.read(&name)? else { return Ok(None) };
    match format::open(Kind::Answer, &bytes, key) {
        Ok(opened) => Ok(Some(opened)),
        Err(FormatError::Newer) => Err(VaultError::Newer),
        Err(FormatError::Damaged) => {
            folder.move_aside(&name)?;
            Ok(None)
        }
    }
}

/// Which answers are to tokens that no session holds any more.
pub(super) fn is_obsolete(name: &str, contents: &Contents) -> bool {
    name.starts_with(START)
        && name.ends_with(END)
        && !contents.refresh_tokens().any(|token| file_name(token) == name)
}

pub(super) fn file_name(sent: &Secret) -> String {
    format!("{START}{}{END}", &hash(sent)[..22])
}

const START: &str = "answer-";
const END: &str = ".moorline";
