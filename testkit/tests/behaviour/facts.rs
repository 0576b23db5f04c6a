//! What a row says about an outcome, compared with the outcome.

use moorline::{Error, ReauthReason, Retry, SessionState};
use moorline_testkit::rows::{Step, Then};
use serde_json::Value;

use crate::Acted;

/// The outcome of the step that the row is about.
pub(crate) fn compare(then: &Then, outcome: &Acted, state: &SessionState) -> Result<(), String> {
    match outcome {
        Ok(outcome) => {
            same("error", then.error.as_deref(), None)?;
            same("status", then.status, outcome.status)?;
        }
        Err(error) => {
            same("error", then.error.as_deref(), Some(error.code()))
                .map_err(|what| format!("{what} ({error})"))?;
            same("reason", then.reason.as_deref(), error.reason())?;
            same("refusal", then.refusal.as_deref(), error.refusal())?;
            same("retry", then.retry.as_deref(), Some(advice(error)))?;
            same("maybe_sent", then.maybe_sent, Some(error.maybe_sent()))?;
            same("ahead_hours", then.ahead_hours, ahead_hours(error))?;
        }
    }
    let (state, reason) = named(state);
    same("state", Some(then.state.as_str()), Some(state))?;
    same("state_reason", then.state_reason.as_deref(), reason)
}

/// The seconds that a test takes do not count.
fn ahead_hours(error: &Error) -> Option<i64> {
    let Error::ClockSkew(seconds) = error else { return None };
    Some((seconds + 1800).div_euclid(3600))
}

/// What the provider has seen. A member that the row does not name may be anything.
pub(crate) fn compare_seen(then: &Then, seen: &Value) -> Result<(), String> {
    then.seen.iter().try_for_each(|(name, expected)| {
        let counted = seen.get(name).ok_or_else(|| format!("the provider counts no {name}"))?;
        same(&format!("seen.{name}"), Some(expected), Some(counted))
    })
}

/// A step succeeds, or fails with the code that it names.
pub(crate) fn as_expected(step: &Step, outcome: &Acted) -> Result<(), String> {
    let fails = step.arguments.get("fails").filter(|_| step.word != "key_store").and_then(Value::as_str);
    let code = outcome.as_ref().err().map(Error::code);
    same("error", fails, code).map_err(|what| match outcome {
        Err(error) => format!("{what} ({error})"),
        Ok(_) => what,
    })?;
    let token_type = step.arguments.get("type").and_then(Value::as_str);
    same(
        "type",
        token_type,
        outcome.as_ref().ok().and_then(|outcome| outcome.token_type).filter(|_| token_type.is_some()),
    )
}

fn same<T: PartialEq + std::fmt::Debug>(
    name: &str,
    expected: Option<T>,
    found: Option<T>,
) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{name} is {found:?}, not {expected:?}")) }
}

fn advice(error: &Error) -> &'static str {
    match error.retry() {
        Retry::Never => "never",
        Retry::Now => "now",
        Retry::After(_) => "after",
        Retry::WhenUnlocked => "when_unlocked",
        unknown => panic!("{unknown:?} is no advice that the table knows"),
    }
}

/// A state, and its reason as an error with the same reason names it.
fn named(state: &SessionState) -> (&'static str, Option<&'static str>) {
    match state {
        SessionState::SignedOut(reason) => ("signed_out", Error::SignedOut(*reason).reason()),
        SessionState::SigningIn => ("signing_in", None),
        SessionState::SignedIn(_) => ("signed_in", None),
        SessionState::Locked => ("locked", None),
        SessionState::NeedsReauth(reason) => ("needs_reauth", reason_of(*reason)),
        unknown => panic!("{unknown:?} is no state that the table knows"),
    }
}

fn reason_of(reason: ReauthReason) -> Option<&'static str> {
    Error::NeedsReauth(reason).reason()
}
