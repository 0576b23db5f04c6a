//! What a refresh does next: one pure function, for the product, its tests and the model checker alike.
//!
//! ```text
//!  read the vault ──▶ Begun ──▶ Journal ─(attempt durable)─▶ Journalled ──▶ Send ──▶ … the network …
//!        ▲                                                        │                       │
//!        │                              the vault changed: StartOver              Failed ─┴─ Answered
//!        │                                                        │                │           │
//!        └────────────────────────────────────────────────────────┘   SendAgain ◀──┤           ├─▶ Store ─▶ hand out
//!        └──────────────────────── StartOver: another process was faster ◀─────────│───────────┤
//!                                                           GiveUp, Report ◀───────┘           ├─▶ DropAndRevoke
//!                                                  (the session stays as it was)               ├─▶ End, Suspend
//!                                                                                              └─▶ Note
//! ```
//!
//! A session ends only by evidence of the provider about the token that the vault still holds.

/// Something has happened in a refresh. `T` is the refresh token, or the model's token; `held` is the one in the
/// vault, `None` if nobody is signed in (any more).
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
    /// There is no response that says anything about the session.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether the token may be sent once more in this call.
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
        /// The token of a session that ended because of a refusal.
        refused: Option<&'a T>,
    },
}

/// Why there is no response that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The network, a time-out, 408, 429, 5xx, HTML, a redirect, anything that is not OAuth's: the request may or may
    /// not have arrived.
    Unclear,
    /// Nothing was sent: the server is not who it should be, or asked to be left alone.
    NotSent,
}

/// A parsed response about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A successor was issued.
    Issued,
    /// `invalid_grant`. One with the reason `superseded` counts the same: if the vault has moved on, that is used; if
    /// not, an old vault was restored, or a thief who has the attempt as well went on from it.
    InvalidGrant,
    /// The user has to sign in or to consent again.
    InteractionRequired,
    /// The provider refuses the app, not the session.
    ClientRejected,
    /// Another refusal. Some providers answer so to an expired token, others to a request that a gateway has damaged.
    Refused {
        /// Whether this token was refused in an earlier call, too.
        again: bool,
    },
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
    /// Nobody is signed in any more: drop what came, and have the provider revoke it.
    DropAndRevoke,
    /// Nobody is signed in (any more).
    Stop,
    /// The session has ended: keep the reason in its place, and have the provider revoke it, so that what is over here
    /// is over for everybody.
    End,
    /// The session needs the user: keep the reason in its place. Nothing is revoked.
    Suspend,
    /// Record the refusal and report it. The session stays.
    Note,
    /// Report that it failed for now. The session and the journalled attempt stay.
    GiveUp,
    /// Report what is wrong. The session and the journalled attempt stay.
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
        Event::Failed { failure: Failure::NotSent, .. } => Action::Report,
        Event::Answered { sent, verdict, held: Some(held), .. } if sent == held => match verdict {
            Verdict::Issued => Action::Store,
            Verdict::InvalidGrant => Action::End,
            Verdict::InteractionRequired | Verdict::Refused { again: true } => Action::Suspend,
            Verdict::Refused { again: false } => Action::Note,
            Verdict::ClientRejected => Action::Report,
        },
        Event::Answered { held: Some(_), .. } => Action::StartOver,
        // The session ended by inference from a refusal of this very token; that it succeeds is better evidence.
        Event::Answered { sent, verdict: Verdict::Issued, refused: Some(refused), .. } if sent == refused => {
            Action::Store
        }
        Event::Answered { verdict: Verdict::Issued, held: None, .. } => Action::DropAndRevoke,
        Event::Answered { held: None, .. } => Action::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: [Option<&u8>; 3] = [None, Some(&1), Some(&2)];

    const VERDICTS: [Verdict; 6] = [
        Verdict::Issued,
        Verdict::InvalidGrant,
        Verdict::InteractionRequired,
        Verdict::ClientRejected,
        Verdict::Refused { again: false },
        Verdict::Refused { again: true },
    ];

    #[test]
    fn only_a_refusal_of_the_token_in_the_vault_ends_a_session() {
        for held in HELD {
            for refused in HELD {
                for verdict in VERDICTS {
                    let action = decide(Event::Answered { sent: &1, verdict, held, refused });
                    assert_eq!(action == Action::End, verdict == Verdict::InvalidGrant && held == Some(&1));
                    if action == Action::Suspend {
                        let evidence = [Verdict::InteractionRequired, Verdict::Refused { again: true }];
                        assert!(held == Some(&1) && evidence.contains(&verdict));
                    }
                }
            }
            assert_ne!(decide(Event::Begun { held }), Action::End);
            assert_ne!(decide(Event::Journalled { token: &1, held }), Action::End);
        }
        for failure in [Failure::Unclear, Failure::NotSent] {
            for sends_left in [true, false] {
                assert_ne!(decide::<u8>(Event::Failed { failure, sends_left }), Action::End);
            }
        }
    }

    #[test]
    fn a_late_response_never_replaces_a_newer_token() {
        for refused in HELD {
            let event = Event::Answered { sent: &1, verdict: Verdict::Issued, held: Some(&2), refused };
            assert_eq!(decide(event), Action::StartOver);
        }
    }

    #[test]
    fn a_success_for_the_very_token_revives_a_session_that_ended_by_inference_and_no_other() {
        let event = |refused| Event::Answered { sent: &1, verdict: Verdict::Issued, held: None, refused };
        assert_eq!(decide(event(Some(&1))), Action::Store);
        assert_eq!(decide(event(Some(&2))), Action::DropAndRevoke);
        assert_eq!(decide(event(None)), Action::DropAndRevoke, "a sign-out stays one");
    }

    #[test]
    fn a_token_that_is_not_in_the_vault_any_more_is_never_sent() {
        for held in HELD {
            let sends = decide(Event::Journalled { token: &1, held }) == Action::Send;
            assert_eq!(sends, held == Some(&1));
        }
    }
}
