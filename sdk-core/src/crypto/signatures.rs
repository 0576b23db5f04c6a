//! Signatures of ID tokens and of signed userinfo (RFC 7518 §3.1, RFC 8037).

use super::provider::signature;

/// The signature algorithms that are accepted. `none` and the HMAC family are left out by construction: there is no
/// value for them. ES512 and ES256K are left out because ring has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5.
    Rs256,
    Rs384,
    Rs512,
    /// RSASSA-PSS.
    Ps256,
    Ps384,
    Ps512,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// The hash that an algorithm signs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The algorithm of this name (RFC 7518 §3.1), or `None` if it is not accepted.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = if name == ED25519 { Self::EdDsa.name() } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(crate) const fn hash(self) -> Hash {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Hash::Sha256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => Hash::Sha384,
            Self::Rs512 | Self::Ps512 | Self::EdDsa => Hash::Sha512,
        }
    }
}

/// The algorithms by which the SDK verifies the signatures of ID tokens and userinfo, as `alg` names them (RFC 7518
/// §3.1, RFC 8037 §3.1, RFC 9864 §2.2). A provider has to offer one of them.
pub const SIGNATURE_ALGORITHMS: [&str; Algorithm::ALL.len() + 1] = {
    let mut names = [ED25519; Algorithm::ALL.len() + 1];
    let mut at = 0;
    while at < Algorithm::ALL.len() {
        names[at] = Algorithm::ALL[at].name();
        at += 1;
    }
    names
};

/// EdDSA by the name that RFC 9864 gives it.
const ED25519: &str = "Ed25519";

/// A public key in the form that verification needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The public exponent.
        e: Vec<u8>,
    },
    /// An uncompressed point on P-256: `04 ‖ x ‖ y`.
    P256([u8; 65]),
    /// An uncompressed point on P-384: `04 ‖ x ‖ y`.
    P384([u8; 97]),
    /// An Ed25519 public key.
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// Whether a key of this type can make signatures of `algorithm`.
    pub(crate) const fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        matches!(
            (self, algorithm),
            (Self::Rsa { .. }, A::Rs256 | A::Rs384 | A::Rs512 | A::Ps256 | A::Ps384 | A::Ps512)
                | (Self::P256(_), A::Es256)
                | (Self::P384(_), A::Es384)
                | (Self::Ed25519(_), A::EdDsa)
        )
    }
}

/// Whether `signature` is a valid signature of `message` by `key`. RSA keys under 2048 bits never verify; ECDSA
/// signatures are `r ‖ s` (RFC 7518 §3.4), never DER.
pub(crate) fn verify_signature(
    algorithm: Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    if !key.fits(algorithm) {
        return false;
    }
    match key {
        PublicKey::Rsa { n, e } => rsa_parameters(algorithm).is_some_and(|parameters| {
            signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
        }),
        PublicKey::P256(point) => verify(&signature::ECDSA_P256_SHA256_FIXED, point, message, signature),
        PublicKey::P384(point) => verify(&signature::ECDSA_P384_SHA384_FIXED, point, message, signature),
        PublicKey::Ed25519(point) => verify(&signature::ED25519, point, message, signature),
    }
}

fn verify(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    signature::UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

const fn rsa_parameters(algorithm: Algorithm) -> Option<&'static signature::RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
    })
}
