//! The life of the keys that sign tokens: published before their first use, and until the last token they signed has
//! expired.

use std::time::Duration;

use super::KeysError;
use super::algorithm::Algorithm;
use super::key_pair::KeyPair;
use super::seal::{AeadContext, Sealer};
use super::signing_key::{KeySet, SigningKey};
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

/// When the key that has to be made now signs from; `None` if none is due. Decided by the newest key's first day, so
/// several nodes decide alike.
fn due(newest_active_at: Option<Timestamp>, rotation: &Rotation, now: Timestamp) -> Option<Timestamp> {
    match newest_active_at {
        // The very first key of an algorithm signs at once: nobody holds tokens by it, which a cached set lacks.
        None => Some(now),
        Some(active_at) => {
            (active_at.after(rotation.lifetime) <= now.after(rotation.lead)).then(|| now.after(rotation.lead))
        }
    }
}

pub(super) async fn rotate(
    sealer: &Sealer,
    store: &Store,
    rotation: &Rotation,
    random: &Random,
    now: Timestamp,
) -> Result<KeySet, KeysError> {
    let actor = Actor::System("rotation of the signing keys");
    let known = store.read(&actor, all).await?;
    // A wrong master key is found out before anything is sealed with it.
    let known = unseal_all(sealer, &known)?;
    if store.only_reads() {
        return Ok(known);
    }
    let mut fresh = Vec::new();
    for algorithm in Algorithm::ALL {
        let newest = known.newest_active_at(algorithm);
        if let Some(active_at) = due(newest, rotation, now) {
            fresh.push((NewKey::make(algorithm, sealer, random).await?, active_at, newest));
        }
    }
    let rotation = *rotation;
    let rows = store
        .write(&actor, move |tx| -> Result<_, StoreError> {
            one_after_the_other(tx)?;
            for (key, active_at, newest) in &fresh {
                // Another node may have made one meanwhile.
                if newest_active_at(tx, key.algorithm)? == *newest {
                    insert(tx, key, *active_at, now)?;
                }
            }
            for algorithm in Algorithm::ALL {
                retire(tx, algorithm, &rotation, now)?;
            }
            all(tx)
        })
        .await?;
    unseal_all(sealer, &rows)
}

/// Nodes decide one after the other, by a row that is always there: only one of them makes the next key, and none
/// retires the last one while another is withdrawn.
fn one_after_the_other(tx: &mut dyn Tx) -> Result<(), StoreError> {
    tx.first_locked("SELECT version FROM migrations WHERE version = 1", "migrations", &[]).map(drop)
}

fn newest_active_at(tx: &mut dyn Tx, algorithm: Algorithm) -> Result<Option<Timestamp>, StoreError> {
    let newest = format!("SELECT MAX(active_at) AS newest_at FROM {}", algorithm.table());
    tx.first(&newest, &[])?.map_or(Ok(None), |row| row.optional_timestamp("newest_at"))
}

/// Every key, in the order of [`KeySet`].
fn all(tx: &mut dyn Tx) -> Result<Vec<(Algorithm, Row)>, StoreError> {
    let mut all = Vec::new();
    for algorithm in Algorithm::ALL {
        let rows = format!(
            "SELECT kid, private_key, active_at, retired_at FROM {} ORDER BY active_at DESC, kid",
            algorithm.table()
        );
        all.extend(tx.query(&rows, &[])?.into_iter().map(|row| (algorithm, row)));
    }
    Ok(all)
}

/// A signing key that was made and sealed, and is not stored yet.
#[derive(Clone)]
pub struct NewKey {
    algorithm: Algorithm,
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

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) async fn make(
        algorithm: Algorithm,
        sealer: &Sealer,
        random: &Random,
    ) -> Result<Self, KeysError> {
        let pair = tokio::task::spawn_blocking(move || KeyPair::generate(algorithm))
            .await
            .map_err(|_| KeysError::Unusable)??;
        let kid = pair.public_members()?.thumbprint();
        let private_key = sealer.seal(context(algorithm, &kid), &pair.to_pkcs8()?, random);
        Ok(Self { algorithm, kid, private_key })
    }

    /// Publishes the key from now on. It signs from `active_at` on, in place of the one before of its algorithm.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn publish(&self, tx: &mut dyn Tx, active_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        one_after_the_other(tx)?;
        insert(tx, self, active_at, now)?;
        retire(tx, self.algorithm, &Rotation::default(), now)
    }

    /// Withdraws the key of this id, and of the algorithm of this one, at once: nothing that it signed is accepted any
    /// more. This one takes its place if no other key of the algorithm signs now. Returns `false` if there is no such
    /// key.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn withdraw(&self, tx: &mut dyn Tx, kid: &str, now: Timestamp) -> Result<bool, StoreError> {
        one_after_the_other(tx)?;
        let table = self.algorithm.table();
        if tx.execute(&format!("DELETE FROM {table} WHERE kid = $1"), &[kid.into()])? == 0 {
            return Ok(false);
        }
        let active = format!("SELECT kid FROM {table} WHERE active_at <= $1 AND retired_at IS NULL");
        if tx.first(&active, &[now.into()])?.is_none() {
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
    for ((algorithm, row), key) in rows.iter().zip(&known.0) {
        same &= *algorithm == key.algorithm() && key.is_stored_as(row)?;
    }
    if same { Ok(None) } else { unseal_all(sealer, &rows).map(Some) }
}

fn insert(tx: &mut dyn Tx, key: &NewKey, active_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let values = [Value::from(&key.kid), key.private_key.clone().into(), now.into(), active_at.into()];
    tx.execute(insertion(key.algorithm), &values).map(drop)
}

const fn insertion(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 => {
            "INSERT INTO signing_keys (kid, alg, private_key, published_at, active_at) VALUES ($1, 'RS256', $2, $3, $4)"
        }
        Algorithm::Es256 => {
            "INSERT INTO es256_keys (kid, private_key, published_at, active_at) VALUES ($1, $2, $3, $4)"
        }
    }
}

/// Retires each key that a newer one has replaced, and deletes those whose tokens have all expired.
fn retire(
    tx: &mut dyn Tx,
    algorithm: Algorithm,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let table = algorithm.table();
    tx.execute(
        &format!(
            "UPDATE {table} SET retired_at = $1 WHERE retired_at IS NULL AND active_at <
             (SELECT MAX(newer.active_at) FROM {table} AS newer WHERE newer.active_at <= $1)"
        ),
        &[now.into()],
    )?;
    let expired = format!("DELETE FROM {table} WHERE retired_at < $1");
    tx.execute(&expired, &[now.before(rotation.afterlife).into()]).map(drop)
}

fn unseal_all(sealer: &Sealer, rows: &[(Algorithm, Row)]) -> Result<KeySet, KeysError> {
    rows.iter().map(|(algorithm, row)| unseal(sealer, *algorithm, row)).collect::<Result<_, _>>().map(KeySet)
}

fn unseal(sealer: &Sealer, algorithm: Algorithm, row: &Row) -> Result<SigningKey, KeysError> {
    let context = context(algorithm, row.text("kid")?);
    let der = sealer.open(context, row.blob("private_key")?).map_err(|_| KeysError::WrongMasterKey)?;
    let pair = KeyPair::from_pkcs8(algorithm, &der)?;
    SigningKey::new(pair, row.timestamp("active_at")?, row.optional_timestamp("retired_at")?)
}

pub(super) const fn context(algorithm: Algorithm, kid: &str) -> AeadContext<'_> {
    AeadContext { table: algorithm.table(), column: "private_key", row: kid }
}
