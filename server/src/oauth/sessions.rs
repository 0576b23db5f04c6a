//! The rows of sessions.

use super::clients::ClientAuthPolicy;
use super::rotation::{
    AttemptHash, EndedBecause, History, Holes, Locator, RotationWindow, Session, SessionRecord, SessionSecret,
};
use crate::restore;
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;
use moorline_server_base::random::Random;
use moorline_server_keys::{AeadContext, Keys};
use moorline_server_store::{Row, StoreError, Tx, Value};

/// A session with its secret and the roles of its user.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) session: Session,
    pub(super) secret: SessionSecret,
    /// The user's roles, as they are now.
    pub(super) roles: Vec<String>,
}

const BY_LOCATOR: &str =
    "SELECT sessions.*, users.roles FROM sessions JOIN users ON users.id = sessions.user_id
     WHERE sessions.locator = $1";
const BY_LOCATOR_WITH_CLIENT: &str =
    "SELECT sessions.*, users.roles, clients.id AS client, clients.secret_hash, clients.dpop_bound_access_tokens,
     clients.access_token_alg
     FROM sessions JOIN users ON users.id = sessions.user_id LEFT JOIN clients ON clients.id = $2
     WHERE sessions.locator = $1";
const BY_ID: &str = "SELECT sessions.*, users.roles FROM sessions JOIN users ON users.id = sessions.user_id
     WHERE sessions.id = $1";

/// The session that a refresh token names, locked: what is decided on it still holds when it is written.
pub(super) fn by_locator(
    tx: &mut dyn Tx,
    keys: &Keys,
    locator: Locator,
) -> Result<Option<Stored>, StoreError> {
    tx.first_locked(BY_LOCATOR, "sessions", &[locator.bytes().into()])?
        .map(|row| read(keys, &row))
        .transpose()
}

/// The same, and how the client that presents the token has to authenticate (`None` if there is no such client): in one
/// round trip.
pub(super) fn by_locator_with_client(
    tx: &mut dyn Tx,
    keys: &Keys,
    locator: Locator,
    client_id: &str,
) -> Result<Option<(Stored, Option<ClientAuthPolicy>)>, StoreError> {
    let params = [locator.bytes().into(), client_id.into()];
    let Some(row) = tx.first_locked(BY_LOCATOR_WITH_CLIENT, "sessions", &params)? else { return Ok(None) };
    let is_known = row.optional_text("client")?.is_some();
    let policy = is_known.then(|| ClientAuthPolicy::read(&row)).transpose()?;
    Ok(Some((read(keys, &row)?, policy)))
}

/// The session of this `sid`, locked likewise.
pub(super) fn by_id(tx: &mut dyn Tx, keys: &Keys, id: &str) -> Result<Option<Stored>, StoreError> {
    tx.first_locked(BY_ID, "sessions", &[id.into()])?.map(|row| read(keys, &row)).transpose()
}

pub(super) fn insert(
    tx: &mut dyn Tx,
    keys: &Keys,
    random: &Random,
    record: &SessionRecord,
    secret: &SessionSecret,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO sessions (id, locator, client_id, user_id, scope, answered_scope, secret, generation, attempt,
         history, hole, dpop_jkt, created_at, auth_time_at, rotated_at, minute_at, minute_rotations, idle_end_at,
         absolute_end_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        &[
            Value::from(&record.id),
            record.locator.bytes().into(),
            (&record.client_id).into(),
            (&record.user_id).into(),
            record.scope.to_string().into(),
            record.answered_scope.to_string().into(),
            keys.seal(context(&record.id), secret.expose(), random).into(),
            record.generation.into(),
            record.attempt.map(|hash| *hash.bytes()).into(),
            record.history.to_bytes().into(),
            record.holes.to_bytes().into(),
            record.dpop_jkt.clone().into(),
            record.created_at.into(),
            record.auth_time.into(),
            record.rotated_at.into(),
            record.window.minute_at.into(),
            record.window.rotations.into(),
            record.idle_end_at.into(),
            record.absolute_end_at.into(),
        ],
    )?;
    Ok(())
}

/// Writes what a rotation changed. The row is still at generation `from`, live and not expired: otherwise nothing is
/// committed, and the refresh is decided again.
pub(super) fn advance(
    tx: &mut dyn Tx,
    record: &SessionRecord,
    from: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.defer(
        "UPDATE sessions SET generation = $3, attempt = $4, history = $5, hole = $6, answered_scope = $7,
         rotated_at = $8, minute_at = $9, minute_rotations = $10, idle_end_at = $11
         WHERE id = $1 AND generation = $2 AND revoked_at IS NULL AND idle_end_at > $8 AND absolute_end_at > $8",
        &[
            Value::from(&record.id),
            from.into(),
            record.generation.into(),
            record.attempt.map(|hash| *hash.bytes()).into(),
            record.history.to_bytes().into(),
            record.holes.to_bytes().into(),
            record.answered_scope.to_string().into(),
            now.into(),
            record.window.minute_at.into(),
            record.window.rotations.into(),
            record.idle_end_at.into(),
        ],
        1,
    )
}

