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
        // With the vault, the token is lost that the provider would have to be told.
        let lost = matches!(self.standing().await, Err(Error::StorageLost(_)));
        self.update(WhenLost::StartAnew, |account| {
            bury(account);
            Change::Write(())
        })
        .await?;
        self.tell(Event::SignInAbandoned);
        // It finds the tombstone, so that this only queues its revocation.
        let _ = self.settle_unsaved().await;
        let told = self.tell_revocations().await;
        Ok(SignOut { revoked: told && !lost && self.told_in_vain() == in_vain })
    }
}

/// Puts a tombstone in the session's place, and what the provider must be told into the queue.
fn bury(account: &mut Account) {
    account.logins.clear();
    let buried = std::mem::replace(&mut account.standing, Standing::SignedOut);
    account.revocations.extend(buried.session().map(Revocation::of));
}
