//! Who may do what. An [`AuthContext`] is only ever built here, by authenticating; the policy is the table in
//! [`policy`].

mod credential;
#[cfg(test)]
mod dpop_tests;
mod extract;
pub mod policy;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use crate::audit::Event;
use crate::identity::BrowserSession;
use crate::keys::Keys;
use crate::oauth::access_token::VerifiedAccessToken;
pub use extract::{Anonymous, Can, Requirement, can};
pub(crate) use extract::{Authenticated, authenticate};
pub use policy::{Permission, Role};
pub(crate) use refusal::Refusal;

/// A person who has been authenticated, and what they may do by way of the client that speaks for them.
///
/// There is no public constructor: it comes from a verified access token or from a live browser session.
#[derive(Clone)]
pub struct AuthContext {
    user_id: String,
    session_id: Option<String>,
    client_id: Option<String>,
    proof: Option<String>,
    permissions: BTreeSet<Permission>,
}

impl AuthContext {
    /// A person whose app presented a token that [`crate::oauth::access_token::verify`] accepted: they may do
    /// what both their roles and the token's scope allow.
    pub(crate) fn from_access_token(token: &VerifiedAccessToken, proof: Option<&str>) -> Self {
        let by_role = policy::of_roles(&token.roles);
        let by_scope = policy::of_scope(&token.scope);
        Self {
            user_id: token.sub.clone(),
            session_id: Some(token.sid.clone()),
            client_id: Some(token.client_id.clone()),
            proof: proof.map(str::to_owned),
            permissions: by_role.intersection(&by_scope).copied().collect(),
        }
    }

    /// A person at our own pages. They may sign in, consent and sign out there; the API is for apps.
    pub(crate) fn from_browser_session(session: &BrowserSession) -> Self {
        Self {
            user_id: session.user_id().to_owned(),
            session_id: None,
            client_id: None,
            proof: None,
            permissions: BTreeSet::new(),
        }
    }

    /// The person's id (`sub`).
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The session (`sid`) of the app, or `None` at our own pages.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The client that speaks for the person, or `None` at our own pages.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Whether the person may do this here.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Something that this person did through the API. The hash of the device's proof goes with it: its signature over this
    /// very request, which its owner can't deny.
    pub(crate) fn event(&self, name: &'static str, keys: &Keys, mut detail: serde_json::Value) -> Event {
        if let Some(proof) = &self.proof {
            detail["proof"] = proof.as_str().into();
        }
        let mut event = Event::new(name).actor(keys.pseudonym(&self.user_id)).detail(detail);
        event.session_id.clone_from(&self.session_id);
        event.client_id.clone_from(&self.client_id);
        event
    }

    /// The key to count this person's API requests by.
    pub(crate) fn limit_key(&self) -> String {
        format!("{}\u{0}{}", self.user_id, self.client_id.as_deref().unwrap_or_default())
    }
}

impl fmt::Debug for AuthContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthContext")
            .field("session_id", &self.session_id)
            .field("client_id", &self.client_id)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}
