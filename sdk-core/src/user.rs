//! The user.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The user who is signed in, as the provider describes them (OpenID Connect Core §5.1).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The stable identifier of the user (`sub`), unique within the issuer.
    pub subject: String,
    /// The full name.
    pub name: Option<String>,
    /// The name by which the user wants to be known at the provider.
    pub preferred_username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has checked the e-mail address.
    pub email_verified: Option<bool>,
    /// The URL of a picture.
    pub picture: Option<String>,
    /// All claims about the user, including the ones above.
    pub claims: Map<String, Value>,
}

impl User {
    /// The user whom these claims describe. A claim of the wrong type counts as absent.
    pub(crate) fn from_claims(subject: String, claims: Map<String, Value>) -> Self {
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            subject,
            name: text("name"),
            preferred_username: text("preferred_username"),
            email: text("email"),
            // Some providers send a string.
            email_verified: match claims.get("email_verified") {
                Some(Value::Bool(verified)) => Some(*verified),
                Some(Value::String(verified)) => verified.parse().ok(),
                _ => None,
            },
            picture: text("picture"),
            claims,
        }
    }

    /// The same user, as the ID token and the userinfo endpoint describe them now: what an earlier userinfo response
    /// said does not count any more. Without an ID token, as vaults of before are, nobody knows what it said.
    pub(crate) fn described_by(
        &self,
        id_token: Option<Map<String, Value>>,
        userinfo: Map<String, Value>,
    ) -> Self {
        let mut claims = id_token.unwrap_or_else(|| self.claims.clone());
        claims.extend(userinfo);
        Self::from_claims(self.subject.clone(), claims)
    }
}

/// Shows the subject alone: names and addresses do not belong in a log.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("subject", &self.subject).finish_non_exhaustive()
    }
}
