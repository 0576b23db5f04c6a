//! The accounts of users.

use std::fmt;

use garde::Validate;

use super::costs;
use super::names::{self, UserName};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Role;
use moorline_server_base::random::Random;
use moorline_server_store::{Row, StoreError, Tx, Value};

/// A user's account.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The id: `sub` in every token. Never changes, and is never given to another account.
    pub id: String,
    /// The user name, as the account got it.
    pub username: String,
    /// The name to show.
    pub name: Option<String>,
    /// The address, proved or not.
    pub email: Option<String>,
    /// Whether the user proved that the address is theirs.
    pub email_verified: bool,
    /// The names of their roles (see [`moorline_server_base::policy`]).
    pub roles: Vec<String>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When name, address or roles last changed: the `updated_at` claim.
    pub updated_at: Timestamp,
    /// Since when an operator keeps the user out; `None` for a user who may sign in.
    pub disabled_at: Option<Timestamp>,
    /// Browsers that knew the user before then have to get to know them again (see [`super::devices`]).
    pub devices_from: Timestamp,
    password_hash: Option<String>,
}

impl User {
    /// The hash of their password, for [`super::Passwords::verify`].
    pub fn stored_password(&self) -> Option<String> {
        self.password_hash.clone()
    }

    /// Whether an operator keeps the user out.
    pub fn is_disabled(&self) -> bool {
        self.disabled_at.is_some()
    }

    /// The name to show: the name, or else the user name.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.username)
    }
}

/// Personal fields and the hash stay out of logs.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// An account to be made.
#[derive(Clone, Debug, Validate)]
pub struct NewUser {
    /// The user name.
    #[garde(custom(is_username))]
    pub username: String,
    /// The hash of their password, from [`super::Passwords::hash`]; without one they can't sign in by password.
    #[garde(skip)]
    pub password_hash: Option<String>,
    /// The name to show.
    #[garde(inner(length(chars, min = 1, max = 100)))]
    pub name: Option<String>,
    /// The address.
    #[garde(inner(custom(is_email)))]
    pub email: Option<String>,
    /// The names of their roles.
    #[garde(inner(custom(is_role)))]
    pub roles: Vec<String>,
}

/// An account can't be made.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// A field is not valid.
    #[error("the account is not valid: {0}")]
    Invalid(#[from] garde::Report),
    /// Another account has that user name.
    #[error("there is a user {0:?} already")]
    Taken(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an account.
///
/// # Errors
/// [`AddError`] when a field is not valid or the user name is taken.
pub fn add(tx: &mut dyn Tx, random: &Random, now: Timestamp, new: NewUser) -> Result<User, AddError> {
    new.validate()?;
    // The same check that has just passed.
    let name = UserName::parse(&new.username)
        .map_err(|_| StoreError::Defect("a valid user name can't be parsed".to_owned()))?;
    let user = User {
        id: random.id(),
        username: name.to_string(),
        name: new.name,
        email: new.email,
        email_verified: false,
        roles: new.roles,
        created_at: now,
        updated_at: now,
        disabled_at: None,
        devices_from: Timestamp::from_millis(0),
        password_hash: new.password_hash,
    };
    let added = tx.execute(
        // Another account may have the name as it is stored, or as it is compared.
        "INSERT INTO users
         (id, username, username_key, password_hash, name, email, email_verified, roles, created_at, updated_at)
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING",
        &[
            Value::from(&user.id),
            Value::from(&user.username),
            user.password_hash.clone().into(),
            user.name.clone().into(),
            user.email.clone().into(),
            user.email_verified.into(),
            serde_json::Value::from(user.roles.clone()).to_string().into(),
            now.into(),
        ],
    )?;
    if added != 1 {
        return Err(AddError::Taken(user.username));
    }
    if let Some(hash) = &user.password_hash {
        costs::remember_cost(tx, hash)?;
    }
    Ok(user)
}

/// The account with this id.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn find_by_id(tx: &mut dyn Tx, id: &str) -> Result<Option<User>, StoreError> {
    tx.first("SELECT * FROM users WHERE id = $1", &[id.into()])?.map(|row| user(&row)).transpose()
}

/// The account with this id, locked until the transaction ends: whoever ends all of its sessions, or keeps it out,
/// waits for this transaction or is waited for.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn lock(tx: &mut dyn Tx, id: &str) -> Result<Option<User>, StoreError> {
    tx.first_locked("SELECT * FROM users WHERE id = $1", "users", &[id.into()])?
        .map(|row| user(&row))
        .transpose()
}

/// Locks the account with this id as [`lock`] does, for a caller that needs nothing of it.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn lock_id(tx: &mut dyn Tx, id: &str) -> Result<(), StoreError> {
    tx.first_locked("SELECT id FROM users WHERE id = $1", "users", &[id.into()]).map(drop)
}

