//! Names that a server from before RFC 8265 has stored.

use std::fmt;

use super::names::{NameError, UserName};
use super::users::{self, User};
use moorline_server_store::{Actor, Store, StoreError, Tx};

/// Why an account's name is not compared by RFC 8265. Its user signs in with the spelling that is stored, and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameProblem {
    /// The name of another account is the same by RFC 8265.
    SameAs(String),
    /// RFC 8265 does not allow the name.
    NotAllowed(NameError),
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameAs(other) => write!(f, "is the same name as {other:?}"),
            Self::NotAllowed(error) => write!(f, "{error}"),
        }
    }
}

/// Every account whose name is not compared by RFC 8265, and why.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn problems(tx: &mut dyn Tx) -> Result<Vec<(User, NameProblem)>, StoreError> {
    let mut problems = Vec::new();
    for user in users::without_key(tx)? {
        match UserName::parse(&user.username) {
            Err(error) => problems.push((user, NameProblem::NotAllowed(error))),
            Ok(name) => {
                if let Some(other) = users::other_of_name(tx, &user.id, &name)? {
                    problems.push((user, NameProblem::SameAs(other.username)));
                }
            }
        }
    }
    Ok(problems)
}

/// Works out how the names of accounts are compared that another version of the server has stored. Returns how many
/// can't be, see [`problems`].
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn work_out(store: &Store) -> Result<usize, StoreError> {
    let (mut after, mut left) = (String::new(), 0);
    loop {
        let start = after.clone();
        let next = move |tx: &mut dyn Tx| {
            let next =
                "SELECT id, username FROM users WHERE username_key IS NULL AND id > $1 ORDER BY id LIMIT $2";
            tx.query(next, &[start.into(), BATCH.into()])
        };
        let rows = store.read::<_, StoreError, _>(&ACTOR, next).await?;
        let Some(last) = rows.last() else { return Ok(left) };
        last.text("id")?.clone_into(&mut after);
        let mut names = Vec::new();
        for row in &rows {
            if let Ok(name) = UserName::parse(row.text("username")?) {
                names.push((row.text("id")?.to_owned(), name));
            }
        }
        let set = move |tx: &mut dyn Tx| {
            let set = |set, (id, name): &(String, UserName)| Ok(set + users::set_key(tx, id, name)?);
            names.iter().try_fold(0, set)
        };
        left += rows.len() - store.write::<usize, StoreError, _>(&ACTOR, set).await?;
    }
}

const ACTOR: Actor = Actor::System("how user names are compared");

/// Names of one transaction.
const BATCH: i64 = 500;
