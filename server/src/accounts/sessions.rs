//! A browser's session with this server: a random id in a cookie, its hash in the store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use zeroize::Zeroizing;

use super::cookies::Cookie;
use super::csrf;
use crate::restore;
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::config::Issuer;
use moorline_server_base::digest::sha256;
use moorline_server_keys::Keys;
use moorline_server_store::{Actor, Store, StoreError, Tx, Value};

/// A live session of a user's browser. Only [`BrowserSessions::find`] makes one.
#[derive(Clone)]
pub struct BrowserSession {
    user_id: String,
    authenticated_at: Timestamp,
    cookie: Zeroizing<String>,
    /// The cookie of the sign-in page, which stays when the user signs in again.
    visit: Option<Zeroizing<String>>,
}

impl BrowserSession {
    /// The user's id (`sub`).
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// When they last typed their password: `auth_time`, and what `max_age` counts from.
    pub fn authenticated_at(&self) -> Timestamp {
        self.authenticated_at
    }

    /// The token of the forms served to this user in this browser. It stays good when the user signs in once more in
    /// another tab.
    pub fn form_token(&self, keys: &Keys) -> String {
        csrf::token(keys, &self.form_secret(self.visit.as_ref().unwrap_or(&self.cookie)))
    }

    /// Whether a form with this token was served to this user in this browser.
    pub fn served(&self, keys: &Keys, form_token: &str) -> bool {
        let mut cookies = self.visit.iter().chain([&self.cookie]);
        cookies.any(|cookie| csrf::matches(keys, &self.form_secret(cookie), form_token))
    }

    fn form_secret(&self, cookie: &str) -> Zeroizing<String> {
        Zeroizing::new(format!("{cookie} {}", self.user_id))
    }
}

impl fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserSession")
            .field("authenticated_at", &self.authenticated_at)
            .finish_non_exhaustive()
    }
}

/// Finds, begins and ends browsers' sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BrowserSessions {
    /// Where they are stored.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Whose cookies they are.
    pub issuer: Arc<Issuer>,
    /// How long one lasts.
    pub lifetime: Duration,
}

impl BrowserSessions {
    /// The live session whose cookie the request carries, or `None`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn find(&self, headers: &HeaderMap) -> Result<Option<BrowserSession>, StoreError> {
        let Some(cookie) = Cookie::Session.read(&self.issuer, headers) else { return Ok(None) };
        let visit = Cookie::Visit.read(&self.issuer, headers);
        let (id_hash, now) = (sha256(cookie.as_bytes()), self.clock.now());
        let actor = Actor::Anonymous("the cookie says who it is");
        let row = self
            .store
            .read(&actor, move |tx| {
                tx.first(
                    "SELECT user_id, authenticated_at FROM browser_sessions
                     JOIN users ON users.id = user_id AND users.disabled_at IS NULL
                     WHERE id_hash = $1 AND expires_at > $2",
                    &[id_hash.into(), now.into()],
                )
            })
            .await?;
        row.map(|row| {
            Ok(BrowserSession {
                user_id: row.text("user_id")?.to_owned(),
                authenticated_at: row.timestamp("authenticated_at")?,
                cookie,
                visit,
            })
        })
        .transpose()
    }

    /// Begins a session under a new id, in place of the one that the browser had (so that an id planted before sign-in
    /// is worth nothing), and deletes this user's expired ones.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn begin(
        &self,
        tx: &mut dyn Tx,
        user_id: &str,
        new_cookie: &str,
        old_cookie: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(old) = old_cookie {
            end(tx, old, now)?;
        }
        tx.execute(
            "DELETE FROM browser_sessions WHERE user_id = $1 AND expires_at <= $2",
            &[user_id.into(), now.into()],
        )?;
        tx.execute(
            "INSERT INTO browser_sessions (id_hash, user_id, authenticated_at, expires_at) VALUES ($1, $2, $3, $4)",
            &[sha256(new_cookie.as_bytes()).into(), user_id.into(), now.into(), now.after(self.lifetime).into()],
        )?;
        Ok(())
    }
}

impl BrowserSession {
    /// Whether it has not been ended meanwhile, as the transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn is_live(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let id_hash = sha256(self.cookie.as_bytes());
        Ok(tx.first("SELECT user_id FROM browser_sessions WHERE id_hash = $1", &[id_hash.into()])?.is_some())
    }

    /// Ends it. A restore must not bring it back.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn end(&self, tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
        end(tx, &self.cookie, now)
    }
}

fn end(tx: &mut dyn Tx, cookie: &str, now: Timestamp) -> Result<(), StoreError> {
    let ended = tx.execute(
        "DELETE FROM browser_sessions WHERE id_hash = $1",
        &[Value::from(sha256(cookie.as_bytes()))],
    )?;
    if ended > 0 { restore::record_browser(tx, now) } else { Ok(()) }
}

/// Ends every session of a user's browsers. Returns how many there were.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn end_all(tx: &mut dyn Tx, user_id: &str, now: Timestamp) -> Result<u64, StoreError> {
    let ended = tx.execute("DELETE FROM browser_sessions WHERE user_id = $1", &[user_id.into()])?;
    if ended > 0 {
        restore::record_browser(tx, now)?;
    }
    Ok(ended)
}
