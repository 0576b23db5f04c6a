//! The lease, and when a refresh token may be sent.

use std::time::Duration;

use super::{
    decision::{Action, Event, decide},
    store::AccountStore,
};
use crate::{
    error::{Error, StorageUnavailableReason},
    platform::CriticalSection,
    secret::Secret,
    vault::{Adoption, Lease, SentBefore},
};

/// What makes sure that a token is sent only once, as far as the provider can tell.
#[derive(Debug)]
pub(super) enum Guard {
    /// The provider recognizes a retry by its attempt.
    Attempt,
    /// No other process sends. The heir of a process that died, or was suspended, after it sent the token sends once.
    Lease { lease: Lease, sent_before: SentBefore },
}

impl Guard {
    /// Whether the lease is still held, if one is needed.
    pub(super) fn may_send(&self) -> bool {
        match self {
            Self::Attempt => true,
            Self::Lease { lease, .. } => !lease.is_suspended(),
        }
    }

    /// Whether another process can take the lease all the same: its file was deleted.
    pub(super) fn has_lost_its_lease(&self) -> bool {
        matches!(self, Self::Lease { lease, .. } if lease.is_lost())
    }

    pub(super) fn may_send_again(&self) -> bool {
        match self {
            Self::Attempt => true,
            Self::Lease { sent_before, .. } => *sent_before == SentBefore::No && self.may_send(),
        }
    }

    /// A success that cannot be read has probably spent the token. At once, it would come again as it is, or the token
    /// would count as reused: only a later refresh sends it again. The provider recognizes an attempt in any case.
    pub(super) fn forbid_sending_again(&mut self) {
        match self {
            Self::Lease { sent_before: before @ SentBefore::No, .. } => *before = SentBefore::Yes,
            Self::Attempt | Self::Lease { .. } => {}
        }
    }

    /// Whether no other process can be about to succeed with the same token. There are file systems without locks, and
    /// a process that was suspended may still get its answer.
    pub(super) fn is_exclusive(&self) -> bool {
        match self {
            Self::Attempt => true,
            Self::Lease { lease, sent_before } => {
                lease.is_exclusive() && *sent_before != SentBefore::Suspended
            }
        }
    }
}

/// What is sent under a lease.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leased<'a> {
    /// The refresh token of the session.
    Session(&'a Secret),
    /// That of another library's session.
    Adoption(&'a Adoption),
}

impl Leased<'_> {
    /// Whether it is still to be sent.
    ///
    /// # Errors
    /// Those of [`is_current`].
    pub(crate) async fn is_current(self, store: &AccountStore) -> Result<bool, Error> {
        match self {
            Self::Session(token) => is_current(store, token).await,
            Self::Adoption(adoption) => {
                let (token_hash, token) = (adoption.token_hash.clone(), adoption.token.clone());
                let found = store.read(move |account| {
                    let found = account?.adoption(&token_hash)?;
                    Some(found.token == token && found.answer.is_none())
                });
                Ok(found.await? == Some(true))
            }
        }
    }
}

/// How to wait for the account's lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// The limit of one request: the holder of the lease may need as long.
    pub(super) request_timeout: Duration,
    /// How often to look whether the lease is free.
    pub(super) poll: Duration,
}

impl Waiting {
    /// Longer than any exchange takes, so that nobody gives up before the holder's request can be over.
    fn limit(self) -> Duration {
        self.request_timeout * 3 / 2 + Duration::from_secs(1)
    }
}

/// Step 4, before every send: time may have passed, or the device slept. `false` if the session has gone on to another
/// token.
///
/// # Errors
/// Those of a session that has ended, and of the storage.
pub(crate) async fn is_current(store: &AccountStore, token: &Secret) -> Result<bool, Error> {
    let state = store.stored_state().await?;
    match decide(Event::Journalled { token, held: state.refreshable_token() }) {
        Action::Send => Ok(true),
        Action::StartOver => Ok(false),
        _ => Err(state.no_session()),
    }
}

/// Waits for the account's lease, to send a token or to settle its refusal. `None` if another process has replaced the
/// token meanwhile. A frozen holder keeps the lease: to take it away would lose the session.
///
/// # Errors
/// [`StorageUnavailableReason::Busy`] if the holder takes too long, or the critical section has expired; and those of
/// [`is_current`].
pub(super) async fn take_lease(
    store: &AccountStore,
    waiting: Waiting,
    sending: Leased<'_>,
) -> Result<Option<(CriticalSection, Lease)>, Error> {
    // Before the lease is taken: a process that is suspended while it holds a lock would keep the others out.
    let critical = store.begin_critical();
    let mut waited = Duration::ZERO;
    let lease = loop {
        if let Some(lease) = store.try_lease().await? {
            break lease;
        }
        if waited >= waiting.limit() {
            tracing::warn!("another process has been refreshing this session for too long");
            return Err(BUSY);
        }
        tokio::time::sleep(waiting.poll).await;
        waited += waiting.poll;
        if !sending.is_current(store).await? {
            return Ok(None);
        }
    };
    let held = lease.clone();
    if critical.on_expiry(move || held.suspend()) { Ok(Some((critical, lease))) } else { Err(BUSY) }
}

/// Waits until the process that sent `token` under a lease whose file was deleted has its answer, if it lives. Returns
/// `false` if the answer came and was stored.
///
/// # Errors
/// Those of [`is_current`].
pub(super) async fn wait_for_lost_holder(
    store: &AccountStore,
    waiting: Waiting,
    token: &Secret,
) -> Result<bool, Error> {
    tracing::warn!("the lock file of a refresh was deleted; waiting until that refresh can be over");
    let mut waited = Duration::ZERO;
    while waited < waiting.limit() {
        if !is_current(store, token).await? {
            return Ok(false);
        }
        tokio::time::sleep(waiting.poll).await;
        waited += waiting.poll;
    }
    is_current(store, token).await
}

/// Another process has the lease, or the time of this one is over.
pub(super) const BUSY: Error = Error::StorageUnavailable(StorageUnavailableReason::Busy);
