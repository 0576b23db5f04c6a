//! The journal of refreshes: which attempt key goes with which refresh token.
//!
//! A record is created exclusively and is durable before the token is first sent, so that every thread, process and
//! restart that sends this token again sends the same key with it. The key is random: one that was derived from vault
//! and token would let a thief with a copy of the vault follow unseen.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    contents::Contents,
    error::VaultError,
    folder::Folder,
    format::{self, FormatError, KeyId, Kind},
};
use crate::{crypto, platform::SecretKey, secret::Secret, wiped::WipedBytes};

#[derive(Serialize, Deserialize)]
struct Record {
    /// SHA-256 of the refresh token: a record under another token's name does not count.
    token_hash: String,
    attempt: Secret,
}

/// The attempt key of this token: the journalled one, or else a new one. Durable when this returns.
pub(super) fn journal(
    folder: &Folder,
    token: &Secret,
    id: KeyId,
    key: &SecretKey,
) -> Result<Secret, VaultError> {
    let name = file_name(token);
    let token_hash = hash(token);
    let record = Record { token_hash: token_hash.clone(), attempt: Secret::random() };
    let mut plain = WipedBytes::default();
    serde_json::to_writer(&mut plain, &record).expect("two strings are JSON");
    let sealed = format::seal(Kind::Pending, id, key, 0, &plain);
    // At most one file is in the way, unless another program keeps creating them.
    for _ in 0..TRIES {
        if folder.create(&name, &sealed)? {
            return Ok(record.attempt);
        }
        let Some(bytes) = folder.read(&name)? else { continue };
        match read_record(&bytes, key, &token_hash) {
            Ok(attempt) => return Ok(attempt),
            // A new attempt in its place would be taken for a theft.
            Err(FormatError::Newer) => return Err(VaultError::Newer),
            // A crash before the first sync had finished: then nothing was sent. (Otherwise the disk lost it, and the
            // provider decides.)
            Err(FormatError::Damaged) => folder.move_aside(&name)?,
        }
    }
    Err(VaultError::failed("the pending record cannot be created"))
}

/// Whether an attempt of this token is journalled.
pub(super) fn is_journalled(folder: &Folder, token: &Secret) -> Result<bool, VaultError> {
    Ok(folder.read(&file_name(token))?.is_some())
}

/// Which records are of tokens that no session holds any more.
pub(super) fn is_obsolete(name: &str, contents: &Contents) -> bool {
    name.starts_with(START)
        && name.ends_with(END)
        && !contents.refresh_tokens().any(|token| file_name(token) == name)
}

pub(crate) fn read_record(bytes: &[u8], key: &SecretKey, token_hash: &str) -> Result<Secret, FormatError> {
    let opened = format::open(Kind::Pending, bytes, key)?;
    let record: Record = serde_json::from_slice(&opened.contents).map_err(|_| FormatError::Damaged)?;
    if record.token_hash == token_hash { Ok(record.attempt) } else { Err(FormatError::Damaged) }
}

pub(super) fn file_name(token: &Secret) -> String {
    format!("{START}{}{END}", &hash(token)[..22])
}

/// SHA-256 of a token in base64url: names it where the token itself must not be.
pub(crate) fn hash(token: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(crypto::sha256(token.expose().as_bytes()))
}

const START: &str = "pending-";
const END: &str = ".moorline";
const TRIES: u32 = 8;
