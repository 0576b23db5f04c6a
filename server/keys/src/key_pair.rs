//! A key pair of either algorithm: made, stored, its public half as a JWK, and signatures by it.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::KeysError;
use super::algorithm::Algorithm;
use moorline_server_base::digest::sha256;

/// The longest signature: RSA with 4096 bits.
pub(super) const LONGEST_SIGNATURE: usize = 512;

pub(super) enum KeyPair {
    Rs256(RsaKeyPair),
    Es256(EcdsaKeyPair),
}

impl KeyPair {
    /// Makes a key pair. For RSA this takes a tenth of a second or more.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, KeysError> {
        let pair = match algorithm {
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rs256),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Es256),
        };
        pair.map_err(|_| KeysError::Unusable)
    }

    /// Reads a PKCS #8 document.
    pub(super) fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeysError> {
        let pair = match algorithm {
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(der).map(Self::Rs256),
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self::Es256)
            }
        };
        pair.map_err(|_| KeysError::Unusable)
    }

    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let der: Vec<u8> = match self {
            Self::Rs256(pair) => pair.as_der().map(|der| der.as_ref().to_vec()),
            Self::Es256(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
        }
        .map_err(|_| KeysError::Unusable)?;
        Ok(Zeroizing::new(der))
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Es256(_) => Algorithm::Es256,
        }
    }

    /// The public key, for checking signatures by this algorithm and no other.
    pub(super) fn public(&self) -> Result<ParsedPublicKey, KeysError> {
        let public = match self {
            Self::Rs256(pair) => {
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
            }
            Self::Es256(pair) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
        };
        public.map_err(|_| KeysError::Unusable)
    }

    /// Writes a signature of `message` to the start of `space`, and returns it.
    pub(super) fn sign<'a>(
        &self,
        message: &[u8],
        space: &'a mut [u8; LONGEST_SIGNATURE],
    ) -> Option<&'a [u8]> {
        let random = SystemRandom::new();
        match self {
            Self::Rs256(pair) => {
                let signature = space.get_mut(..pair.public_modulus_len())?;
                pair.sign(&RSA_PKCS1_SHA256, &random, message, signature).ok()?;
                Some(signature)
            }
            // `r ‖ s`, each of 32 bytes (RFC 7518 §3.4).
            Self::Es256(pair) => {
                let made = pair.sign(&random, message).ok()?;
                let signature = space.get_mut(..made.as_ref().len())?;
                signature.copy_from_slice(made.as_ref());
                Some(signature)
            }
        }
    }

    /// The public key, as a JWK and its thumbprint are made of it.
    pub(super) fn public_members(&self) -> Result<PublicMembers<'_>, KeysError> {
        let members = match self {
            Self::Rs256(pair) => rsa_members(pair.public_key().as_ref()),
            Self::Es256(pair) => ec_members(pair.public_key().as_ref()),
        };
        members.ok_or(KeysError::Unusable)
    }
}

/// The members of a JWK that are the public key (RFC 7518 §6).
pub(super) enum PublicMembers<'a> {
    /// Modulus and exponent, without leading zeros.
    Rsa { n: &'a [u8], e: &'a [u8] },
    /// The coordinates of a point on P-256.
    Ec { x: &'a [u8], y: &'a [u8] },
}

impl PublicMembers<'_> {
    /// The SHA-256 thumbprint of RFC 7638: the same key has the same name everywhere.
    pub(super) fn thumbprint(&self) -> String {
        let json = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
            Self::Ec { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
        };
        encode(&sha256(json.as_bytes()))
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa { n, e } => json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": encode(n), "e": encode(e),
            }),
            Self::Ec { x, y } => json!({
                "kty": "EC", "use": "sig", "alg": "ES256", "kid": kid, "crv": "P-256",
                "x": encode(x), "y": encode(y),
            }),
        }
    }
}

/// Reads a DER `RSAPublicKey` (RFC 8017 §A.1.1), which is what the library gives for its own keys.
fn rsa_members(der: &[u8]) -> Option<PublicMembers<'_>> {
    let (sequence, rest) = der_value(der, 0x30)?;
    let (n, exponent) = der_value(sequence, 0x02)?;
    let (e, end) = der_value(exponent, 0x02)?;
    let unsigned = |integer| <[u8]>::strip_prefix(integer, &[0]).unwrap_or(integer);
    (rest.is_empty() && end.is_empty()).then(|| PublicMembers::Rsa { n: unsigned(n), e: unsigned(e) })
}

/// Reads an uncompressed point (SEC 1 §2.3.3), likewise.
fn ec_members(point: &[u8]) -> Option<PublicMembers<'_>> {
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
    (y.len() == 32).then_some(PublicMembers::Ec { x, y })
}

/// The contents of the DER value of this tag that `input` begins with, and what comes after it.
fn der_value(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
