//! What the server has recorded, read from its database file.

use anyhow::Result;
use rusqlite::{Connection, OpenFlags};

use crate::Server;

/// The number of the last audit entry of that event.
///
/// Errors: when the database can't be read.
pub fn last(server: &Server, event: &str) -> Result<Option<i64>> {
    let sql = "SELECT MAX(seq) FROM audit WHERE event = $1";
    Ok(open(server)?.query_row(sql, [event], |row| row.get(0))?)
}

/// How many audit entries there are of that event.
///
/// Errors: when the database can't be read.
pub fn count(server: &Server, event: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM audit WHERE event = $1";
    Ok(open(server)?.query_row(sql, [event], |row| row.get(0))?)
}

fn open(server: &Server) -> Result<Connection> {
    Ok(Connection::open_with_flags(server.folder().join("moorline.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}
