//! The life of one memory of used proofs. Nonces are computed from it, and so none outlives the memory.

use aws_lc_rs::hmac;

use crate::id::Id;

/// One life of the memory: as long as it lasts, every used proof is remembered.
pub struct Epoch {
    id: Id,
    key: hmac::Key,
}

impl Epoch {
    /// The epoch of this name, with a key that is derived from `secret`: whoever reads the name alone can't compute a
    /// nonce.
    pub(crate) fn new(id: Id, secret: &hmac::Key) -> Self {
        let tag = hmac::sign(secret, &id);
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref()) }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// A tag by its key, for names that a stranger must not be able to choose.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> Id {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        *context.sign().as_ref().first_chunk().expect("HMAC-SHA256 has 32 bytes")
    }
}

impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Epoch([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_of_its_parts_its_epoch_and_its_secret() {
        let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
        let epoch = Epoch::new([1; 16], &key(1));
        assert_ne!(epoch.tag(&[b"ab", b"c"]), epoch.tag(&[b"a", b"bc"]));
        assert_ne!(epoch.tag(&[b"a"]), Epoch::new([2; 16], &key(1)).tag(&[b"a"]));
        assert_ne!(epoch.tag(&[b"a"]), Epoch::new([1; 16], &key(2)).tag(&[b"a"]));
        assert_eq!(epoch.tag(&[b"a"]), Epoch::new([1; 16], &key(1)).tag(&[b"a"]));
    }
}
