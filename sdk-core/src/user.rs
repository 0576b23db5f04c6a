//! The person that is signed in.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The person that is signed in, as the provider describes them (OpenID Connect Core §5.1).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The provider's own, stable name for the person: unique within the issuer.
    pub subject: String,
    /// The full name.
    pub name: Option<String>,
    /// What the person likes to be called at the provider.
    pub preferred_username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has checked the e-mail address.
    pub email_verified: Option<bool>,
    /// The address of a picture.
    pub picture: Option<String>,
    /// All that the provider says of the person, these members among it.
    pub claims: Map<String, Value>,
}

impl User {
    /// The person whom these claims describe. A claim of the wrong type counts as absent.
    pub(crate) fn from_claims(subject: String, claims: Map<String, Value>) -> Self {
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            subject,
            name: text("name"),
            preferred_username: text("preferred_username"),
            email: text("email"),
            // Some providers say it with a string.
            email_verified: match claims.get("email_verified") {
                Some(Value::Bool(verified)) => Some(*verified),
                Some(Value::String(verified)) => verified.parse().ok(),
                _ => None,
            },
            picture: text("picture"),
            claims,
        }
    }

    /// The same person, with more known of them.
    pub(crate) fn with(&self, newer: Map<String, Value>) -> Self {
        let mut claims = self.claims.clone();
        claims.extend(newer);
        Self::from_claims(self.subject.clone(), claims)
    }
}

/// Shows the subject alone: a log is no place for names and addresses.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("subject", &self.subject).finish_non_exhaustive()
    }
}
