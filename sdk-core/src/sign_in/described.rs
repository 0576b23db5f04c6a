//! Who has signed in, where the ID token does not say it: a provider that issues an access token keeps what `profile`
//! and `email` allow for its userinfo endpoint (OpenID Connect Core §5.4).

use std::time::Duration;

use super::SignIn;
use crate::{account::metadata, error::Error, user::User, vault::StoredSession};

impl SignIn {
    /// The user of a session that was just stored, as the userinfo endpoint describes them, if the ID token lacks what
    /// was asked for. The session is durable: if the endpoint does not answer, it goes on without a name, and the app
    /// can ask again by `user_info`.
    pub(super) async fn described(&self, user: User) -> User {
        match tokio::time::timeout(PATIENCE, self.ask_who()).await {
            Ok(Ok(described)) => described.unwrap_or(user),
            Ok(Err(error)) => {
                tracing::info!(%error, "the provider does not say who has signed in");
                user
            }
            Err(_) => {
                tracing::info!("the provider takes too long to say who has signed in");
                user
            }
        }
    }

    async fn ask_who(&self) -> Result<Option<User>, Error> {
        let Some(session) = self.store.session().filter(lacks_claims) else { return Ok(None) };
        let metadata = metadata(&self.store, &self.provider).await?;
        let Some(endpoint) = &metadata.userinfo_endpoint else { return Ok(None) };
        let (token, key) = (&session.access_token, session.access_token_key());
        let known = Some(session.user.subject.as_str());
        let (subject, claims) =
            self.provider.ask_for_userinfo(&metadata, endpoint, token, key, known).await?;
        self.store.describe_user(subject, claims).await
    }
}

/// Whether the claims that a scope stands for are all missing.
fn lacks_claims(session: &StoredSession) -> bool {
    let StoredSession { user, scope, .. } = session;
    let asked = |name: &str| scope.iter().any(|scope| scope == name);
    let is_nameless = user.name.is_none() && user.preferred_username.is_none();
    (asked("profile") && is_nameless) || (asked("email") && user.email.is_none())
}

/// How long a sign-in waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
