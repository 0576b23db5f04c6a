//! Keys: the master key and what is derived from it, sealing of columns, and the keys that sign tokens.

mod error;
mod jws;
mod rotation;
mod seal;
mod signing_key;
mod token_type;

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

pub use error::KeysError;
pub use jws::{JwsError, decode};
pub use rotation::{NewKey, Rotation};
pub use seal::{AeadContext, SealError};
pub use signing_key::{SigningKey, SigningKeyState};
pub use token_type::TokenType;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::MasterKey;
use moorline_server_base::random::Random;
use moorline_server_store::Store;
use seal::Sealer;
use signing_key::KeySet;

/// All keys of the server. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    sealer: Sealer,
    pseudonyms: hmac::Key,
    forms: hmac::Key,
    sign_ins: hmac::Key,
    signing: RwLock<Arc<KeySet>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

impl Keys {
    /// Derives the keys from `master` and reads the signing keys; makes the first one if there is none.
    ///
    /// # Errors
    /// [`KeysError`] when the database fails or its keys were sealed by another master key.
    pub async fn open(
        store: &Store,
        master: &MasterKey,
        random: &Random,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        let sealer = Sealer::new(derive(master, b"moorline sealing v1"));
        let keys = Self(Arc::new(Inner {
            sealer,
            pseudonyms: hmac::Key::new(hmac::HMAC_SHA256, &*derive(master, b"moorline pseudonyms v1")),
            forms: hmac::Key::new(hmac::HMAC_SHA256, &*derive(master, b"moorline forms v1")),
            sign_ins: hmac::Key::new(hmac::HMAC_SHA256, &*derive(master, b"moorline sign-ins v1")),
            signing: RwLock::new(Arc::new(KeySet::default())),
        }));
        keys.rotate(store, &Rotation::default(), random, now).await?;
        Ok(keys)
    }

    /// Seals `plain` for one place in the database; it opens nowhere else.
    #[must_use]
    pub fn seal(&self, context: AeadContext<'_>, plain: &[u8], random: &Random) -> Vec<u8> {
        self.0.sealer.seal(context, plain, random)
    }

    /// Opens what [`Keys::seal`] sealed for the same place.
    ///
    /// # Errors
    /// [`SealError`] when it was sealed for another place, by another key, or was changed.
    pub fn open_sealed(
        &self,
        context: AeadContext<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.0.sealer.open(context, sealed)
    }

    /// The name of a user in the audit log: always the same, and without the key it does not lead back to the user.
    #[must_use]
    pub fn pseudonym(&self, user_id: &str) -> String {
        let tag = hmac::sign(&self.0.pseudonyms, user_id.as_bytes());
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16])
    }

    /// An authentication tag over `message`, for values that travel through a browser's form (CSRF).
    #[must_use]
    pub fn form_tag(&self, message: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.0.forms, message);
        tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
    }

    /// An authentication tag over `message`, for what sign-ins are counted by. Messages of two kinds begin differently.
    #[must_use]
    pub fn sign_in_tag(&self, message: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.0.sign_ins, message);
        tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
    }

    /// Signs `claims` as a compact JWS (RS256) with the key that is active at `now`.
    ///
    /// # Errors
    /// [`JwsError::NoKey`] when no key is active, [`JwsError::Signing`] when the library refuses.
    pub fn sign(
        &self,
        typ: TokenType,
        claims: &impl serde::Serialize,
        now: Timestamp,
    ) -> Result<String, JwsError> {
        jws::sign(&self.signing(), typ, claims, now)
    }

    /// Checks the signature and the `typ` of a JWS that we signed, and reads its claims. Times and audience are the
    /// caller's.
    ///
    /// # Errors
    /// [`JwsError`] when it is malformed, of another type, or not signed by a published key.
    pub fn verify<C: serde::de::DeserializeOwned>(&self, typ: TokenType, token: &str) -> Result<C, JwsError> {
        jws::verify(&self.signing(), typ, token)
    }

    /// The public keys as a JWK set (RFC 7517 §5): those that sign, will sign, or signed what may still be alive.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.signing().jwks()
    }

    /// Makes, activates and retires signing keys as `rotation` says is due at `now`; call it at least once an hour.
    ///
    /// # Errors
    /// [`KeysError`] when the database fails.
    pub async fn rotate(
        &self,
        store: &Store,
        schedule: &Rotation,
        random: &Random,
        now: Timestamp,
    ) -> Result<(), KeysError> {
        let set = rotation::rotate(&self.0.sealer, store, schedule, random, now).await?;
        *self.0.signing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    /// Takes over what another process did to the signing keys; call it each minute.
    ///
    /// # Errors
    /// [`KeysError`] when the database fails.
    pub async fn follow(&self, store: &Store) -> Result<(), KeysError> {
        if let Some(set) = rotation::changed(&self.0.sealer, store, &self.signing()).await? {
            *self.0.signing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        }
        Ok(())
    }

    /// Makes a signing key, to be stored by [`NewKey::publish`] or [`NewKey::withdraw`].
    ///
    /// # Errors
    /// [`KeysError`] when none can be made.
    pub async fn new_key(&self, random: &Random) -> Result<NewKey, KeysError> {
        NewKey::make(&self.0.sealer, random).await
    }

    /// Every published key with its place in life, the newest first.
    #[must_use]
    pub fn published(&self, now: Timestamp) -> Vec<(String, SigningKeyState)> {
        self.signing().0.iter().map(|key| (key.kid().to_owned(), key.state(now))).collect()
    }

    fn signing(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.signing.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A key for one purpose, named by `label`.
pub fn derive(master: &MasterKey, label: &[u8]) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, master.expose()), label);
    Zeroizing::new(tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes"))
}

#[cfg(test)]
mod tests;
