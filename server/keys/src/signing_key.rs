//! A key that signs tokens, and the set of those that are published.

use aws_lc_rs::signature::ParsedPublicKey;

use super::KeysError;
use super::algorithm::Algorithm;
use super::key_pair::KeyPair;
use super::token_type::TokenType;
use moorline_server_base::clock::Timestamp;
use moorline_server_store::{Row, StoreError};

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyState {
    /// In the JWK set, signs nothing yet.
    Published {
        /// From when on it signs.
        active_at: Timestamp,
    },
    /// Signs.
    Active,
    /// Signs no more; in the JWK set until the last token it signed has expired.
    Retired {
        /// Since when.
        at: Timestamp,
    },
}

/// One key pair with its place in life.
pub struct SigningKey {
    kid: String,
    pair: KeyPair,
    public: ParsedPublicKey,
    jwk: serde_json::Value,
    access_token_header: String,
    id_token_header: String,
    active_at: Timestamp,
    retired_at: Option<Timestamp>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    pub(super) fn new(
        pair: KeyPair,
        active_at: Timestamp,
        retired_at: Option<Timestamp>,
    ) -> Result<Self, KeysError> {
        let members = pair.public_members()?;
        let kid = members.thumbprint();
        let jwk = members.jwk(&kid);
        let header = |typ: TokenType| typ.jws_header(pair.algorithm(), &kid);
        Ok(Self {
            access_token_header: header(TokenType::AccessToken),
            id_token_header: header(TokenType::IdToken),
            public: pair.public()?,
            kid,
            pair,
            jwk,
            active_at,
            retired_at,
        })
    }

    /// Where the key is in its life at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SigningKeyState {
        match self.retired_at {
            Some(at) => SigningKeyState::Retired { at },
            None if self.active_at <= now => SigningKeyState::Active,
            None => SigningKeyState::Published { active_at: self.active_at },
        }
    }

    /// The key's id (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.pair.algorithm()
    }

    /// Whether this row is this key, at the same place in its life.
    pub(super) fn is_stored_as(&self, row: &Row) -> Result<bool, StoreError> {
        Ok(row.text("kid")? == self.kid
            && row.timestamp("active_at")? == self.active_at
            && row.optional_timestamp("retired_at")? == self.retired_at)
    }

    pub(super) fn header(&self, typ: TokenType) -> &str {
        match typ {
            TokenType::AccessToken => &self.access_token_header,
            TokenType::IdToken => &self.id_token_header,
        }
    }

    pub(super) const fn pair(&self) -> &KeyPair {
        &self.pair
    }

    pub(super) const fn public(&self) -> &ParsedPublicKey {
        &self.public
    }

    pub(super) const fn active_at(&self) -> Timestamp {
        self.active_at
    }
}

/// All keys that are published: those of the default algorithm first, and of each the newest first.
#[derive(Debug, Default)]
pub(super) struct KeySet(pub(super) Vec<SigningKey>);

impl KeySet {
    /// The key that signs by this algorithm: the newest of the active ones. Setting the machine's clock may leave none;
    /// then the one that is next, since it is published and better than no answers at all.
    pub(super) fn active(&self, algorithm: Algorithm, now: Timestamp) -> Option<&SigningKey> {
        let waits = |key: &&SigningKey| matches!(key.state(now), SigningKeyState::Published { .. });
        let mut active = self.of(algorithm).filter(|key| key.state(now) == SigningKeyState::Active);
        active.next().or_else(|| self.of(algorithm).rfind(waits))
    }

    /// From when on the newest key of this algorithm signs; `None` if there is none.
    pub(super) fn newest_active_at(&self, algorithm: Algorithm) -> Option<Timestamp> {
        self.of(algorithm).map(SigningKey::active_at).next()
    }

    pub(super) fn published(&self, kid: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    pub(super) fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": self.0.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }

    fn of(&self, algorithm: Algorithm) -> impl DoubleEndedIterator<Item = &SigningKey> {
        self.0.iter().filter(move |key| key.algorithm() == algorithm)
    }
}
