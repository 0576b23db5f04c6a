//! Sign-out: first durable on this device, then at the provider.

use std::time::Duration;

use super::{
    refresher::Refresher, revocation_answer::RevocationOutcome, revocations::Revocations, store::AccountStore,
};
use crate::{
    error::Error,
    secret::Secret,
    state::StateEvent,
    vault::{Account, Change, StoredState, WhenLost},
};

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
}

impl From<RevocationOutcome> for SignOutOutcome {
    fn from(revocation: RevocationOutcome) -> Self {
        Self { revoked: revocation == RevocationOutcome::Revoked, revocation }
    }
}

/// Clears the session on this device, then revokes it at the provider, for `limit` at most. A refresh that is under way
/// finds nobody signed in, and the tokens that it brings are revoked too.
pub(crate) async fn sign_out(
    store: &AccountStore,
    refresher: &Refresher,
    revocations: &Revocations,
    limit: Duration,
) -> Result<SignOutOutcome, Error> {
    // Its token is the one to revoke. What fails here does not keep the user signed in.
    refresher.settle_saved_session().await;
    let cleared = store.update(WhenLost::StartAnew, |account| Change::Write(clear_session(account)));
    let Cleared { token, earlier } = cleared.await?;
    store.signal(StateEvent::SignInEnded);
    // It finds nobody signed in, so that this only queues its revocation.
    let _ = refresher.settle_unsaved().await;
    let queued = store.read(|account| account.map_or_else(Vec::new, queued_tokens)).await.unwrap_or_default();
    let mut tokens: Vec<_> = queued.into_iter().filter(|token| !earlier.contains(token)).collect();
    tokens.extend(token);
    if tokens.is_empty() {
        tokens = earlier;
    }
    Ok(revocations.revoke(&tokens, limit).await.into())
}

/// What a sign-out found.
struct Cleared {
    /// What revokes the session that was cleared.
    token: Option<Secret>,
    /// The tokens whose revocation was queued before.
    earlier: Vec<Secret>,
}

/// Removes the session, and queues its revocation.
fn clear_session(account: &mut Account) -> Cleared {
    account.logins.clear();
    let earlier = queued_tokens(account);
    let token = account.queue_revocation_of_session();
    account.state = StoredState::SignedOut;
    Cleared { token, earlier }
}

fn queued_tokens(account: &Account) -> Vec<Secret> {
    account.revocations.iter().map(|revocation| revocation.token.clone()).collect()
}
