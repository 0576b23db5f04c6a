//! The key in a proof's header: public, of a kind that we know, and strong enough.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::ProofError;
use moorline_server_base::digest::sha256;

/// What `alg` of a proof may be; `dpop_signing_alg_values_supported` in discovery.
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "PS256"];

/// Whether this can be a thumbprint (RFC 7638) by SHA-256.
#[must_use]
pub fn is_thumbprint(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// A JWK (RFC 7517) in a header. Members that do not describe the key are ignored.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    alg: Option<String>,
    // What only a private or a symmetric key has (RFC 7518 §6).
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

/// A public key that can verify.
#[derive(Debug)]
pub(super) enum Key {
    /// ES256: the point, uncompressed.
    P256([u8; 65]),
    /// EdDSA.
    Ed25519([u8; 32]),
    /// PS256.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Key {
    /// The key of `jwk`, if it is one for `alg`.
    pub(super) fn read(alg: &str, jwk: &Jwk) -> Result<Self, ProofError> {
        if !ALGORITHMS.contains(&alg) {
            return Err(ProofError::Algorithm);
        }
        let private = [&jwk.d, &jwk.p, &jwk.q, &jwk.dp, &jwk.dq, &jwk.qi, &jwk.oth, &jwk.k];
        if private.iter().any(|member| member.is_some()) {
            return Err(ProofError::PrivateKey);
        }
        if jwk.alg.as_ref().is_some_and(|own| own != alg) {
            return Err(ProofError::Key);
        }
        match (alg, jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("ES256", "EC", Some("P-256")) => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&octets(&jwk.x)?);
                point[33..].copy_from_slice(&octets(&jwk.y)?);
                Ok(Self::P256(point))
            }
            ("EdDSA", "OKP", Some("Ed25519")) => Ok(Self::Ed25519(octets(&jwk.x)?)),
            ("PS256", "RSA", None) => {
                let (n, e) = (unsigned(&jwk.n)?, unsigned(&jwk.e)?);
                // Bounds what a stranger's key costs; the library refuses fewer than 2048 bits, and weak exponents.
                if !(256..=512).contains(&n.len()) || e.len() > 4 {
                    return Err(ProofError::Key);
                }
                Ok(Self::Rsa { n, e })
            }
            _ => Err(ProofError::Key),
        }
    }

    /// Checks the signature over `signed`.
    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), ProofError> {
        match self {
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            Self::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(signed, signature),
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, signed, signature)
            }
        }
        .map_err(|_| ProofError::Signature)
    }

    /// The SHA-256 thumbprint of RFC 7638. A key has one: its members are read in their one canonical form.
    pub(super) fn thumbprint(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let json = match self {
            Self::P256(point) => {
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Ed25519(point) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(point)),
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
        };
        encode(&sha256(json.as_bytes()))
    }
}

/// Exactly 32 bytes.
fn octets(member: &Option<String>) -> Result<[u8; 32], ProofError> {
    decode(member)?.try_into().map_err(|_| ProofError::Key)
}

/// A positive number without leading zeros (RFC 7518 §6.3.1).
fn unsigned(member: &Option<String>) -> Result<Vec<u8>, ProofError> {
    decode(member).and_then(|bytes| if bytes.first() == Some(&0) { Err(ProofError::Key) } else { Ok(bytes) })
}

fn decode(member: &Option<String>) -> Result<Vec<u8>, ProofError> {
    let bytes = member.as_ref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.filter(|bytes| !bytes.is_empty()).ok_or(ProofError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_the_rfcs_rsa_key_is_the_rfcs() {
        // RFC 7638 §3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let json = format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
        let jwk: Jwk = serde_json::from_str(&json).unwrap();
        assert_eq!(Key::read("PS256", &jwk).unwrap_err(), ProofError::Key, "it says that it is for RS256");
        let json = json.replace(r#""alg":"RS256","#, "");
        let key = Key::read("PS256", &serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_thumbprint_of_the_rfcs_dpop_key_is_the_rfcs() {
        // RFC 9449 §4.2 and §6.1.
        let json = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
        let key = Key::read("ES256", &serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!(key.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert!(is_thumbprint(&key.thumbprint()));
    }

    #[test]
    fn a_thumbprint_is_32_bytes_in_base64url() {
        for wrong in ["", "a thumbprint", &"A".repeat(42), &"A".repeat(44), &format!("{}=", "A".repeat(43))] {
            assert!(!is_thumbprint(wrong), "{wrong}");
        }
    }
}