/// Writes the end of a session. Returns whether it was live until now: its first end stands.
///
/// Every end but expiry is exported durably before a response depends on it: a restored backup would undo it.
pub(super) fn end(tx: &mut dyn Tx, id: &str, why: EndedBecause, at: Timestamp) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE sessions SET revoked_at = $2, revoked_why = $3 WHERE id = $1 AND revoked_at IS NULL",
        &[Value::from(id), at.into(), why.name().into()],
    )?;
    let ended = changed == 1;
    if ended && why != EndedBecause::Expired {
        restore::record(tx, id, why.name(), at)?;
    }
    Ok(ended)
}

/// Whose sessions are meant.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// This user's, by their id.
    User(&'a str),
    /// This client's.
    Client(&'a str),
}

/// Ends every live session of a user or a client, and deletes codes that could begin another. Returns how many ended.
///
/// # Errors
/// [`StoreError`] if the database fails.
pub fn end_all(tx: &mut dyn Tx, of: Of<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let (live, codes, id) = match of {
        Of::User(id) => (
            "SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id",
            "DELETE FROM codes WHERE user_id = $1 AND used_at IS NULL",
            id,
        ),
        Of::Client(id) => (
            "SELECT id FROM sessions WHERE client_id = $1 AND revoked_at IS NULL ORDER BY id",
            "DELETE FROM codes WHERE client_id = $1 AND used_at IS NULL",
            id,
        ),
    };
    tx.execute(codes, &[id.into()])?;
    let mut ended = 0;
    // In one order: two that end the same sessions wait for each other, and don't deadlock.
    for row in tx.query(live, &[id.into()])? {
        ended += u64::from(end(tx, row.text("id")?, EndedBecause::Revoked, now)?);
    }
    Ok(ended)
}

fn read(keys: &Keys, row: &Row) -> Result<Stored, StoreError> {
    let record = record(row)?;
    // Another node may seal by a master key that this one was not given yet: the client has to try again.
    let secret = keys.open_sealed(context(&record.id), row.blob("secret")?).map_err(|_| {
        StoreError::Unavailable("a session's secret does not open by this server's master keys".to_owned())
    })?;
    let secret = secret.as_slice().try_into().map(SessionSecret::from_bytes).map_err(|_| defect("secret"))?;
    let roles = serde_json::from_str(row.text("roles")?).map_err(|_| defect("roles"))?;
    let session = match (row.optional_timestamp("revoked_at")?, row.optional_text("revoked_why")?) {
        (None, _) => Session::Live(record),
        (Some(at), why) => {
            let why = why.and_then(EndedBecause::named).ok_or_else(|| defect("revoked_why"))?;
            Session::Ended { record, at, why }
        }
    };
    Ok(Stored { session, secret, roles })
}

fn record(row: &Row) -> Result<SessionRecord, StoreError> {
    let small = |column| u32::try_from(row.integer(column)?).map_err(|_| defect(column));
    let scope = |column| Scope::parse(row.text(column)?).map_err(|_| defect(column));
    let attempt =
        row.optional_blob("attempt")?.map(|hash| hash.try_into().map(AttemptHash::from_bytes)).transpose();
    Ok(SessionRecord {
        id: row.text("id")?.to_owned(),
        locator: row.blob("locator")?.try_into().map(Locator::from_bytes).map_err(|_| defect("locator"))?,
        client_id: row.text("client_id")?.to_owned(),
        user_id: row.text("user_id")?.to_owned(),
        scope: scope("scope")?,
        answered_scope: scope("answered_scope")?,
        generation: small("generation")?,
        attempt: attempt.map_err(|_| defect("attempt"))?,
        history: History::from_bytes(row.blob("history")?).map_err(|_| defect("history"))?,
        holes: Holes::from_bytes(row.blob("hole")?).map_err(|_| defect("hole"))?,
        dpop_jkt: row.optional_text("dpop_jkt")?.map(str::to_owned),
        rotated_at: row.timestamp("rotated_at")?,
        window: RotationWindow {
            minute_at: row.timestamp("minute_at")?,
            rotations: small("minute_rotations")?,
        },
        idle_end_at: row.timestamp("idle_end_at")?,
        absolute_end_at: row.timestamp("absolute_end_at")?,
        auth_time: row.timestamp("auth_time_at")?,
        created_at: row.timestamp("created_at")?,
    })
}

fn defect(column: &str) -> StoreError {
    StoreError::Defect(format!("sessions.{column} is malformed or does not open"))
}

const fn context(id: &str) -> AeadContext<'_> {
    AeadContext { table: "sessions", column: "secret", row: id }
}
