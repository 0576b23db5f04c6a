//! Sealing of columns: XChaCha20-Poly1305, bound to the place where the value stands.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use moorline_server_base::random::Random;

/// The first byte of everything sealed: how the rest is to be read.
const VERSION: u8 = 1;
const NONCE: usize = 24;

/// Where a sealed value stands; what is moved to another place does not open there.
#[derive(Clone, Copy, Debug)]
pub struct AeadContext<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row, by its key.
    pub row: &'a str,
}

impl AeadContext<'_> {
    /// Names in SQL have no NUL, so no two places give the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        [self.table.as_bytes(), self.column.as_bytes(), self.row.as_bytes()].join(&0)
    }
}

/// A sealed value does not open: changed, moved, or sealed by another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct SealError;

/// Seals by the first of its keys, and opens by any.
pub(super) struct Sealer(Vec<XChaCha20Poly1305>);

impl Sealer {
    pub(super) fn new(keys: impl Iterator<Item = Zeroizing<[u8; 32]>>) -> Self {
        Self(keys.map(|key| XChaCha20Poly1305::new((&*key).into())).collect())
    }

    /// Version, nonce, ciphertext with its tag.
    pub(super) fn seal(&self, context: AeadContext<'_>, plain: &[u8], random: &Random) -> Vec<u8> {
        let nonce: [u8; NONCE] = random.bytes();
        let payload = Payload { msg: plain, aad: &context.associated_data() };
        let sealed = self.0[0]
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a column is far below the cipher's limit");
        [&[VERSION][..], &nonce, &sealed].concat()
    }

    pub(super) fn open(
        &self,
        context: AeadContext<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.opened(context, sealed).map(|(_, plain)| plain).ok_or(SealError)
    }

    /// The number of the key that opens this.
    pub(super) fn opened_by(&self, context: AeadContext<'_>, sealed: &[u8]) -> Option<usize> {
        self.opened(context, sealed).map(|(number, _)| number)
    }

    fn opened(&self, context: AeadContext<'_>, sealed: &[u8]) -> Option<(usize, Zeroizing<Vec<u8>>)> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
        if *version != VERSION {
            return None;
        }
        let (nonce, aad) = (XNonce::from(*nonce), context.associated_data());
        self.0.iter().enumerate().find_map(|(number, cipher)| {
            let plain = cipher.decrypt(&nonce, Payload { msg: ciphertext, aad: &aad }).ok()?;
            Some((number, Zeroizing::new(plain)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new([byte].map(|byte| Zeroizing::new([byte; 32])).into_iter())
    }

    const HERE: AeadContext<'_> = AeadContext { table: "sessions", column: "secret", row: "one" };

    #[test]
    fn what_is_sealed_opens_in_its_own_place() {
        let sealed = sealer(1).seal(HERE, b"secret", &Random::system());
        assert_eq!(sealer(1).open(HERE, &sealed).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn what_is_moved_to_another_table_column_or_row_does_not_open() {
        let sealed = sealer(1).seal(HERE, b"secret", &Random::system());
        for place in [
            AeadContext { row: "two", ..HERE },
            AeadContext { column: "attempt", ..HERE },
            AeadContext { table: "users", ..HERE },
        ] {
            assert_eq!(sealer(1).open(place, &sealed), Err(SealError));
        }
    }

    #[test]
    fn the_first_key_seals_and_any_opens() {
        let both = Sealer::new([2, 1].map(|byte| Zeroizing::new([byte; 32])).into_iter());
        let old = sealer(1).seal(HERE, b"secret", &Random::system());
        assert_eq!(both.opened_by(HERE, &old), Some(1));
        assert_eq!(both.open(HERE, &old).unwrap().as_slice(), b"secret");
        let new = both.seal(HERE, b"secret", &Random::system());
        assert_eq!(sealer(2).opened_by(HERE, &new), Some(0));
        assert_eq!(sealer(1).opened_by(HERE, &new), None);
    }

    #[test]
    fn a_changed_byte_a_cut_or_another_key_does_not_open() {
        let sealed = sealer(1).seal(HERE, b"secret", &Random::system());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(sealer(1).open(HERE, &changed), Err(SealError));
            assert_eq!(sealer(1).open(HERE, &sealed[..index]), Err(SealError));
        }
        assert_eq!(sealer(2).open(HERE, &sealed), Err(SealError));
    }
}
