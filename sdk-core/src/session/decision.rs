//! What a refresh does next: one pure function, for the product, its tests and the model checker alike.
//!
//! ```text
//!  read the vault ──▶ Begun ──▶ Journal ─(attempt durable)─▶ Journalled ──▶ Send ──▶ … the network …
//!        ▲                                                        │                       │
//!        │                              the vault changed: StartOver              Failed ─┴─ Answered
//!        │                                                        │                │           │
//!        └────────────────────────────────────────────────────────┘   SendAgain ◀──┤           ├─▶ Store ─▶ hand out
//!        └──────────────────────── StartOver: another one was faster ◀─────────────│───────────┤
//!                                                           GiveUp, Report ◀───────┘           ├─▶ DropAndRevoke
//!                                                     (the session stays as it was)            └─▶ End
//! ```
//!
//! Only a parsed `invalid_grant`, with the vault still holding the very token that was sent, ends a session.

/// Something has happened in a refresh. `T` is the refresh token, or a model's stand-in for it; "held" is the one in the
/// vault, nothing where nobody is signed in (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a, T> {
    /// The vault was read.
    Begun {
        /// The token in the vault.
        held: Option<&'a T>,
    },
    /// The attempt is durable, and the vault was read once more.
    Journalled {
        /// The token that the attempt is for.
        token: &'a T,
        /// The token in the vault.
        held: Option<&'a T>,
    },
    /// There is no answer that says anything about the session.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether the budget allows one more.
        sends_left: bool,
    },
    /// The provider has decided, and the vault was read again, under its lock.
    Answered {
        /// The token that was sent.
        sent: &'a T,
        /// What the provider says.
        verdict: Verdict,
        /// The token in the vault.
        held: Option<&'a T>,
    },
}

/// Why a request has no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The network, a time-out, 408, 429, 5xx, HTML, a redirect, anything that isn't OAuth's own: the request may or may
    /// not have arrived.
    Unclear,
    /// The server isn't who it should be: nothing was sent.
    Untrusted,
    /// A parsed OAuth error other than `invalid_grant`: something is wrong with the client, not with the session.
    Refused,
}

/// A parsed answer about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A successor was issued.
    Issued,
    /// `invalid_grant`. One with the reason `superseded` counts the same: where the vault has moved on, that is used; where
    /// it hasn't, an old vault was put back, or a thief who has the attempt as well went on from it; there is no way on.
    InvalidGrant,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Journal an attempt for the token in the vault.
    Journal,
    /// Send the token with its attempt.
    Send,
    /// Send the same token with the same attempt again, after a pause and another look into the vault.
    SendAgain,
    /// Replace the token that was sent by the successor; hand the access token out once that is durable.
    Store,
    /// Begin again with what the vault holds now; drop what came.
    StartOver,
    /// Nobody is signed in any more: what came is dropped, and the provider told to revoke it.
    DropAndRevoke,
    /// Nobody is signed in (any more).
    Stop,
    /// The session has ended: a tombstone in the place of the token that was sent, and the provider is told to revoke it, so
    /// that what is over here is over for everybody.
    End,
    /// Tell the caller to try again later. The session stays, the attempt stays journalled.
    GiveUp,
    /// Tell the caller what is wrong. The session stays, the attempt stays journalled.
    Report,
}

/// The next action.
pub fn decide<T: PartialEq>(event: Event<'_, T>) -> Action {
    match event {
        Event::Begun { held: None } | Event::Journalled { held: None, .. } => Action::Stop,
        Event::Begun { held: Some(_) } => Action::Journal,
        Event::Journalled { token, held: Some(held) } if token == held => Action::Send,
        Event::Journalled { .. } => Action::StartOver,
        Event::Failed { failure: Failure::Unclear, sends_left: true } => Action::SendAgain,
        Event::Failed { failure: Failure::Unclear, sends_left: false } => Action::GiveUp,
        Event::Failed { failure: Failure::Untrusted | Failure::Refused, .. } => Action::Report,
        Event::Answered { sent, verdict, held: Some(held) } if sent == held => match verdict {
            Verdict::Issued => Action::Store,
            Verdict::InvalidGrant => Action::End,
        },
        Event::Answered { held: Some(_), .. } => Action::StartOver,
        Event::Answered { verdict: Verdict::Issued, held: None, .. } => Action::DropAndRevoke,
        Event::Answered { verdict: Verdict::InvalidGrant, held: None, .. } => Action::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: [Option<&u8>; 3] = [None, Some(&1), Some(&2)];

    #[test]
    fn only_invalid_grant_for_the_token_in_the_vault_ends_a_session() {
        let mut ends = 0;
        for held in HELD {
            for verdict in [Verdict::Issued, Verdict::InvalidGrant] {
                let action = decide(Event::Answered { sent: &1, verdict, held });
                ends += usize::from(action == Action::End);
                assert_eq!(action == Action::End, verdict == Verdict::InvalidGrant && held == Some(&1));
            }
            assert_ne!(decide(Event::Begun { held }), Action::End);
            assert_ne!(decide(Event::Journalled { token: &1, held }), Action::End);
        }
        for failure in [Failure::Unclear, Failure::Untrusted, Failure::Refused] {
            for sends_left in [true, false] {
                assert_ne!(decide::<u8>(Event::Failed { failure, sends_left }), Action::End);
            }
        }
        assert_eq!(ends, 1);
    }

    #[test]
    fn a_late_answer_never_replaces_a_newer_token() {
        assert_eq!(
            decide(Event::Answered { sent: &1, verdict: Verdict::Issued, held: Some(&2) }),
            Action::StartOver
        );
    }

    #[test]
    fn what_is_issued_after_a_sign_out_is_revoked() {
        assert_eq!(
            decide(Event::Answered { sent: &1, verdict: Verdict::Issued, held: None }),
            Action::DropAndRevoke
        );
    }

    #[test]
    fn a_token_that_is_not_the_vaults_any_more_is_never_sent() {
        for held in HELD {
            let sends = decide(Event::Journalled { token: &1, held }) == Action::Send;
            assert_eq!(sends, held == Some(&1));
        }
    }
}
