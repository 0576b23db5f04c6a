//! Why a proof is refused.

/// Why a proof is not good. None of it is a secret: it is returned to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// More than one `DPoP` header.
    Repeated,
    /// Longer than any proof has to be.
    TooLong,
    /// Not a compact JWS with the members of a proof.
    Malformed,
    /// Another `typ`.
    Type,
    /// `alg` is not in the list.
    Algorithm,
    /// `jwk` holds a private or symmetric key.
    PrivateKey,
    /// `jwk` is no key for `alg`.
    Key,
    /// The signature is not by `jwk`.
    Signature,
    /// `htm` is another method.
    Method,
    /// `htu` is another address.
    Address,
    /// `jti` is empty or too long.
    Identifier,
    /// `ath` is not the hash of the access token.
    TokenHash,
    /// It was used before.
    Replayed,
}

impl ProofError {
    /// The name in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Repeated => ("repeated", "There is more than one DPoP header."),
            Self::TooLong => ("too_long", "The DPoP proof is longer than 4096 bytes."),
            Self::Malformed => ("malformed", "The DPoP proof is malformed."),
            Self::Type => ("typ", "The DPoP proof's typ is not dpop+jwt."),
            Self::Algorithm => ("alg", "The DPoP proof's alg is not supported."),
            Self::PrivateKey => ("private_key", "The DPoP proof's jwk has private members."),
            Self::Key => ("jwk", "The DPoP proof's jwk is not a key for its alg."),
            Self::Signature => ("signature", "The DPoP proof's signature is not by its jwk."),
            Self::Method => ("htm", "The DPoP proof's htm is not this request's method."),
            Self::Address => ("htu", "The DPoP proof's htu is not this request's address."),
            Self::Identifier => ("jti", "The DPoP proof's jti must have 1 to 256 bytes."),
            Self::TokenHash => ("ath", "The DPoP proof's ath is not the hash of the access token."),
            Self::Replayed => ("replayed", "The DPoP proof was used before."),
        }
    }
}
