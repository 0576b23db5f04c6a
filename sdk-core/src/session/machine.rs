//! The states of a session, and every way from one to another.
//!
//! ```text
//!                    ┌──────────────── SignInFinished ──────────────────┐
//!                    │                                                  ▼
//!   SignedOut ─ SignInStarted ─▶ SigningIn ─ SignInFinished ─▶      SignedIn ─ Ended ─▶ NeedsReauth
//!       ▲                           │  ▲                            │     ▲                 │
//!       │          SignInAbandoned: │  └──── SignInStarted ─────────┼─────┼─────────────────┤
//!       │     back to where it was ─┘                               │     └─ (a sign-in) ───┤
//!       └──────────────────────────── SignedOut ────────────────────┴───────────────────────┘
//!
//!   Unavailable: Unknown ─▶ Locked, and nothing else; what the vault says later leads on from there.
//! ```

use crate::{ReauthReason, SessionState, SignedOutReason, User, vault::Standing};

/// Where the session stands, as far as this process knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// The vault wasn't read yet.
    Unknown,
    /// The vault can't be read just now, and never could by this process.
    Locked,
    SignedOut(SignedOutReason),
    SignedIn(User),
    NeedsReauth(ReauthReason),
    /// A browser is open; and where the session stood (and stands) meanwhile.
    SigningIn(Box<Self>),
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The vault can't be read just now.
    Unavailable,
    /// The vault says, or has just been made to say, where the session stands.
    Stands(Standpoint),
    SignInStarted,
    SignInAbandoned,
    SignInFinished(User),
}

/// Where the vault says that the session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standpoint {
    SignedOut(SignedOutReason),
    SignedIn(User),
    Ended(ReauthReason),
}

impl From<&Standing> for Standpoint {
    fn from(standing: &Standing) -> Self {
        match standing {
            Standing::NeverSignedIn => Self::SignedOut(SignedOutReason::NeverSignedIn),
            Standing::SignedOut => Self::SignedOut(SignedOutReason::ByUser),
            Standing::SignedIn(session) => Self::SignedIn(session.user.clone()),
            Standing::Ended(reason) => Self::Ended((*reason).into()),
        }
    }
}

impl State {
    /// The state after `event`.
    pub(crate) fn after(self, event: Event) -> Self {
        match (self, event) {
            (_, Event::SignInFinished(user)) => Self::SignedIn(user),
            (Self::SigningIn(before), Event::SignInStarted) => Self::SigningIn(before),
            (before, Event::SignInStarted) => Self::SigningIn(Box::new(before)),
            (Self::SigningIn(before), Event::SignInAbandoned) => *before,
            (state, Event::SignInAbandoned) => state,
            // The browser stays open, whatever becomes of the session that was there.
            (Self::SigningIn(before), event) => Self::SigningIn(Box::new(before.after(event))),
            (Self::Unknown | Self::Locked, Event::Unavailable) => Self::Locked,
            (state, Event::Unavailable) => state,
            (_, Event::Stands(Standpoint::SignedOut(reason))) => Self::SignedOut(reason),
            (_, Event::Stands(Standpoint::SignedIn(user))) => Self::SignedIn(user),
            (_, Event::Stands(Standpoint::Ended(reason))) => Self::NeedsReauth(reason),
        }
    }

    /// What an app sees of it.
    pub(crate) fn shown(&self) -> SessionState {
        match self {
            Self::Unknown | Self::Locked => SessionState::Locked,
            Self::SignedOut(reason) => SessionState::SignedOut(*reason),
            Self::SignedIn(user) => SessionState::SignedIn(user.clone()),
            Self::NeedsReauth(reason) => SessionState::NeedsReauth(*reason),
            Self::SigningIn(_) => SessionState::SigningIn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> User {
        User::from_claims("ada".into(), serde_json::Map::new())
    }

    const NEVER: State = State::SignedOut(SignedOutReason::NeverSignedIn);

    #[test]
    fn a_sign_in_that_is_abandoned_leads_back_to_where_it_began() {
        for before in
            [NEVER, State::SignedIn(ada()), State::NeedsReauth(ReauthReason::Revoked), State::Locked]
        {
            let started = before.clone().after(Event::SignInStarted).after(Event::SignInStarted);
            assert_eq!(started.shown(), SessionState::SigningIn);
            assert_eq!(started.after(Event::SignInAbandoned), before);
        }
    }

    #[test]
    fn a_session_that_ends_while_the_browser_is_open_is_not_there_when_it_closes() {
        let state = State::SignedIn(ada())
            .after(Event::SignInStarted)
            .after(Event::Stands(Standpoint::Ended(ReauthReason::Revoked)));
        assert_eq!(state.shown(), SessionState::SigningIn);
        assert_eq!(state.after(Event::SignInAbandoned), State::NeedsReauth(ReauthReason::Revoked));
    }

    #[test]
    fn storage_that_is_locked_later_on_changes_nothing() {
        assert_eq!(State::Unknown.after(Event::Unavailable), State::Locked);
        assert_eq!(State::SignedIn(ada()).after(Event::Unavailable), State::SignedIn(ada()));
        assert_eq!(State::Locked.after(Event::Stands(Standpoint::SignedIn(ada()))), State::SignedIn(ada()));
    }
}
