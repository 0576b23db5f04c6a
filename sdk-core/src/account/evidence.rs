//! What a response says about the session, and what becomes of the account then.

use std::time::Duration;

use super::decision::{Action, Event, Failure, Verdict};
use crate::{
    error::{Error, ReauthReason},
    net::NetError,
    provider::Refusal,
    secret::Secret,
    time::{Clock, Lifetime},
    vault::{Account, Change, RefusedSession, Revocation, StoredSession, StoredState, TokenRefusal},
};

pub(super) fn answered<'a>(sent: &'a Secret, verdict: Verdict, account: &'a Account) -> Event<'a, Secret> {
    Event::Answered {
        sent,
        verdict,
        held: account.state.refreshable_token(),
        refused: account.state.refused_token(),
    }
}

/// What becomes of tokens that may not be stored: they are revoked, unless they belong to the session that the vault
/// holds, which has gone on.
pub(super) fn dropped<T>(
    action: Action,
    account: &mut Account,
    revocation: Revocation,
    login_state: &Secret,
) -> Change<Result<Option<T>, Error>> {
    if action == Action::DropAndRevoke {
        account.queue_revocation(revocation);
        return Change::Write(Err(account.state.no_session()));
    }
    if account.state.kept_session().is_some_and(|session| session.login_state != *login_state) {
        // Somebody has signed in meanwhile.
        account.queue_revocation(revocation);
        return Change::Write(Ok(None));
    }
    Change::Keep(Ok(None))
}

/// What becomes of tokens that came with an ID token of another user (OpenID Connect Core §12.2). The session stays as
/// it was. They may be its own successors, and to revoke those could end it: they wait for its end.
pub(super) fn of_another_user<T>(
    account: &mut Account,
    revocation: Revocation,
    login_state: Secret,
) -> Change<Result<Option<T>, Error>> {
    account.revocations.retain(|queued| queued.waits_for.as_ref() != Some(&login_state));
    account.queue_revocation(Revocation { subject: None, waits_for: Some(login_state), ..revocation });
    Change::Write(Err(Error::refused(
        "invalid_id_token",
        "the refreshed ID token names another issuer, client or user; the tokens that came with it are not used, and \
         are revoked when this session ends; a provider that has replaced the refresh token refuses the next refresh, \
         and the user has to sign in again",
    )))
}

/// Ends the session, and keeps its tokens: a success may be under way, or come later.
pub(super) fn end(
    account: &mut Account,
    reason: ReauthReason,
    refusal: TokenRefusal,
) -> Change<Result<(), Error>> {
    account.state = match account.state.kept_session().cloned() {
        Some(session) => {
            let session = StoredSession { refusal: Some(refusal), ..session };
            StoredState::Refused(Box::new(RefusedSession { session, reason }))
        }
        None => StoredState::Ended(reason),
    };
    Change::Write(Err(account.state.no_session()))
}

/// What a refusal says about the session, after an earlier one of the same token (RFC 6749 §5.2, OpenID Connect Core
/// §3.1.2.6).
pub(super) fn verdict_of(refusal: &Refusal, earlier: Option<&str>) -> Verdict {
    match refusal.code.as_str() {
        _ if refusal.is_invalid_grant() => Verdict::InvalidGrant,
        code if is_about_the_client(code) => Verdict::ClientRejected,
        "interaction_required" | "login_required" | "consent_required" | "account_selection_required" => {
            Verdict::InteractionRequired
        }
        _ => Verdict::Refused { again: earlier.is_some_and(|code| !is_about_the_client(code)) },
    }
}

fn is_about_the_client(code: &str) -> bool {
    matches!(
        code,
        "invalid_client"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "invalid_scope"
            | "invalid_target"
    )
}

/// Records a refusal that does not end the session, and reports it.
pub(super) fn note(
    account: &mut Account,
    refusal: Refusal,
    record: TokenRefusal,
) -> Change<Result<(), Error>> {
    let error = match is_about_the_client(&refusal.code) {
        true => rejected_client(&refusal),
        false => refusal.into(),
    };
    match &mut account.state {
        StoredState::SignedIn(session) => session.refusal = Some(record),
        StoredState::Refused(refused) => refused.session.refusal = Some(record),
        _ => return Change::Keep(Err(error)),
    }
    Change::Write(Err(error))
}

/// What is stored of a refusal.
pub(super) fn record_of(refusal: &Refusal, clock: &dyn Clock) -> TokenRefusal {
    TokenRefusal { code: refusal.code.clone(), pause: Lifetime::starting_now(clock).lasting(RETRY_PAUSE) }
}

pub(super) fn reason_of(refusal: &Refusal) -> ReauthReason {
    match verdict_of(refusal, None) {
        Verdict::InteractionRequired => ReauthReason::InteractionRequired,
        _ => ReauthReason::Refused,
    }
}

/// The provider does not accept this app: the user cannot change that.
fn rejected_client(refusal: &Refusal) -> Error {
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
        | NetError::RateLimited(_)
        | NetError::NoProof(_) => Failure::NotSent,
    }
}

/// A session that two doubtful refusals suspended is tried again after a minute: a gateway may have refused it, and not
/// the provider.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
