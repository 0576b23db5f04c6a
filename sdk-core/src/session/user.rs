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
    /// All that the provider says, these members among it.
    pub claims: Map<String, Value>,
}

/// Shows the subject alone: a log is no place for names and addresses.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("subject", &self.subject).finish_non_exhaustive()
    }
}
