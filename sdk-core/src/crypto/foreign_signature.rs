//! Signatures of ECDSA on P-256 that something else has made: either form, and only those that verify.

use super::signatures::{Algorithm, PublicKey, verify_signature};

/// A public key on P-256, an uncompressed point: `04 ‖ x ‖ y`.
pub(crate) type P256Point = [u8; 65];

/// The point that these bytes have the form of. Whether it is on the curve shows when a signature is verified.
pub(crate) fn p256_point(bytes: &[u8]) -> Option<P256Point> {
    bytes.try_into().ok().filter(|point: &P256Point| point[0] == UNCOMPRESSED)
}

/// The signature as `r ‖ s` (RFC 7518 §3.4), if it is one of `message` by this key. It may come as `r ‖ s` or in
/// DER (RFC 3279 §2.2.3). 64 bytes may be either: the form that verifies is the right one.
pub(crate) fn verified_es256(point: &P256Point, message: &[u8], signature: &[u8]) -> Option<[u8; 64]> {
    let key = PublicKey::P256(*point);
    [signature.try_into().ok(), fixed_from_der(signature)]
        .into_iter()
        .flatten()
        .find(|signature| verify_signature(Algorithm::Es256, &key, message, signature))
}

/// `SEQUENCE { r INTEGER, s INTEGER }`, by DER's rules: the shortest lengths and numbers, and nothing behind them. All
/// lengths fit into one byte.
fn fixed_from_der(der: &[u8]) -> Option<[u8; 64]> {
    let (body, rest) = element(SEQUENCE, der)?;
    let (r, body) = element(INTEGER, body)?;
    let (s, end) = element(INTEGER, body)?;
    if !rest.is_empty() || !end.is_empty() {
        return None;
    }
    let mut fixed = [0; 64];
    let (left, right) = fixed.split_at_mut(32);
    put(left, r)?;
    put(right, s)?;
    Some(fixed)
}

/// The contents of the element of this type at the start, and what is behind it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = der else { return None };
    let length = usize::from(*length);
    // From 0x80 on, it is the length of a length.
    if *first != tag || length >= 0x80 {
        return None;
    }
    rest.split_at_checked(length)
}

/// Writes a positive number to the end of its place.
fn put(place: &mut [u8], number: &[u8]) -> Option<()> {
    let digits = match number {
        // Only a number that would be negative without it begins with zero.
        [0, digits @ ..] if digits.first().is_some_and(|first| *first >= 0x80) => digits,
        [1..=0x7f, ..] => number,
        _ => return None,
    };
    let start = place.len().checked_sub(digits.len())?;
    place[start..].copy_from_slice(digits);
    Some(())
}

const UNCOMPRESSED: u8 = 4;
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crypto::Es256Key, testing::hardware::der_from_fixed};

    fn key() -> Es256Key {
        Es256Key::from_pkcs8(&Es256Key::generate()).unwrap()
    }

    #[test]
    fn both_forms_of_a_signature_become_the_same_whatever_the_lengths_of_its_numbers() {
        let key = key();
        let mut lengths = std::collections::BTreeSet::new();
        // One number in 256 is shorter by a byte, and every second has a zero before it.
        for message in 0..2_000_u32 {
            let message = message.to_be_bytes();
            let fixed = key.sign(&message);
            let der = der_from_fixed(&fixed);
            lengths.insert(der.len());
            assert_eq!(verified_es256(&key.point(), &message, &der), Some(fixed));
            assert_eq!(verified_es256(&key.point(), &message, &fixed), Some(fixed));
        }
        assert!(lengths.len() >= 3, "{lengths:?}");
    }

    #[test]
    fn short_numbers_are_padded_and_longer_or_negative_ones_are_none() {
        let der = |r: &[u8], s: &[u8]| {
            let mut der = vec![SEQUENCE, (4 + r.len() + s.len()) as u8, INTEGER, r.len() as u8];
            der.extend_from_slice(r);
            der.extend_from_slice(&[INTEGER, s.len() as u8]);
            der.extend_from_slice(s);
            der
        };
        let fixed = fixed_from_der(&der(&[0, 0x80], &[1; 31])).unwrap();
        assert_eq!((&fixed[..31], fixed[31], fixed[32]), (&[0; 31][..], 0x80, 0));
        assert_eq!(fixed[33..], [1; 31]);
        assert!(fixed_from_der(&der(&[0x7f; 32], &[&[0][..], &[0xff; 32]].concat())).is_some());
        for (r, s) in [
            (&[1; 33][..], &[1][..]),
            (&[0x80], &[1]),
            (&[0, 1], &[1]),
            (&[0], &[1]),
            (&[], &[1]),
            (&[1], &[0, 0, 0x80]),
            (&[1], &[&[0][..], &[0x80; 33]].concat()),
        ] {
            assert_eq!(fixed_from_der(&der(r, s)), None, "{r:?} {s:?}");
        }
    }

    #[test]
    fn a_signature_that_is_cut_extended_or_changed_is_none() {
        let key = key();
        let fixed = key.sign(b"message");
        for good in [fixed.to_vec(), der_from_fixed(&fixed)] {
            let verified = |signature: &[u8]| verified_es256(&key.point(), b"message", signature);
            for length in 0..good.len() {
                assert_eq!(verified(&good[..length]), None, "{length} of {}", good.len());
            }
            assert_eq!(verified(&[&good[..], &[0]].concat()), None);
            for at in 0..good.len() {
                let mut changed = good.clone();
                changed[at] ^= 1;
                assert_eq!(verified(&changed), None, "byte {at}");
            }
        }
        assert_eq!(verified_es256(&key.point(), b"massage", &fixed), None);
        assert_eq!(verified_es256(&self::key().point(), b"message", &fixed), None);
    }

    #[test]
    fn a_point_has_65_bytes_and_is_not_compressed() {
        let point = key().point();
        assert_eq!(p256_point(&point), Some(point));
        assert_eq!(p256_point(&point[..33]), None);
        assert_eq!(p256_point(&[&point[..], &[0]].concat()), None);
        let mut compressed = point;
        compressed[0] = 2;
        assert_eq!(p256_point(&compressed), None);
        // Not on the curve: nothing verifies.
        let mut off = point;
        off[64] ^= 1;
        assert_eq!(verified_es256(&off, b"m", &[1; 64]), None);
    }
}
