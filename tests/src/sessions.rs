//! What happens to sessions at the server without anybody's request: written into its database file.

use std::time::Duration;

use anyhow::Result;
use rusqlite::Connection;

use crate::Server;

/// Ends every session, as an operator does.
///
/// Errors: when the database can't be written.
pub fn end_all(server: &Server) -> Result<()> {
    let database = Connection::open(server.folder().join("moorline.db"))?;
    database.busy_timeout(Duration::from_secs(10))?;
    let sql = "UPDATE sessions SET revoked_at = rotated_at, revoked_why = 'revoked' WHERE revoked_at IS NULL";
    database.execute(sql, [])?;
    Ok(())
}
