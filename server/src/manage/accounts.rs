//! What an operator does to accounts. Each change is one transaction with its audit row.

use serde::Serialize;
use serde_json::json;

use super::ManageError;
use crate::accounts::end_browser_sessions;
use crate::accounts::legacy_names::{self, NameProblem};
use crate::accounts::names::UserName;
use crate::accounts::tries;
use crate::accounts::users::{self, NewUser, User};
use crate::audit::{self, Event};
use crate::oauth::{Of, end_sessions};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::random::Random;
use moorline_server_keys::Keys;
use moorline_server_store::{StoreError, Tx};

/// An account, as an operator sees it.
#[derive(Debug, Serialize)]
pub struct Account {
    /// The id: `sub` in every token.
    pub id: String,
    /// What the user types to sign in.
    pub username: String,
    /// Their name.
    pub name: Option<String>,
    /// Their mail address.
    pub email: Option<String>,
    /// Their roles.
    pub roles: Vec<String>,
    /// Whether they are kept out.
    pub disabled: bool,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            name: user.name,
            email: user.email,
            roles: user.roles,
            disabled: user.disabled_at.is_some(),
        }
    }
}

/// What ended with a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Sessions of apps.
    pub sessions: u64,
    /// Sessions of browsers with this server.
    pub browser_sessions: u64,
}

/// Every account, by user name.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn list(tx: &mut dyn Tx) -> Result<Vec<Account>, StoreError> {
    Ok(users::all(tx)?.into_iter().map(Account::from).collect())
}

/// An account whose name is compared as it is stored, and not by RFC 8265.
#[derive(Debug, Serialize)]
pub struct NamedAlone {
    /// The id.
    pub id: String,
    /// The user name as it is stored.
    pub username: String,
    /// Why.
    pub problem: String,
}

/// Every account whose name is not compared by RFC 8265, and why. Another name ([`rename`]) ends it.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn name_problems(tx: &mut dyn Tx) -> Result<Vec<NamedAlone>, StoreError> {
    let described = |(user, problem): (User, NameProblem)| NamedAlone {
        id: user.id,
        username: user.username,
        problem: problem.to_string(),
    };
    Ok(legacy_names::problems(tx)?.into_iter().map(described).collect())
}

/// Gives a user another name to sign in with. Sessions go on: tokens name the id.
///
/// # Errors
/// [`ManageError`] when there is no such user, or the new name is not valid or another's.
pub fn rename(
    tx: &mut dyn Tx,
    keys: &Keys,
    now: Timestamp,
    username: &str,
    new: &str,
) -> Result<Account, ManageError> {
    let mut user = named(tx, username)?;
    let name = UserName::parse(new).map_err(|error| ManageError::Invalid(format!("the new name {error}")))?;
    if !users::rename(tx, &user.id, &name, now)? {
        return Err(ManageError::Invalid(users::AddError::Taken(name.to_string()).to_string()));
    }
    audit::append(tx, now, Event::new("operator.user_renamed").actor(keys.pseudonym(&user.id)))?;
    user.username = name.to_string();
    Ok(user.into())
}

/// Makes an account.
///
/// # Errors
/// [`ManageError::Invalid`] when a field is not valid or the name is taken.
pub fn add(
    tx: &mut dyn Tx,
    keys: &Keys,
    random: &Random,
    now: Timestamp,
    new: NewUser,
) -> Result<Account, ManageError> {
    let user = users::add(tx, random, now, new).map_err(|error| match error {
        users::AddError::Store(error) => ManageError::Store(error),
        other => ManageError::Invalid(other.to_string()),
    })?;
    let event = Event::new("operator.user_added").actor(keys.pseudonym(&user.id));
    audit::append(tx, now, event.detail(json!({ "roles": user.roles })))?;
    Ok(user.into())
}

/// Keeps a user out: all their sessions end, and they can't sign in until [`enable`].
///
/// # Errors
/// [`ManageError`] when there is no such user.
pub fn disable(tx: &mut dyn Tx, keys: &Keys, now: Timestamp, username: &str) -> Result<Ended, ManageError> {
    let user = named(tx, username)?;
    users::set_disabled(tx, &user.id, Some(user.disabled_at.unwrap_or(now)))?;
    end_all(tx, keys, now, &user, "operator.user_disabled")
}

/// Lets a user sign in again, also one whose account somebody has guessed at: nobody has to wait there any more.
///
/// # Errors
/// [`ManageError`] when there is no such user.
pub fn enable(tx: &mut dyn Tx, keys: &Keys, now: Timestamp, username: &str) -> Result<(), ManageError> {
    let user = named(tx, username)?;
    users::set_disabled(tx, &user.id, None)?;
    tries::forget(tx, keys, &user.id)?;
    audit::append(tx, now, Event::new("operator.user_enabled").actor(keys.pseudonym(&user.id)))?;
    Ok(())
}

/// Replaces a user's password by the one of this hash; all their sessions end, since somebody else may have begun them.
///
/// # Errors
/// [`ManageError`] when there is no such user.
pub fn set_password(
    tx: &mut dyn Tx,
    keys: &Keys,
    now: Timestamp,
    username: &str,
    hash: &str,
) -> Result<Ended, ManageError> {
    let user = named(tx, username)?;
    users::set_password(tx, &user.id, hash)?;
    end_all(tx, keys, now, &user, "operator.password_set")
}

/// Ends all sessions of a user, in apps and in browsers.
///
/// # Errors
/// [`ManageError`] when there is no such user.
pub fn revoke_sessions(
    tx: &mut dyn Tx,
    keys: &Keys,
    now: Timestamp,
    username: &str,
) -> Result<Ended, ManageError> {
    let user = named(tx, username)?;
    end_all(tx, keys, now, &user, "operator.sessions_revoked")
}

fn end_all(
    tx: &mut dyn Tx,
    keys: &Keys,
    now: Timestamp,
    user: &User,
    event: &'static str,
) -> Result<Ended, ManageError> {
    // Whoever began a session may still have the browser. The user's own is unknown now, too, and waits for nobody's
    // guesses.
    users::end_devices(tx, &user.id, now)?;
    tries::forget(tx, keys, &user.id)?;
    let ended = Ended {
        sessions: end_sessions(tx, Of::User(&user.id), now)?,
        browser_sessions: end_browser_sessions(tx, &user.id, now)?,
    };
    let event = Event::new(event).actor(keys.pseudonym(&user.id));
    audit::append(tx, now, event.detail(json!(ended)))?;
    Ok(ended)
}

fn named(tx: &mut dyn Tx, username: &str) -> Result<User, ManageError> {
    let nobody = || ManageError::NoUser(username.to_owned());
    let id = users::find_by_username(tx, username)?.ok_or_else(nobody)?.id;
    // A session that begins meanwhile ends with the others, or begins after this.
    users::lock(tx, &id)?.ok_or_else(nobody)
}
