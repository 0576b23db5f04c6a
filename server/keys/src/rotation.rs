//! The life of the keys that sign tokens: published before their first use, and until the last token they signed has
//! expired.

use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use zeroize::Zeroizing;

use super::KeysError;
use super::seal::{AeadContext, Sealer};
use super::signing_key::{KeySet, SigningKey, thumbprint};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::random::Random;
use moorline_server_store::{Actor, Row, Store, StoreError, Tx, Value};

/// When keys come and go.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// For how long a key signs.
    pub lifetime: Duration,
    /// For how long a key is published before it signs: longer than anybody caches our JWK set.
    pub lead: Duration,
    /// For how long a key stays published after its last signature: longer than any token lives.
    pub afterlife: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            lifetime: Duration::from_secs(90 * DAY),
            lead: Duration::from_secs(2 * DAY),
            afterlife: Duration::from_secs(2 * DAY),
        }
    }
}

/// What has to be done to the keys now.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    /// Make a key that signs from here on.
    make: Option<Timestamp>,
}

/// Decides by the newest key's first day, so several nodes decide alike.
fn due(newest_active_at: Option<Timestamp>, rotation: &Rotation, now: Timestamp) -> Due {
    let make = match newest_active_at {
        // The very first key has nobody who could have cached a set without it.
        None => Some(now),
        Some(active_at) if active_at.after(rotation.lifetime) <= now.after(rotation.lead) => {
            Some(now.after(rotation.lead))
        }
        Some(_) => None,
    };
    Due { make }
}

pub(super) async fn rotate(
    sealer: &Sealer,
    store: &Store,
    rotation: &Rotation,
    random: &Random,
    now: Timestamp,
) -> Result<KeySet, KeysError> {
    let actor = Actor::System("rotation of the signing keys");
    let (newest, known) =
        store.read(&actor, |tx| -> Result<_, StoreError> { Ok((newest_active_at(tx)?, all(tx)?)) }).await?;
    // A wrong master key is found out before anything is sealed with it.
    let known = known.iter().map(|row| unseal(sealer, row)).collect::<Result<_, _>>().map(KeySet)?;
    if store.only_reads() {
        return Ok(known);
    }
    let fresh = match due(newest, rotation, now).make {
        Some(active_at) => Some((NewKey::make(sealer, random).await?, active_at)),
        None => None,
    };
    let rotation = *rotation;
    let rows = store
        .write(&actor, move |tx| -> Result<_, StoreError> {
            one_after_the_other(tx)?;
            if let Some((key, active_at)) = &fresh
                // Another node may have made one meanwhile.
                && newest_active_at(tx)? == newest
            {
                insert(tx, key, *active_at, now)?;
            }
            retire(tx, &rotation, now)?;
            all(tx)
        })
        .await?;
    rows.iter().map(|row| unseal(sealer, row)).collect::<Result<_, _>>().map(KeySet)
}

/// Nodes decide one after the other, by a row that is always there: only one of them makes the next key, and none
/// retires the last one while another is withdrawn.
fn one_after_the_other(tx: &mut dyn Tx) -> Result<(), StoreError> {
    tx.first_locked("SELECT version FROM migrations WHERE version = 1", "migrations", &[]).map(drop)
}

fn newest_active_at(tx: &mut dyn Tx) -> Result<Option<Timestamp>, StoreError> {
    let row = tx.first("SELECT MAX(active_at) AS newest_at FROM signing_keys", &[])?;
    row.map_or(Ok(None), |row| row.optional_timestamp("newest_at"))
}

/// Every key, the newest first.
fn all(tx: &mut dyn Tx) -> Result<Vec<Row>, StoreError> {
    tx.query(
        "SELECT kid, private_key, active_at, retired_at FROM signing_keys ORDER BY active_at DESC, kid",
        &[],
    )
}

