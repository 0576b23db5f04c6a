//! Sign-out: first a durable tombstone here, then word to the provider.

use std::sync::Arc;

use super::{engine::Session, machine::Event};
use crate::{
    Error, SignOut,
    vault::{Account, Change, Revocation, Standing, WhenLost},
};

impl Session {
    /// Forgets the session here, then tells the provider, which may have to wait. A refresh that is under way finds the
    /// tombstone, and what it brings is dropped and revoked too.
    pub(crate) async fn sign_out(self: &Arc<Self>) -> Result<SignOut, Error> {
        let in_vain = self.told_in_vain();
        let buried = self.change(WhenLost::StartAnew, |account| Change::Write(bury(account))).await?;
        self.tell(Event::SignInAbandoned);
        // It finds the tombstone, so that this only queues its revocation.
        let _ = self.settle_unsaved().await;
        let told = self.tell_revocations().await && self.told_in_vain() == in_vain;
        // Where a vault was lost, so was the token that the provider would have to be told.
        let known = buried.outcome || !buried.lost_before;
        Ok(SignOut { revoked: told && known })
    }
}

/// Puts a tombstone in the session's place, and what the provider must be told into the queue. Whether there was a session.
fn bury(account: &mut Account) -> bool {
    account.logins.clear();
    let buried = std::mem::replace(&mut account.standing, Standing::SignedOut);
    account.revocations.extend(buried.session().map(Revocation::of));
    buried.session().is_some()
}
