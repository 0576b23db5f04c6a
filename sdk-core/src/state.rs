//! The states of a session, and every way from one to another.
//!
//! ```text
//!                         SignInStarted                     SignInEnded
//!   any state below ────────────────────▶ SigningIn ─────────────────────▶ what the vault says by then
//!
//!   Locked ──VaultRead──▶ SignedOut ◀──VaultRead──▶ SignedIn ◀──VaultRead──▶ NeedsReauth
//! ```
//!
//! A vault whose key store is locked is `Locked`, whatever was known before: another process may have replaced it. A
//! vault that cannot be read at present for another reason changes nothing: the state stays what it was, `Locked` at
//! first.
//!
//! The vault decides: a [`SessionState`] is what the vault said last, except while a sign-in is under way.

use tokio::sync::watch;

use crate::{
    error::{ReauthReason, SignedOutReason},
    user::User,
};

/// The state of a session. The one model of it: stored data is turned into it by the vault, and the bindings map it
/// once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionState {
    /// Nobody is signed in.
    SignedOut(SignedOutReason),
    /// A sign-in has started and the browser is open.
    SigningIn,
    /// A user is signed in.
    SignedIn(User),
    /// There may be a session, and the storage cannot be read at present: the device is locked, for example.
    Locked,
    /// There was a session, and it needs a new sign-in.
    NeedsReauth(ReauthReason),
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StateEvent {
    /// The vault was read or written.
    VaultRead(SessionState),
    /// A sign-in has started.
    SignInStarted,
    /// The sign-in has finished, failed or been cancelled.
    SignInEnded,
}

/// The state as this process knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateMachine {
    /// What the vault said last; [`SessionState::Locked`] before the first reading.
    stored: SessionState,
    signing_in: bool,
}

impl StateMachine {
    /// Before the vault was read.
    pub(crate) const fn new() -> Self {
        Self { stored: SessionState::Locked, signing_in: false }
    }

    /// The state after `event`.
    pub(crate) fn after(self, event: StateEvent) -> Self {
        match event {
            StateEvent::VaultRead(stored) => Self { stored, ..self },
            StateEvent::SignInStarted => Self { signing_in: true, ..self },
            StateEvent::SignInEnded => Self { signing_in: false, ..self },
        }
    }

    /// What an app sees.
    pub(crate) fn shown(&self) -> SessionState {
        if self.signing_in { SessionState::SigningIn } else { self.stored.clone() }
    }
}

/// The current state, and then each change of it.
#[derive(Debug, Clone)]
pub struct SessionStates {
    receiver: watch::Receiver<StateMachine>,
    shown: Option<SessionState>,
}

impl SessionStates {
    pub(crate) const fn new(receiver: watch::Receiver<StateMachine>) -> Self {
        Self { receiver, shown: None }
    }

    /// Returns the current state at the first call, and then waits for the next one. A slow reader gets the latest
    /// state and may miss those between. Returns `None` once the last [`Moorline`](crate::Moorline) is gone. Dropping
    /// the future loses nothing.
    pub async fn next(&mut self) -> Option<SessionState> {
        loop {
            let state = self.receiver.borrow_and_update().shown();
            if self.shown.as_ref() != Some(&state) {
                self.shown = Some(state.clone());
                return Some(state);
            }
            self.receiver.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> SessionState {
        SessionState::SignedIn(User::from_claims("ada".into(), serde_json::Map::new()))
    }

    fn machine(stored: SessionState) -> StateMachine {
        StateMachine::new().after(StateEvent::VaultRead(stored))
    }

    #[test]
    fn a_cancelled_sign_in_leads_back_to_what_the_vault_says() {
        for before in [
            SessionState::SignedOut(SignedOutReason::NeverSignedIn),
            ada(),
            SessionState::NeedsReauth(ReauthReason::Revoked),
            SessionState::Locked,
        ] {
            let started =
                machine(before.clone()).after(StateEvent::SignInStarted).after(StateEvent::SignInStarted);
            assert_eq!(started.shown(), SessionState::SigningIn);
            assert_eq!(started.after(StateEvent::SignInEnded).shown(), before);
        }
    }

    #[test]
    fn a_session_that_ends_while_the_browser_is_open_is_gone_when_it_closes() {
        let ended = SessionState::NeedsReauth(ReauthReason::Revoked);
        let state =
            machine(ada()).after(StateEvent::SignInStarted).after(StateEvent::VaultRead(ended.clone()));
        assert_eq!(state.shown(), SessionState::SigningIn);
        assert_eq!(state.after(StateEvent::SignInEnded).shown(), ended);
    }
}
