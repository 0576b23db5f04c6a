//! The queries of the notes. Each takes the owner: nobody's note is reached by its id alone.

use super::cursor::Cursor;
use crate::access::AuthContext;
use moorline_server_base::clock::Timestamp;
use moorline_server_store::{Row, StoreError, Tx, Value};

/// A note as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) version: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// The newest `limit` notes after the cursor, newest first.
pub(super) fn page(
    tx: &mut dyn Tx,
    owner: &AuthContext,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Vec<Stored>, StoreError> {
    const FIRST: &str = "SELECT * FROM notes WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2";
    const NEXT: &str = "SELECT * FROM notes
         WHERE user_id = $1 AND (created_at < $3 OR (created_at = $3 AND id < $4))
         ORDER BY created_at DESC, id DESC LIMIT $2";
    let mut params = vec![Value::from(owner.user_id()), limit.into()];
    let sql = match after {
        None => FIRST,
        Some(cursor) => {
            params.extend([cursor.created_at.into(), Value::from(&cursor.id)]);
            NEXT
        }
    };
    tx.query(sql, &params)?.iter().map(read).collect()
}

const BY_ID: &str = "SELECT * FROM notes WHERE id = $1 AND user_id = $2";

/// The owner's note of this id.
pub(super) fn find(tx: &mut dyn Tx, owner: &AuthContext, id: &str) -> Result<Option<Stored>, StoreError> {
    tx.first(BY_ID, &[id.into(), owner.user_id().into()])?.as_ref().map(read).transpose()
}

/// The same, locked until the transaction ends.
pub(super) fn find_to_change(
    tx: &mut dyn Tx,
    owner: &AuthContext,
    id: &str,
) -> Result<Option<Stored>, StoreError> {
    tx.first_locked(BY_ID, "notes", &[id.into(), owner.user_id().into()])?.as_ref().map(read).transpose()
}

/// How many notes the owner has.
pub(super) fn count(tx: &mut dyn Tx, owner: &AuthContext) -> Result<i64, StoreError> {
    let row =
        tx.first("SELECT COUNT(*) AS notes FROM notes WHERE user_id = $1", &[owner.user_id().into()])?;
    row.map_or(Ok(0), |row| row.integer("notes"))
}

/// Adds a note.
pub(super) fn insert(tx: &mut dyn Tx, owner: &AuthContext, note: &Stored) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO notes (id, user_id, title, body, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            Value::from(&note.id),
            owner.user_id().into(),
            (&note.title).into(),
            (&note.body).into(),
            note.version.into(),
            note.created_at.into(),
            note.updated_at.into(),
        ],
    )?;
    Ok(())
}

/// Stores the note's new text, time and version. Returns `false` if it is not at the version before this one.
pub(super) fn update(tx: &mut dyn Tx, owner: &AuthContext, note: &Stored) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE notes SET title = $3, body = $4, version = $5, updated_at = $6
         WHERE id = $1 AND user_id = $2 AND version = $5 - 1",
        &[
            Value::from(&note.id),
            owner.user_id().into(),
            (&note.title).into(),
            (&note.body).into(),
            note.version.into(),
            note.updated_at.into(),
        ],
    )?;
    Ok(changed == 1)
}

/// Deletes the note.
pub(super) fn delete(tx: &mut dyn Tx, owner: &AuthContext, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM notes WHERE id = $1 AND user_id = $2", &[id.into(), owner.user_id().into()])?;
    Ok(())
}

fn read(row: &Row) -> Result<Stored, StoreError> {
    Ok(Stored {
        id: row.text("id")?.to_owned(),
        title: row.text("title")?.to_owned(),
        body: row.text("body")?.to_owned(),
        version: row.integer("version")?,
        created_at: row.timestamp("created_at")?,
        updated_at: row.timestamp("updated_at")?,
    })
}