/// A signing key that was made and sealed, and is not stored yet.
#[derive(Clone)]
pub struct NewKey {
    kid: String,
    private_key: Vec<u8>,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl NewKey {
    /// The key's id (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) async fn make(sealer: &Sealer, random: &Random) -> Result<Self, KeysError> {
        // A new RSA key takes a tenth of a second or more.
        let pair = tokio::task::spawn_blocking(|| RsaKeyPair::generate(KeySize::Rsa2048))
            .await
            .map_err(|_| KeysError::Unusable)?
            .map_err(|_| KeysError::Unusable)?;
        let der = pair.as_der().map_err(|_| KeysError::Unusable)?;
        let kid = thumbprint(&pair)?;
        Ok(Self { private_key: sealer.seal(context(&kid), der.as_ref(), random), kid })
    }

    /// Publishes the key from now on. It signs from `active_at` on, in place of the one before.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn publish(&self, tx: &mut dyn Tx, active_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        one_after_the_other(tx)?;
        insert(tx, self, active_at, now)?;
        retire(tx, &Rotation::default(), now)
    }

    /// Withdraws the key of this id at once: nothing that it signed is accepted any more. This one takes its place if
    /// no other key signs now. Returns `false` if there is no such key.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn withdraw(&self, tx: &mut dyn Tx, kid: &str, now: Timestamp) -> Result<bool, StoreError> {
        one_after_the_other(tx)?;
        if tx.execute("DELETE FROM signing_keys WHERE kid = $1", &[kid.into()])? == 0 {
            return Ok(false);
        }
        const ACTIVE: &str = "SELECT kid FROM signing_keys WHERE active_at <= $1 AND retired_at IS NULL";
        if tx.first(ACTIVE, &[now.into()])?.is_none() {
            insert(tx, self, now, now)?;
        }
        Ok(true)
    }
}

/// The keys as they are stored now, if they are others than `known`: another process may have changed them.
pub(super) async fn changed(
    sealer: &Sealer,
    store: &Store,
    known: &KeySet,
) -> Result<Option<KeySet>, KeysError> {
    let rows = store.read(&Actor::System("the signing keys, as they are now"), all).await?;
    let mut same = rows.len() == known.0.len();
    for (row, key) in rows.iter().zip(&known.0) {
        same &= key.is_stored_as(row)?;
    }
    if same {
        return Ok(None);
    }
    rows.iter().map(|row| unseal(sealer, row)).collect::<Result<_, _>>().map(KeySet).map(Some)
}

fn insert(tx: &mut dyn Tx, key: &NewKey, active_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO signing_keys (kid, alg, private_key, published_at, active_at) VALUES ($1, 'RS256', $2, $3, $4)",
        &[Value::from(&key.kid), key.private_key.clone().into(), now.into(), active_at.into()],
    )?;
    Ok(())
}

/// Retires each key that a newer one has replaced, and deletes those whose tokens have all expired.
fn retire(tx: &mut dyn Tx, rotation: &Rotation, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE signing_keys SET retired_at = $1 WHERE retired_at IS NULL AND active_at <
         (SELECT MAX(newer.active_at) FROM signing_keys AS newer WHERE newer.active_at <= $1)",
        &[now.into()],
    )?;
    tx.execute("DELETE FROM signing_keys WHERE retired_at < $1", &[now.before(rotation.afterlife).into()])?;
    Ok(())
}

fn unseal(sealer: &Sealer, row: &Row) -> Result<SigningKey, KeysError> {
    let kid = row.text("kid")?;
    let der: Zeroizing<Vec<u8>> =
        sealer.open(context(kid), row.blob("private_key")?).map_err(|_| KeysError::WrongMasterKey)?;
    let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| KeysError::Unusable)?;
    SigningKey::new(pair, row.timestamp("active_at")?, row.optional_timestamp("retired_at")?)
}

pub(super) const fn context(kid: &str) -> AeadContext<'_> {
    AeadContext { table: "signing_keys", column: "private_key", row: kid }
}
