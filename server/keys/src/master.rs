//! Several master keys: the first one seals, the others still open what they sealed.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::KeysError;
use super::seal::{AeadContext, Sealer};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::{MasterKey, MasterKeys};
use moorline_server_base::random::Random;
use moorline_server_store::{Actor, Row, Store, StoreError, Tx, Value};

/// A key for one purpose, named by `label`.
pub fn derive(master: &MasterKey, label: &[u8]) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, master.expose()), label);
    Zeroizing::new(tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes"))
}

/// What a master key is called where it must not be seen.
#[must_use]
pub fn master_key_id(master: &MasterKey) -> String {
    derive(master, b"moorline id v1")[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One key for each master key, the current one first.
pub(super) fn sealer(masters: &MasterKeys) -> Sealer {
    Sealer::new(masters.all().map(|master| derive(master, b"moorline sealing v1")))
}

/// What the database knows of its master keys.
struct Known {
    ids: Vec<String>,
    pseudonyms: Option<Row>,
    signing_key: Option<Row>,
}

/// The key of the pseudonyms, which stays the same under another master key: the audit log still says what one user
/// did. It is stored when a database is opened for the first time. Call it once the signing keys have opened.
pub(super) async fn pseudonyms(
    store: &Store,
    masters: &MasterKeys,
    sealer: &Sealer,
    random: &Random,
) -> Result<hmac::Key, KeysError> {
    let actor = Actor::System("the master keys");
    let known: Known = store.read(&actor, known).await?;
    let accepted: Vec<String> = masters.all().map(master_key_id).collect();
    if let Some(missing) = known.ids.iter().find(|id| !accepted.contains(id)) {
        return Err(KeysError::MissingMasterKey(missing.clone()));
    }
    if let Some(row) = known.pseudonyms {
        let key = sealer.open(PSEUDONYMS, row.blob("sealed")?).map_err(|_| KeysError::WrongMasterKey)?;
        return Ok(hmac::Key::new(hmac::HMAC_SHA256, &key));
    }
    let origin = match &known.signing_key {
        Some(row) => sealer.opened_by(super::rotation::context(row.text("kid")?), row.blob("private_key")?),
        None => None,
    };
    let master = masters.all().nth(origin.unwrap_or(0)).unwrap_or(masters.current());
    let key = derive(master, b"moorline pseudonyms v1");
    if !store.only_reads() {
        let (id, sealed) = (master_key_id(master), sealer.seal(PSEUDONYMS, &*key, random));
        store.write(&actor, move |tx| keep(tx, &id, sealed)).await?;
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
}

fn known(tx: &mut dyn Tx) -> Result<Known, StoreError> {
    let ids = tx.query("SELECT id FROM master_keys ORDER BY id", &[])?;
    Ok(Known {
        ids: ids.iter().map(|row| row.text("id").map(str::to_owned)).collect::<Result<_, _>>()?,
        pseudonyms: tx.first("SELECT sealed FROM kept_keys WHERE name = $1", &[PSEUDONYMS.row.into()])?,
        signing_key: tx.first("SELECT kid, private_key FROM signing_keys ORDER BY published_at, kid", &[])?,
    })
}

fn keep(tx: &mut dyn Tx, id: &str, sealed: Vec<u8>) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO kept_keys (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        &[PSEUDONYMS.row.into(), sealed.into()],
    )?;
    // Not by a server yet.
    let known = "INSERT INTO master_keys (id, served_at) VALUES ($1, 0) ON CONFLICT (id) DO NOTHING";
    tx.execute(known, &[id.into()]).map(drop)
}

/// Records that a server seals by this key at `now`.
pub(super) fn serve(tx: &mut dyn Tx, id: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO master_keys (id, served_at) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET served_at = excluded.served_at",
        &[Value::from(id), now.into()],
    )
    .map(drop)
}

const PSEUDONYMS: AeadContext<'_> = AeadContext { table: "kept_keys", column: "sealed", row: "pseudonyms" };
