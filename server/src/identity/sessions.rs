//! A browser's session with this server: a random id in a cookie, its hash in the store.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use zeroize::Zeroizing;

use super::cookies::Cookie;
use super::csrf;
use crate::clock::Timestamp;
use crate::keys::Keys;
use crate::restore;
use crate::state::AppState;
use crate::store::{Actor, StoreError, Tx, Value};

/// A live session of a person's browser. Only [`browser_session`] and signing in make one.
#[derive(Clone)]
pub struct BrowserSession {
    user_id: String,
    authenticated_at: Timestamp,
    cookie: Zeroizing<String>,
}

impl BrowserSession {
    /// The person's id (`sub`).
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// When they last typed their password: `auth_time`, and what `max_age` counts from.
    pub fn authenticated_at(&self) -> Timestamp {
        self.authenticated_at
    }

    /// The cookie's value.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The token of the forms served in this session.
    pub(super) fn form_token(&self, keys: &Keys) -> String {
        csrf::token(keys, &self.cookie)
    }

    /// Whether a form with this token was served in this session.
    pub(super) fn served(&self, keys: &Keys, form_token: &str) -> bool {
        csrf::matches(keys, &self.cookie, form_token)
    }
}

impl fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserSession")
            .field("authenticated_at", &self.authenticated_at)
            .finish_non_exhaustive()
    }
}

/// The live session whose cookie the request carries, or `None`.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn browser_session(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<Option<BrowserSession>, StoreError> {
    let Some(cookie) = Cookie::Session.read(&state.config.issuer, headers) else { return Ok(None) };
    let (id_hash, now) = (hash(&cookie), state.clock.now());
    let actor = Actor::Anonymous("the cookie says who it is");
    let row = state
        .store
        .read(&actor, move |tx| {
            tx.first(
                "SELECT user_id, authenticated_at FROM browser_sessions WHERE id_hash = $1 AND expires_at > $2",
                &[id_hash.into(), now.into()],
            )
        })
        .await?;
    row.map(|row| {
        Ok(BrowserSession {
            user_id: row.text("user_id")?.to_owned(),
            authenticated_at: row.timestamp("authenticated_at")?,
            cookie,
        })
    })
    .transpose()
}

/// Begins a session under a new id, in place of the one that the browser had (so that an id planted before sign-in
/// is worth nothing), and tidies this person's ended ones away.
pub(super) fn begin(
    tx: &mut dyn Tx,
    user_id: &str,
    new_cookie: &str,
    old_cookie: Option<&str>,
    now: Timestamp,
    expires_at: Timestamp,
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
        &[hash(new_cookie).into(), user_id.into(), now.into(), expires_at.into()],
    )?;
    Ok(())
}

/// Ends the session of this cookie, if there is one. A restore must not bring it back.
pub(super) fn end(tx: &mut dyn Tx, cookie: &str, now: Timestamp) -> Result<(), StoreError> {
    let ended =
        tx.execute("DELETE FROM browser_sessions WHERE id_hash = $1", &[Value::from(hash(cookie))])?;
    if ended > 0 { restore::record_browser(tx, now) } else { Ok(()) }
}

fn hash(cookie: &str) -> Vec<u8> {
    digest(&SHA256, cookie.as_bytes()).as_ref().to_vec()
}
