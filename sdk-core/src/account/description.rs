//! Who the user is, by the userinfo endpoint.

use serde_json::{Map, Value};

use super::AccountStore;
use crate::{
    error::Error,
    provider::claims_of_verified,
    user::User,
    vault::{Change, StoredState, WhenLost},
};

impl AccountStore {
    /// Adds what the userinfo endpoint says of this user to the claims of the ID token. `None` if the session of this
    /// user is gone.
    pub(crate) async fn describe_user(
        &self,
        subject: String,
        claims: Map<String, Value>,
    ) -> Result<Option<User>, Error> {
        self.update(WhenLost::Fail, move |account| match &mut account.state {
            StoredState::SignedIn(stored) if stored.user.subject == subject => {
                let id_token = stored.id_token.as_ref().and_then(|token| claims_of_verified(token.expose()));
                let user = stored.user.described_by(id_token, claims);
                let changed = user != stored.user;
                stored.user = user.clone();
                if changed { Change::Write(Some(user)) } else { Change::Keep(Some(user)) }
            }
            _ => Change::Keep(None),
        })
        .await
    }
}
