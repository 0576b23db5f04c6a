//! Sign-out: first durable on this device, then at the provider.

use super::{
    documents::metadata, end_session::EndSessionRequest, refresher::Refresher,
    revocation_answer::RevocationOutcome, revocations::Revocations, store::AccountStore,
};
use crate::{
    configuration::check_redirect_uri,
    error::Error,
    provider::Provider,
    secret::Secret,
    state::StateEvent,
    vault::{Account, Change, StoredSession, StoredState, WhenLost},
};

/// Options of a sign-out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignOutOptions {
    /// Whether the user is to be signed out in the browser as well, from every app that uses the provider there: see
    /// [`SignOutOutcome::end_session`].
    pub end_session: bool,
    /// Where the provider sends the user afterwards. It has to be registered there.
    pub post_logout_redirect_uri: Option<String>,
}

/// How a sign-out went. The session is gone from this device in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignOutOutcome {
    /// Whether the provider answered in this call that it has revoked the session: `revocation` is
    /// [`Revoked`](RevocationOutcome::Revoked).
    pub revoked: bool,
    /// What became of the session at the provider; if nobody was signed in, of earlier ones whose revocation was still
    /// queued. Of several, the one that is furthest from revoked.
    pub revocation: RevocationOutcome,
    /// The provider's sign-out page, for the app to open in the browser. `None` if
    /// [`end_session`](SignOutOptions::end_session) was not asked for, nobody was signed in, or the provider has
    /// no such page or cannot be asked for it.
    pub end_session: Option<EndSessionRequest>,
}

impl From<RevocationOutcome> for SignOutOutcome {
    fn from(revocation: RevocationOutcome) -> Self {
        Self { revoked: revocation == RevocationOutcome::Revoked, revocation, end_session: None }
    }
}

/// Clears the session on this device, then revokes it at the provider, for `limit` at most. A refresh that is under way
/// finds nobody signed in, and the tokens that it brings are revoked too.
///
/// # Errors
/// [`Error::Misconfigured`] if the redirect URI is not one, those of the storage, and then nothing has happened.
pub(crate) async fn sign_out(
    store: &AccountStore,
    provider: &Provider,
    refresher: &Refresher,
    revocations: &Revocations,
    options: &SignOutOptions,
) -> Result<SignOutOutcome, Error> {
    if let Some(uri) = &options.post_logout_redirect_uri {
        check_redirect_uri(uri)?;
    }
    // Its token is the one to revoke. What fails here does not keep the user signed in.
    refresher.settle_saved_session().await;
    let cleared = store.update(WhenLost::StartAnew, |account| Change::Write(clear_session(account)));
    let Cleared { token, earlier, session } = cleared.await?;
    store.signal(StateEvent::SignInEnded);
    // It finds nobody signed in, so that this only queues its revocation.
    let _ = refresher.settle_unsaved().await;
    let queued = store.read(|account| account.map_or_else(Vec::new, queued_tokens)).await.unwrap_or_default();
    let mut tokens: Vec<_> = queued.into_iter().filter(|token| !earlier.contains(token)).collect();
    tokens.extend(token);
    if tokens.is_empty() {
        tokens = earlier;
    }
    let revocation = revocations.revoke(&tokens, provider.request_timeout()).await;
    let end_session = match session {
        Some(session) if options.end_session => end_session(store, provider, &session, options).await,
        _ => None,
    };
    Ok(SignOutOutcome { end_session, ..revocation.into() })
}

async fn end_session(
    store: &AccountStore,
    provider: &Provider,
    session: &StoredSession,
    options: &SignOutOptions,
) -> Option<EndSessionRequest> {
    let metadata =
        tokio::time::timeout(provider.request_timeout(), metadata(store, provider)).await.ok()?.ok()?;
    let back_to = options.post_logout_redirect_uri.as_deref();
    EndSessionRequest::new(&metadata, provider.configuration(), session.id_token.as_ref(), back_to)
}

/// What a sign-out found.
struct Cleared {
    /// What revokes the session that was cleared.
    token: Option<Secret>,
    /// The tokens whose revocation was queued before.
    earlier: Vec<Secret>,
    session: Option<StoredSession>,
}

/// Removes the session, and queues its revocation.
fn clear_session(account: &mut Account) -> Cleared {
    account.logins.clear();
    let earlier = queued_tokens(account);
    account.revoke_adoptions();
    let token = account.queue_revocation_of_session();
    let session = account.state.kept_session().cloned();
    account.state = StoredState::SignedOut;
    Cleared { token, earlier, session }
}

fn queued_tokens(account: &Account) -> Vec<Secret> {
    account.revocations.iter().map(|revocation| revocation.token.clone()).collect()
}
