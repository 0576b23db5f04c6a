//! The cryptography that the SDK itself calls, the same from either provider.
//!
//! aws-lc-rs and ring share ring's interface, so one `use` decides. With both features on (a workspace build unites
//! features) aws-lc-rs is taken. Nothing here reads an ambient default: TLS gets its provider from
//! [`tls_provider`], by value.

mod es256;
mod foreign_signature;
mod signatures;

use std::sync::Arc;

use subtle::ConstantTimeEq;

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as provider;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use ring as provider;

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("moorline needs a cryptography provider: enable the feature `aws-lc-rs` or `ring`");

use provider::rand::SecureRandom as _;
use provider::{digest, rand};

pub(crate) use self::es256::Es256Key;
pub(crate) use self::foreign_signature::{P256Point, p256_point, verified_es256};
pub use self::signatures::SIGNATURE_ALGORITHMS;
pub(crate) use self::signatures::{Algorithm, Hash, PublicKey, verify_signature};

/// SHA-256 of `data`.
pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, data).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

/// SHA-384 of `data`.
pub(crate) fn sha384(data: &[u8]) -> [u8; 48] {
    digest::digest(&digest::SHA384, data).as_ref().try_into().expect("SHA-384 gives 48 bytes")
}

/// SHA-512 of `data`.
pub(crate) fn sha512(data: &[u8]) -> [u8; 64] {
    digest::digest(&digest::SHA512, data).as_ref().try_into().expect("SHA-512 gives 64 bytes")
}

/// Fills `buffer` from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness to give: there is nothing safe to do then.
pub(crate) fn fill_random(buffer: &mut [u8]) {
    rand::SystemRandom::new().fill(buffer).expect("the operating system's random generator works");
}

/// `N` random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill_random(&mut bytes);
    bytes
}

/// Whether `a` and `b` are equal, in a time that depends on their lengths alone.
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The rustls provider of the chosen feature. aws-lc-rs offers X25519MLKEM768 first.
pub(crate) fn tls_provider() -> Arc<rustls::crypto::CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_match_fips_180_4() {
        assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(hex(&sha384(b"abc")).starts_with("cb00753f45a35e8bb5a03d699ac65007"));
        assert!(hex(&sha512(b"abc")).starts_with("ddaf35a193617abacc417349ae204131"));
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random::<32>(), random::<32>());
    }

    #[test]
    fn constant_time_equality_is_equality() {
        assert!(constant_time_eq(b"same", b"same"));
        assert!(!constant_time_eq(b"same", b"sane"));
        assert!(!constant_time_eq(b"same", b"sam"));
    }

    #[test]
    fn ed25519_verifies_rfc_8032_test_1_and_refuses_a_changed_message() {
        let key =
            PublicKey::Ed25519(bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
        let signature: [u8; 64] = bytes(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        );
        assert!(verify_signature(Algorithm::EdDsa, &key, b"", &signature));
        assert!(!verify_signature(Algorithm::EdDsa, &key, b"x", &signature));
        assert!(!verify_signature(Algorithm::Es256, &key, b"", &signature));
    }

    #[cfg(feature = "aws-lc-rs")]
    #[test]
    fn the_first_key_exchange_offered_is_hybrid_post_quantum() {
        assert_eq!(tls_provider().kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
    }

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        bytes.try_into().unwrap()
    }
}
