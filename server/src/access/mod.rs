//! Who may do what. An [`AuthContext`] is only ever built here, by authenticating; what it may do is the table in
//! [`moorline_server_base::policy`].

mod credential;
#[cfg(test)]
mod dpop_tests;
mod extract;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod refusal;
mod scheme;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use crate::accounts::BrowserSession;
use crate::tokens::VerifiedAccessToken;
pub use extract::{Anonymous, Authenticated, Authenticator, Can, Requirement, can};
use moorline_server_base::policy::{self, Permission};
use moorline_server_keys::Keys;
use moorline_server_store::{Actor, UserIds};
pub use refusal::Refusal;
pub use scheme::Scheme;

/// An authenticated user, and what they may do by way of the client that acts for them.
///
/// There is no public constructor: it comes from a verified access token or from a live browser session.
#[derive(Clone)]
pub struct AuthContext {
    user_id: String,
    ids: UserIds,
    permissions: BTreeSet<Permission>,
}

impl AuthContext {
    /// A user whose app presented an access token that was accepted ([`crate::tokens`]), with the hash of its DPoP
    /// proof: they may do what both their roles and the token's scope allow.
    fn from_access_token(token: &VerifiedAccessToken, proof: Option<&str>, keys: &Keys) -> Self {
        let by_role = policy::of_roles(&token.roles);
        let by_scope = policy::of_scope(&token.scope);
        Self {
            user_id: token.sub.clone(),
            ids: UserIds {
                pseudonym: keys.pseudonym(&token.sub),
                session_id: Some(token.sid.clone()),
                client_id: Some(token.client_id.clone()),
                proof: proof.map(str::to_owned),
            },
            permissions: by_role.intersection(&by_scope).copied().collect(),
        }
    }

    /// A user at this server's own pages. They may sign in, consent and sign out there; the API is for apps.
    #[must_use]
    pub fn from_browser_session(session: &BrowserSession, keys: &Keys) -> Self {
        Self {
            user_id: session.user_id().to_owned(),
            ids: UserIds { pseudonym: keys.pseudonym(session.user_id()), ..UserIds::default() },
            permissions: BTreeSet::new(),
        }
    }

    /// The user's id (`sub`).
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The session (`sid`) of the app, or `None` at this server's own pages.
    pub fn session_id(&self) -> Option<&str> {
        self.ids.session_id.as_deref()
    }

    /// The client that acts for the user, or `None` at this server's own pages.
    pub fn client_id(&self) -> Option<&str> {
        self.ids.client_id.as_deref()
    }

    /// Whether the user may do this here.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// The actor of a transaction for this user. What the transaction appends to the audit log names user, session and
    /// client by it, and the hash of the DPoP proof: the device's own signature, which its owner can't deny.
    pub fn actor(&self) -> Actor {
        Actor::User(self.ids.clone())
    }

    /// The key that this user's API requests are counted by.
    fn limit_key(&self) -> String {
        format!("{}\u{0}{}", self.user_id, self.client_id().unwrap_or_default())
    }
}

impl fmt::Debug for AuthContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthContext")
            .field("session_id", &self.ids.session_id)
            .field("client_id", &self.ids.client_id)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}
