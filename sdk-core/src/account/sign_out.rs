//! Sign-out: first durable on this device, then at the provider.

use super::{refresher::Refresher, revocations::Revocations, store::AccountStore};
use crate::{
    error::Error,
    state::StateEvent,
    vault::{Account, Change, Revocation, StoredState, WhenLost},
};

/// How a sign-out went. The session is gone from this device in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignOutOutcome {
    /// Whether the provider answered in this call that it has revoked the session. If not: nobody was signed in, the
    /// provider could not be reached (the revocation is queued and sent at the next chance), it refused or has no
    /// revocation endpoint, or the token was lost with a vault that cannot be read any more.
    pub revoked: bool,
}

/// Clears the session on this device, then revokes it at the provider. A refresh that is under way finds nobody signed
/// in, and the tokens that it brings are revoked too.
pub(crate) async fn sign_out(
    store: &AccountStore,
    refresher: &Refresher,
    revocations: &Revocations,
) -> Result<SignOutOutcome, Error> {
    // Its token is the one to revoke. What fails here does not keep the user signed in.
    if let Some(token) = store.token_to_revoke().await {
        let _ = refresher.settle_saved(&token).await;
    }
    let cleared = store.update(WhenLost::StartAnew, |account| Change::Write(clear_session(account))).await?;
    store.signal(StateEvent::SignInEnded);
    // It finds nobody signed in, so that this only queues its revocation.
    let _ = refresher.settle_unsaved().await;
    revocations.send().await;
    Ok(SignOutOutcome { revoked: cleared.is_some_and(|session| revocations.has_revoked(&session.token)) })
}

/// Removes the session, and queues its revocation, which is returned.
fn clear_session(account: &mut Account) -> Option<Revocation> {
    account.logins.clear();
    let before = std::mem::replace(&mut account.state, StoredState::SignedOut);
    let session = match &before {
        StoredState::Refused(refused) => Some(&refused.session),
        before => before.session(),
    };
    let revocation = session.map(Revocation::of);
    account.revocations.extend(revocation.clone());
    revocation
}
