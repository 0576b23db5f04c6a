//! ECDSA on P-256 with SHA-256: the one algorithm that the SDK itself signs by.

use zeroize::Zeroizing;

use super::provider::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};

/// A private key, ready to sign.
pub(crate) struct Es256Key(EcdsaKeyPair);

impl Es256Key {
    /// A new key, in PKCS #8 (RFC 5208) for the vault: both providers read what either has written.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub(crate) fn generate() -> Zeroizing<Vec<u8>> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .expect("the operating system's random generator works");
        Zeroizing::new(made.as_ref().to_vec())
    }

    /// The key in this PKCS #8 text, where it is one.
    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        #[cfg(feature = "aws-lc-rs")]
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8);
        #[cfg(not(feature = "aws-lc-rs"))]
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new());
        pair.ok().map(Self)
    }

    /// The public key, an uncompressed point: `04 ‖ x ‖ y`.
    pub(crate) fn point(&self) -> [u8; 65] {
        self.0.public_key().as_ref().try_into().expect("a point on P-256 is 65 bytes")
    }

    /// The signature of `message`: `r ‖ s` (RFC 7518 §3.4).
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(&SystemRandom::new(), message);
        let signature = signature.expect("the operating system's random generator works");
        signature.as_ref().try_into().expect("a signature on P-256 is 64 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Algorithm, PublicKey, verify_signature};

    #[test]
    fn what_a_key_signs_is_verified_by_its_point_and_by_no_other() {
        let [key, other] = [(); 2].map(|()| Es256Key::from_pkcs8(&Es256Key::generate()).unwrap());
        let signature = key.sign(b"message");
        let verifies =
            |point, message| verify_signature(Algorithm::Es256, &PublicKey::P256(point), message, &signature);
        assert!(verifies(key.point(), b"message"));
        assert!(!verifies(key.point(), b"massage"));
        assert!(!verifies(other.point(), b"message"));
    }

    #[test]
    fn the_key_is_the_same_after_it_was_kept() {
        let kept = Es256Key::generate();
        let points = [(); 2].map(|()| Es256Key::from_pkcs8(&kept).unwrap().point());
        assert_eq!(points[0], points[1]);
    }

    #[test]
    fn what_is_no_key_is_an_error_and_no_panic() {
        let key = Es256Key::generate();
        for length in 0..key.len() {
            assert!(Es256Key::from_pkcs8(&key[..length]).is_none(), "{length}");
        }
        assert!(Es256Key::from_pkcs8(&[0xff; 138]).is_none());
    }
}
