//! Keys: the master key and what is derived from it, sealing of columns, and the keys that sign tokens.

mod algorithm;
mod error;
mod jws;
mod key_pair;
mod master;
mod reseal;
mod rotation;
mod seal;
mod signing_key;
mod token_type;

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

pub use algorithm::Algorithm;
pub use error::KeysError;
pub use jws::{JwsError, decode};
pub use master::{derive, master_key_id};
pub use reseal::SealedRows;
pub use rotation::{NewKey, Rotation};
pub use seal::{AeadContext, SealError};
pub use signing_key::{SigningKey, SigningKeyState};
pub use token_type::TokenType;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::MasterKeys;
use moorline_server_base::random::Random;
use moorline_server_store::{Store, StoreError, Tx};
use seal::Sealer;
use signing_key::KeySet;

/// A key of the JWK set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKey {
    /// Its id (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it is in its life.
    pub state: SigningKeyState,
}

/// All keys of the server. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    /// Ids of the master keys, the current one first.
    master_ids: Vec<String>,
    sealer: Sealer,
    pseudonyms: hmac::Key,
    lasting: hmac::Key,
    /// One for each master key, the current one first.
    forms: Vec<hmac::Key>,
    sign_ins: hmac::Key,
    /// That of a server which has not been started since the master key was replaced.
    sign_ins_before: Option<hmac::Key>,
    signing: RwLock<Arc<KeySet>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

impl Keys {
    /// Derives the keys from the master keys and reads the signing keys; makes the first one of each algorithm that has
    /// none.
    ///
    /// # Errors
    /// [`KeysError`] when the database fails or its keys were sealed by another master key.
    pub async fn open(
        store: &Store,
        masters: &MasterKeys,
        random: &Random,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        let sealer = master::sealer(masters);
        let signing = rotation::rotate(&sealer, store, &Rotation::default(), random, now).await?;
        let master::Kept { pseudonyms, lasting, before } =
            master::kept(store, masters, &sealer, random).await?;
        let form = |master| hmac::Key::new(hmac::HMAC_SHA256, &*derive(master, b"moorline forms v1"));
        Ok(Self(Arc::new(Inner {
            master_ids: masters.all().map(master_key_id).collect(),
            sealer,
            sign_ins: sign_ins(&lasting),
            sign_ins_before: before.as_ref().map(sign_ins),
            pseudonyms,
            lasting,
            forms: masters.all().map(form).collect(),
            signing: RwLock::new(Arc::new(signing)),
        })))
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
        tag(&self.0.forms[0], message)
    }

    /// A secret of this installation for one purpose. All nodes have the same one while the master key is replaced;
    /// afterwards they start with another one.
    #[must_use]
    pub fn lasting_secret(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        secret(&self.0.lasting, purpose)
    }

    /// Whether `tag` is the tag of `message` by any of the master keys; compared in constant time.
    #[must_use]
    pub fn is_form_tag(&self, message: &[u8], tag: &[u8]) -> bool {
        self.0.forms.iter().any(|key| hmac::verify(key, message, tag).is_ok())
    }

    /// The ids of the master keys, the current one first.
    #[must_use]
    pub fn master_key_ids(&self) -> &[String] {
        &self.0.master_ids
    }

    /// Records that a server seals by the current master key at `now`; call it at the start, and each minute.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn serve(&self, tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
        master::serve(tx, &self.0.master_ids[0], now)
    }

    /// An authentication tag over `message`, for what sign-ins are counted by. Messages of two kinds begin differently.
    #[must_use]
    pub fn sign_in_tag(&self, message: &[u8]) -> [u8; 32] {
        tag(&self.0.sign_ins, message)
    }

    /// As [`Keys::sign_in_tag`], and before a server was started after another master key: also that server's tag.
    pub fn sign_in_tags(&self, message: &[u8]) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(&self.0.sign_ins).chain(&self.0.sign_ins_before).map(move |key| tag(key, message))
    }

    /// Signs `claims` as a compact JWS with the key of this algorithm that is active at `now`.
    ///
    /// # Errors
    /// [`JwsError::NoKey`] when no key of the algorithm is active, [`JwsError::Signing`] when the library refuses.
    pub fn sign(
        &self,
        algorithm: Algorithm,
        typ: TokenType,
        claims: &impl serde::Serialize,
        now: Timestamp,
    ) -> Result<String, JwsError> {
        jws::sign(&self.signing(), algorithm, typ, claims, now)
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
    pub async fn new_key(&self, algorithm: Algorithm, random: &Random) -> Result<NewKey, KeysError> {
        NewKey::make(algorithm, &self.0.sealer, random).await
    }

    /// Every published key with its place in life: those that sign by RS256 first, and of each algorithm the newest.
    #[must_use]
    pub fn published(&self, now: Timestamp) -> Vec<PublishedKey> {
        let published = |key: &SigningKey| PublishedKey {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm(),
            state: key.state(now),
        };
        self.signing().0.iter().map(published).collect()
    }

    /// What the published key of this id signs with; `None` if there is no such key.
    #[must_use]
    pub fn algorithm_of(&self, kid: &str) -> Option<Algorithm> {
        self.signing().published(kid).map(SigningKey::algorithm)
    }

    fn signing(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.signing.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn sign_ins(lasting: &hmac::Key) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*secret(lasting, b"moorline sign-ins v1"))
}

fn tag(key: &hmac::Key, message: &[u8]) -> [u8; 32] {
    hmac::sign(key, message).as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
}

fn secret(lasting: &hmac::Key, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(tag(lasting, purpose))
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;
