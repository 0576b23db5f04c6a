//! The costs of stored hashes: for as long as one is in use, each attempt to sign in takes its time.

use moorline_server_store::{StoreError, Tx, Value};

/// Algorithm, version and parameters of a hash in PHC form: what comes before its salt.
pub(super) fn cost_of(hash: &str) -> Option<&str> {
    hash.rsplitn(3, '$').nth(2)
}

/// The costs of all stored hashes, for [`super::Passwords::verify`].
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn costs(tx: &mut dyn Tx) -> Result<Vec<String>, StoreError> {
    let rows = tx.query("SELECT prefix FROM password_costs", &[])?;
    rows.iter().map(|row| row.text("prefix").map(str::to_owned)).collect()
}

/// Adds the cost of a hash to [`costs`], in the transaction that stores the hash.
pub(super) fn remember_cost(tx: &mut dyn Tx, hash: &str) -> Result<(), StoreError> {
    let Some(cost) = cost_of(hash) else { return Ok(()) };
    // A row that is there is locked: who deletes unused costs must see this hash first.
    let remember = "INSERT INTO password_costs (prefix) VALUES ($1)
         ON CONFLICT (prefix) DO UPDATE SET prefix = excluded.prefix";
    tx.execute(remember, &[cost.into()]).map(drop)
}

/// Deletes the costs that no stored hash has any more, so that sign-ins get faster; call it now and then. `current` is
/// the cost of new hashes, which stays.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn delete_unused_costs(tx: &mut dyn Tx, current: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM password_costs WHERE prefix <> $1 AND NOT EXISTS (SELECT 1 FROM users
         WHERE substr(password_hash, 1, length(prefix) + 1) = prefix || '$')",
        &[Value::from(current)],
    )
    .map(drop)
}
