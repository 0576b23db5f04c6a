//! The end of a session whose key is lost.

use super::store::AccountStore;
use crate::{
    dpop::ProofKey,
    error::{Error, ReauthReason, StorageLostReason, StorageUnavailableReason},
    net::NetError,
    platform::SignerError,
    vault::{Change, StoredState, WhenLost},
};

/// Whether a request was not sent because the signer says that the key is gone for good.
pub(crate) const fn is_gone(error: &NetError) -> bool {
    matches!(error, NetError::NoProof(SignerError::Gone))
}

/// Ends the session of a key that is gone, and returns the error for it. Its tokens are dropped: nothing can be done
/// with them any more, and they cannot be revoked either, as each request needs a proof. If the vault has a session
/// with another key by now, that goes on: a retry takes its token.
///
pub(crate) async fn end_of_lost_key(store: &AccountStore, key: &ProofKey) -> Error {
    let key = key.clone();
    let ended = store.update(WhenLost::Fail, move |account| {
        if account.state.kept_session().is_none_or(|session| session.proof_key.as_ref() != Some(&key)) {
            return Change::Keep(match account.state.session() {
                Some(_) => Error::StorageUnavailable(StorageUnavailableReason::Busy),
                None => account.state.no_session(),
            });
        }
        tracing::error!("the key of the session is gone from the signer: the user has to sign in again");
        account.state = StoredState::Ended(ReauthReason::StorageLost(StorageLostReason::KeyGone));
        Change::Write(account.state.no_session())
    });
    ended.await.unwrap_or_else(|error| error)
}
