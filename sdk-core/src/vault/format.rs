//! The sealed file, byte by byte.
//!
//! ```text
//! offset  bytes
//!      0      8  "MOORLINE"
//!      8      1  what it is: 'V' the vault, 'P' a pending record, 'A' an answer
//!      9      2  format version, big-endian
//!     11     16  key id
//!     27      8  check: the start of SHA-256 of all before it
//!     ----------  up to here the same in every version
//!     35      8  revision, big-endian
//!     43     24  nonce
//!     67      …  XChaCha20-Poly1305 of the contents; all before it is authenticated with them
//! ```
//!
//! The check tells a file of a newer version from a damaged one before any key is at hand. It protects nothing: the
//! seal does.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{AeadInOut as _, KeyInit as _},
};
use zeroize::Zeroizing;

use crate::{crypto, platform::SecretKey};

/// What a sealed file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Vault = b'V' as isize,
    Pending = b'P' as isize,
    Answer = b'A' as isize,
}

impl Kind {
    /// The version that is written. All before it are read.
    ///
    /// 4: a proof key may be a reference to one in the platform's signer, which an SDK that only knows version 3 would
    /// take for damage. 3: a session that ended by inference keeps its tokens. 2: sessions, pending sign-ins and
    /// revocations may have a proof key, which an SDK that only knows version 1 would lose when it writes.
    const fn version(self) -> u16 {
        match self {
            Self::Vault => VERSION,
            Self::Pending | Self::Answer => 1,
        }
    }
}

/// Names the key of a file in the key store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyId([u8; 16]);

impl KeyId {
    pub(crate) fn random() -> Self {
        Self(crypto::random())
    }

    /// The name in the key store.
    pub(crate) fn name(&self) -> String {
        format!("moorline-vault-{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Why a sealed file can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormatError {
    Damaged,
    Newer,
}

/// What an opened file held.
pub(crate) struct Opened {
    pub(crate) revision: u64,
    pub(crate) contents: Zeroizing<Vec<u8>>,
}

/// The key that `file` is sealed with.
pub(crate) fn key_id(kind: Kind, file: &[u8]) -> Result<KeyId, FormatError> {
    let prefix = file.get(..PREFIX).ok_or(FormatError::Damaged)?;
    let (stated, check) = prefix.split_at(CHECK);
    if stated[..8] != MAGIC || stated[8] != kind as u8 || check != &crypto::sha256(stated)[..8] {
        return Err(FormatError::Damaged);
    }
    match u16::from_be_bytes([stated[9], stated[10]]) {
        0 => Err(FormatError::Damaged),
        newer if newer > kind.version() => Err(FormatError::Newer),
        _ => Ok(KeyId(stated[11..27].try_into().expect("27 - 11 is 16"))),
    }
}

/// The contents of `file`, whose key is at hand.
pub(crate) fn open(kind: Kind, file: &[u8], key: &SecretKey) -> Result<Opened, FormatError> {
    key_id(kind, file)?;
    let header = file.get(..HEADER).ok_or(FormatError::Damaged)?;
    let revision = u64::from_be_bytes(header[PREFIX..PREFIX + 8].try_into().expect("it is 8 bytes"));
    let nonce: [u8; 24] = header[PREFIX + 8..].try_into().expect("it is 24 bytes");
    let mut contents = Zeroizing::new(file[HEADER..].to_vec());
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt_in_place(&nonce.into(), header, &mut *contents)
        .map_err(|_| FormatError::Damaged)?;
    Ok(Opened { revision, contents })
}

/// The file that holds `contents`. The nonce is random: 192 bits never meet twice.
pub(crate) fn seal(kind: Kind, id: KeyId, key: &SecretKey, revision: u64, contents: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(&MAGIC);
    header.push(kind as u8);
    header.extend_from_slice(&kind.version().to_be_bytes());
    header.extend_from_slice(&id.0);
    let check = crypto::sha256(&header);
    header.extend_from_slice(&check[..8]);
    header.extend_from_slice(&revision.to_be_bytes());
    let nonce = crypto::random::<24>();
    header.extend_from_slice(&nonce);
    // Room for the tag too, or growing would leave a copy of the plain text behind.
    let mut sealed = Vec::with_capacity(contents.len() + TAG);
    sealed.extend_from_slice(contents);
    XChaCha20Poly1305::new(key.expose().into())
        .encrypt_in_place(&nonce.into(), &header, &mut sealed)
        .expect("the contents are far below XChaCha20's limit of 256 GiB");
    header.extend_from_slice(&sealed);
    header
}

/// The version of the vault that is written.
pub(crate) const VERSION: u16 = 4;
const MAGIC: [u8; 8] = *b"MOORLINE";
const CHECK: usize = 27;
const PREFIX: usize = 35;
const HEADER: usize = 67;
const TAG: usize = 16;
/// By how much a sealed file is longer than its contents.
pub(crate) const OVERHEAD: usize = HEADER + TAG;

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (Vec<u8>, SecretKey) {
        let key = SecretKey::from_bytes([3; 32]);
        (seal(Kind::Vault, KeyId([9; 16]), &key, 7, b"the contents"), key)
    }

    #[test]
    fn what_was_sealed_opens_with_its_revision() {
        let (file, key) = sealed();
        assert_eq!(key_id(Kind::Vault, &file), Ok(KeyId([9; 16])));
        let opened = open(Kind::Vault, &file, &key).unwrap();
        assert_eq!((opened.revision, opened.contents.as_slice()), (7, b"the contents".as_slice()));
    }

    #[test]
    fn a_file_cut_at_any_length_is_damaged() {
        let (file, key) = sealed();
        for length in 0..file.len() {
            assert_eq!(
                open(Kind::Vault, &file[..length], &key).err(),
                Some(FormatError::Damaged),
                "at {length}"
            );
        }
    }

    #[test]
    fn a_file_with_any_bit_flipped_is_damaged() {
        let (file, key) = sealed();
        for at in 0..file.len() * 8 {
            let mut file = file.clone();
            file[at / 8] ^= 1 << (at % 8);
            assert_eq!(open(Kind::Vault, &file, &key).err(), Some(FormatError::Damaged), "bit {at}");
        }
    }

    #[test]
    fn a_file_with_something_behind_it_is_damaged() {
        let (mut file, key) = sealed();
        file.push(0);
        assert_eq!(open(Kind::Vault, &file, &key).err(), Some(FormatError::Damaged));
    }

    #[test]
    fn another_key_opens_nothing() {
        let (file, _) = sealed();
        let other = SecretKey::from_bytes([4; 32]);
        assert_eq!(open(Kind::Vault, &file, &other).err(), Some(FormatError::Damaged));
    }

    #[test]
    fn a_pending_record_is_no_vault() {
        let (file, key) = sealed();
        assert_eq!(open(Kind::Pending, &file, &key).err(), Some(FormatError::Damaged));
    }

    #[test]
    fn a_newer_version_is_distinguished_from_damage() {
        let newer = crate::testing::newer_version_of(&sealed().0);
        assert_eq!(key_id(Kind::Vault, &newer), Err(FormatError::Newer));
    }

    #[test]
    fn two_seals_of_the_same_contents_differ() {
        assert_ne!(sealed().0, sealed().0);
    }
}
