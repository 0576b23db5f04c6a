//! Shorter ways to a session's parts.

use crate::{
    AccessToken, Error, SessionInfo, SessionState, SessionStates, SignOutOptions, SignOutOutcome,
    account::{TokenRequest, is_current, to_send},
    provider::RefreshRequest,
    session::Session,
    vault::{Account, StoredState},
};

impl Session {
    pub(crate) fn state(&self) -> SessionState {
        self.store.state()
    }

    pub(crate) fn states(&self) -> SessionStates {
        self.store.states()
    }

    pub(crate) fn info(&self) -> Option<SessionInfo> {
        self.store.info()
    }

    /// Signs out on this device and at the provider, not in the browser.
    pub(crate) async fn sign_out_here(&self) -> Result<SignOutOutcome, Error> {
        self.sign_out(&SignOutOptions::default()).await
    }

    pub(crate) fn latest(&self) -> Option<AccessToken> {
        self.store.latest()
    }

    pub(crate) async fn stored_state(&self) -> StoredState {
        self.store.stored_state().await.unwrap()
    }

    /// Steps 2 and 3 of a refresh: what to send, journalled.
    pub(crate) async fn begin(&self, knows_attempts: bool) -> Result<Option<RefreshRequest>, Error> {
        Ok(to_send(&self.store.begin_refresh(knows_attempts).await?, &TokenRequest::default(), false))
    }

    /// Step 4 of a refresh: whether the token may be sent.
    pub(crate) async fn is_current(&self, sending: &RefreshRequest) -> bool {
        is_current(&self.store, &sending.token).await.unwrap()
    }

    pub(crate) async fn look<T: Send + 'static>(
        &self,
        at: impl FnOnce(Option<&Account>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.store.read(at).await
    }

    /// Sends all revocations, and waits until none is being sent.
    pub(crate) async fn send_revocations(&self) {
        self.revocations.send().await;
        self.revocations.idle(std::time::Duration::from_secs(600)).await;
    }

    /// How many revocations wait to be sent.
    pub(crate) async fn queued_revocations(&self) -> usize {
        self.look(|account| account.map_or(0, |account| account.revocations.len())).await.unwrap()
    }
}
