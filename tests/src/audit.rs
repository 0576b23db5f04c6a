//! What the server has recorded, read from its database.

use anyhow::Result;

use crate::Server;

/// The number of the last audit entry of that event.
///
/// Errors: when the database can't be read.
pub fn last(server: &Server, event: &str) -> Result<Option<i64>> {
    server.database().number(&format!("SELECT MAX(seq) FROM audit WHERE event = '{event}'"))
}

/// How many audit entries there are of that event.
///
/// Errors: when the database can't be read.
pub fn count(server: &Server, event: &str) -> Result<i64> {
    let counted = server.database().number(&format!("SELECT COUNT(*) FROM audit WHERE event = '{event}'"))?;
    Ok(counted.unwrap_or_default())
}
