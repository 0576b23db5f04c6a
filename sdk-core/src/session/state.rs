//! The states that an app sees.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::machine::State;
use crate::{ReauthReason, SignedOutReason, TokenType, User};

/// Where the session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// Nobody is signed in.
    SignedOut(SignedOutReason),
    /// A sign-in has started and the browser is open.
    SigningIn,
    /// Somebody is signed in.
    SignedIn(User),
    /// There may be a session, and the storage can't be read just now: the device is locked, say.
    Locked,
    /// There was a session and it has ended.
    NeedsReauth(ReauthReason),
}

/// The state, and then each change of it.
#[derive(Debug, Clone)]
pub struct SessionStates {
    receiver: watch::Receiver<State>,
    shown: Option<SessionState>,
}

impl SessionStates {
    pub(super) const fn new(receiver: watch::Receiver<State>) -> Self {
        Self { receiver, shown: None }
    }

    /// The present state at the first call, and from then on the next one. A reader that is slow sees the latest state
    /// and may miss those between. Nothing, once the last [`Moorline`](crate::Moorline) is gone. Dropping the future loses
    /// nothing.
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

/// What is known about the session, with nothing secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Who is signed in.
    pub user: User,
    /// The scopes that were granted.
    pub scope: Vec<String>,
    /// How long the access token is still good for; zero if it has expired, nothing if the provider doesn't say.
    pub access_token_expires_in: Option<Duration>,
    /// Whether its tokens are bound to a key of this session; it stays so for as long as the session lives.
    pub token_type: TokenType,
    /// Whether the session can be refreshed.
    pub has_refresh_token: bool,
    /// The provider.
    pub issuer: String,
    /// The app's name at the provider.
    pub client_id: String,
    /// Which session of the vault this is.
    pub account: String,
    /// When the sign-in was finished, by the device's clock.
    pub signed_in_at: SystemTime,
    /// How often the session was refreshed since.
    pub refreshes: u64,
}
