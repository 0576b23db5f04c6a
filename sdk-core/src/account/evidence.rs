//! What a response says about the session, and what becomes of the account then.

use super::decision::{Action, Event, Failure, Verdict};
use crate::{
    error::{Error, ReauthReason},
    net::NetError,
    provider::Refusal,
    secret::Secret,
    vault::{Account, Change, RefusedSession, Revocation, StoredState},
};

pub(super) fn answered<'a>(sent: &'a Secret, verdict: Verdict, account: &'a Account) -> Event<'a, Secret> {
    Event::Answered {
        sent,
        verdict,
        held: account.state.refresh_token(),
        refused: account.state.refused_token(),
    }
}

/// What becomes of tokens that may not be stored.
pub(super) fn dropped<T>(
    action: Action,
    account: &mut Account,
    revocation: Revocation,
) -> Change<Result<Option<T>, Error>> {
    if action == Action::DropAndRevoke {
        account.revocations.push(revocation);
        return Change::Write(Err(account.state.no_session()));
    }
    Change::Keep(Ok(None))
}

/// Ends the session, and keeps its tokens in case that a success is under way.
pub(super) fn end(account: &mut Account, reason: ReauthReason) -> Change<Result<(), Error>> {
    account.refusal = None;
    account.state = match std::mem::replace(&mut account.state, StoredState::Ended(reason)) {
        StoredState::SignedIn(session) => {
            StoredState::Refused(Box::new(RefusedSession { session: *session, reason }))
        }
        _ => StoredState::Ended(reason),
    };
    Change::Write(Err(account.state.no_session()))
}

/// What a refusal says about the session (RFC 6749 §5.2, OpenID Connect Core §3.1.2.6).
pub(super) fn verdict_of(refusal: &Refusal, again: bool) -> Verdict {
    match refusal.code.as_str() {
        _ if refusal.is_invalid_grant() => Verdict::InvalidGrant,
        "interaction_required" | "login_required" | "consent_required" | "account_selection_required" => {
            Verdict::InteractionRequired
        }
        "invalid_client"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "invalid_target" => Verdict::ClientRejected,
        _ => Verdict::Refused { again },
    }
}

pub(super) fn reason_of(refusal: &Refusal) -> ReauthReason {
    match verdict_of(refusal, true) {
        Verdict::InteractionRequired => ReauthReason::InteractionRequired,
        _ => ReauthReason::Refused,
    }
}

/// The provider does not accept this app: the user cannot change that.
pub(super) fn rejected_client(refusal: &Refusal) -> Error {
    let Refusal { code, description, .. } = refusal;
    let details = if description.is_empty() { String::new() } else { format!(": {description}") };
    Error::Misconfigured(format!(
        "the provider refuses to refresh for this client ({code}{details}); check the client's registration"
    ))
}

pub(super) const fn failure_of(error: &NetError) -> Failure {
    match error {
        NetError::Offline { .. } | NetError::Timeout { .. } | NetError::TooLarge | NetError::BodyCut => {
            Failure::Unclear
        }
        NetError::PinMismatch(_)
        | NetError::Untrusted { .. }
        | NetError::NotAllowed(_)
        | NetError::RateLimited(_) => Failure::NotSent,
    }
}
