//! Several master keys: the first one seals, the others still open what they sealed.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::KeysError;
use super::algorithm::Algorithm;
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
    lasting: Option<Row>,
    before: Option<Row>,
    signing_key: Option<Row>,
}

/// Keys that no master key is needed for again once they are stored.
pub(super) struct Kept {
    /// Stays under every master key: the audit log still says what one user did.
    pub(super) pseudonyms: hmac::Key,
    /// The same for all nodes, whichever master key they seal by. Nobody computes it from a master key, and
    /// [`replace_lasting`] has another one drawn.
    pub(super) lasting: hmac::Key,
    /// The lasting key before: a server that has not been started since has it still.
    pub(super) before: Option<hmac::Key>,
}

/// Reads the kept keys. They are stored when a database is opened for the first time. Call it once the signing keys
/// have opened.
pub(super) async fn kept(
    store: &Store,
    masters: &MasterKeys,
    sealer: &Sealer,
    random: &Random,
) -> Result<Kept, KeysError> {
    let actor = Actor::System("the master keys");
    let known: Known = store.read(&actor, known).await?;
    let accepted: Vec<String> = masters.all().map(master_key_id).collect();
    if let Some(missing) = known.ids.iter().find(|id| !accepted.contains(id)) {
        return Err(KeysError::MissingMasterKey(missing.clone()));
    }
    let open = |context: AeadContext<'_>, sealed: &[u8]| {
        sealer.open(context, sealed).map_err(|_| KeysError::WrongMasterKey)
    };
    let pseudonyms = if let Some(row) = &known.pseudonyms {
        open(PSEUDONYMS, row.blob("sealed")?)?
    } else {
        // A server of before had derived it.
        let origin = match &known.signing_key {
            Some(row) => sealer.opened_by(
                super::rotation::context(Algorithm::Rs256, row.text("kid")?),
                row.blob("private_key")?,
            ),
            None => None,
        };
        let master = masters.all().nth(origin.unwrap_or(0)).unwrap_or(masters.current());
        let key = Zeroizing::new(derive(master, b"moorline pseudonyms v1").to_vec());
        open(PSEUDONYMS, &keep(store, PSEUDONYMS, sealer.seal(PSEUDONYMS, &key, random), master).await?)?
    };
    let lasting = if let Some(row) = &known.lasting {
        open(LASTING, row.blob("sealed")?)?
    } else {
        let sealed = sealer.seal(LASTING, &random.bytes::<32>(), random);
        open(LASTING, &keep(store, LASTING, sealed, masters.current()).await?)?
    };
    // Without it browsers are new to the server once. That must not keep everybody out.
    let before = known.before.as_ref().and_then(|row| {
        let key = open(BEFORE, row.blob("sealed").ok()?);
        key.inspect_err(|error| tracing::warn!(%error, "the lasting key before is damaged, and is not used"))
            .ok()
    });
    let key = |key: Zeroizing<Vec<u8>>| hmac::Key::new(hmac::HMAC_SHA256, &key);
    Ok(Kept { pseudonyms: key(pseudonyms), lasting: key(lasting), before: before.map(key) })
}

fn known(tx: &mut dyn Tx) -> Result<Known, StoreError> {
    let ids = tx.query("SELECT id FROM master_keys ORDER BY id", &[])?;
    Ok(Known {
        ids: ids.iter().map(|row| row.text("id").map(str::to_owned)).collect::<Result<_, _>>()?,
        pseudonyms: kept_key(tx, PSEUDONYMS)?,
        lasting: kept_key(tx, LASTING)?,
        before: kept_key(tx, BEFORE)?,
        signing_key: tx.first("SELECT kid, private_key FROM signing_keys ORDER BY published_at, kid", &[])?,
    })
}

fn kept_key(tx: &mut dyn Tx, context: AeadContext<'_>) -> Result<Option<Row>, StoreError> {
    tx.first("SELECT sealed FROM kept_keys WHERE name = $1", &[context.row.into()])
}

/// Stores a key that is missing, and returns the one that is stored then: another node may have been faster. Where only
/// reading is allowed, it is good for this process.
async fn keep(
    store: &Store,
    context: AeadContext<'static>,
    sealed: Vec<u8>,
    master: &MasterKey,
) -> Result<Vec<u8>, KeysError> {
    if store.only_reads() {
        return Ok(sealed);
    }
    let (actor, id) = (Actor::System("the master keys"), master_key_id(master));
    let kept = move |tx: &mut dyn Tx| {
        tx.execute(
            "INSERT INTO kept_keys (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            &[context.row.into(), sealed.into()],
        )?;
        list(tx, &id)?;
        kept_key(tx, context)
    };
    let row: Option<Row> = store.write(&actor, kept).await?;
    Ok(row.ok_or(KeysError::Unusable)?.blob("sealed")?.to_vec())
}

/// Has the next process draw another lasting key: who knows a master key of before may have read this one. A server
/// that runs has it until it is started again, so commands beside it need it still.
pub(super) fn replace_lasting(tx: &mut dyn Tx, sealer: &Sealer, random: &Random) -> Result<(), StoreError> {
    let Some(row) = kept_key(tx, LASTING)? else { return Ok(()) };
    if let Ok(key) = sealer.open(LASTING, row.blob("sealed")?) {
        tx.execute(
            "INSERT INTO kept_keys (name, sealed) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed",
            &[BEFORE.row.into(), sealer.seal(BEFORE, &key, random).into()],
        )?;
    }
    tx.execute("DELETE FROM kept_keys WHERE name = $1", &[LASTING.row.into()]).map(drop)
}

/// Lists a master key that may have sealed a row, by no server yet.
pub(super) fn list(tx: &mut dyn Tx, id: &str) -> Result<(), StoreError> {
    let listed = "INSERT INTO master_keys (id, served_at) VALUES ($1, 0) ON CONFLICT (id) DO NOTHING";
    tx.execute(listed, &[id.into()]).map(drop)
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

const PSEUDONYMS: AeadContext<'static> =
    AeadContext { table: "kept_keys", column: "sealed", row: "pseudonyms" };
const LASTING: AeadContext<'static> = AeadContext { table: "kept_keys", column: "sealed", row: "lasting" };
const BEFORE: AeadContext<'static> =
    AeadContext { table: "kept_keys", column: "sealed", row: "lasting before" };