/// The account that this user name signs in to. Spellings that RFC 8265 takes for the same lead to one account; one
/// that was stored before that rule, and that has the same name as another, is found by its own spelling.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn find_by_username(tx: &mut dyn Tx, typed: &str) -> Result<Option<User>, StoreError> {
    let before = names::as_stored_before(typed);
    let key = UserName::parse(typed.trim()).ok().map(|name| name.to_string());
    let rows = tx.query(
        "SELECT * FROM users WHERE username = $1 OR username_key = $2",
        &[Value::from(&before), key.into()],
    )?;
    let found: Vec<User> = rows.iter().map(user).collect::<Result<_, _>>()?;
    let own = found.iter().position(|user| user.username == before).unwrap_or(0);
    Ok(found.into_iter().nth(own))
}

/// What attempts to sign in under this name are counted by: one text for all spellings that [`find_by_username`] takes
/// for one. A capital sigma is either of two small letters to it.
pub fn counted_name(typed: &str) -> String {
    UserName::parse(typed.trim())
        .map_or_else(|_| names::as_stored_before(typed), |name| name.to_string())
        .replace('ς', "σ")
}

/// The accounts whose names are not compared by RFC 8265, by user name.
pub(super) fn without_key(tx: &mut dyn Tx) -> Result<Vec<User>, StoreError> {
    tx.query("SELECT * FROM users WHERE username_key IS NULL ORDER BY username", &[])?
        .iter()
        .map(user)
        .collect()
}

/// Another account that has this name, as it is stored or as it is compared.
pub(super) fn other_of_name(tx: &mut dyn Tx, id: &str, name: &UserName) -> Result<Option<User>, StoreError> {
    let other = "SELECT * FROM users WHERE id <> $1 AND (username = $2 OR username_key = $2)";
    tx.first(other, &[id.into(), name.as_str().into()])?.map(|row| user(&row)).transpose()
}

/// Has an account that has no key be compared by this name, unless it is another's. Returns whether it is: 0 or 1.
pub(super) fn set_key(tx: &mut dyn Tx, id: &str, name: &UserName) -> Result<usize, StoreError> {
    let set = tx.execute(
        "UPDATE users SET username_key = $2 WHERE id = $1 AND username_key IS NULL AND NOT EXISTS
         (SELECT 1 FROM users AS other WHERE other.id <> $1 AND (other.username = $2 OR other.username_key = $2))",
        &[id.into(), name.as_str().into()],
    )?;
    Ok(usize::from(set > 0))
}

/// Gives an account another user name. Returns `false` if another account has it.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn rename(tx: &mut dyn Tx, id: &str, name: &UserName, now: Timestamp) -> Result<bool, StoreError> {
    let renamed = tx.execute(
        "UPDATE users SET username = $2, username_key = $2, updated_at = $3 WHERE id = $1 AND NOT EXISTS
         (SELECT 1 FROM users AS other WHERE other.id <> $1 AND (other.username = $2 OR other.username_key = $2))",
        &[id.into(), name.as_str().into(), now.into()],
    )?;
    Ok(renamed == 1)
}

/// Every account, by user name.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<User>, StoreError> {
    tx.query("SELECT * FROM users ORDER BY username", &[])?.iter().map(user).collect()
}

/// Keeps the user out from `disabled_at` on; `None` lets them in again.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn set_disabled(tx: &mut dyn Tx, id: &str, disabled_at: Option<Timestamp>) -> Result<(), StoreError> {
    tx.execute("UPDATE users SET disabled_at = $2 WHERE id = $1", &[id.into(), disabled_at.into()]).map(drop)
}

/// Makes every browser unknown to the user: their next sign-in with it counts as from a new one.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn end_devices(tx: &mut dyn Tx, id: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.execute("UPDATE users SET devices_from = $2 WHERE id = $1", &[id.into(), now.into()]).map(drop)
}

/// Replaces the password by the one of this hash (from [`super::Passwords::hash`]).
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn set_password(tx: &mut dyn Tx, id: &str, hash: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE users SET password_hash = $2 WHERE id = $1", &[id.into(), hash.into()])?;
    costs::remember_cost(tx, hash)
}

fn user(row: &Row) -> Result<User, StoreError> {
    let roles = serde_json::from_str(row.text("roles")?)
        .map_err(|_| StoreError::Defect("users.roles is not a JSON array of names".to_owned()))?;
    Ok(User {
        id: row.text("id")?.to_owned(),
        username: row.text("username")?.to_owned(),
        name: row.optional_text("name")?.map(str::to_owned),
        email: row.optional_text("email")?.map(str::to_owned),
        email_verified: row.boolean("email_verified")?,
        roles,
        created_at: row.timestamp("created_at")?,
        updated_at: row.timestamp("updated_at")?,
        disabled_at: row.optional_timestamp("disabled_at")?,
        devices_from: row.timestamp("devices_from")?,
        password_hash: row.optional_text("password_hash")?.map(str::to_owned),
    })
}

fn is_username(text: &str, _: &()) -> garde::Result {
    UserName::parse(text).map(drop).map_err(garde::Error::new)
}

fn is_email(text: &str, _: &()) -> garde::Result {
    // Whether it is somebody's is proved by a mail; here only what could never be one is refused.
    let fine = text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if fine { Ok(()) } else { Err(garde::Error::new("must be a mail address")) }
}

fn is_role(name: &str, _: &()) -> garde::Result {
    match Role::named(name) {
        Some(_) => Ok(()),
        None => Err(garde::Error::new(format!("{name:?} is not a role; the roles are user and admin"))),
    }
}
