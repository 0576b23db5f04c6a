//! The commands, one a file.

mod context;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod profiles;
pub(crate) mod refresh;
pub(crate) mod request;
pub(crate) mod status;
mod text;
pub(crate) mod token;
pub(crate) mod user;

use std::pin::pin;
use std::time::Duration;

use moorline::{Error, Moorline};

pub(crate) use self::context::{Before, Context, Started};
pub(crate) use self::text::{claims, named, one_line, rough, whole_seconds};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::signals;

/// Finishes what is under way before the program ends: the answer to a refresh is stored, and tokens of a sign-in that
/// cannot be kept are revoked.
pub(crate) async fn wind_down(
    context: &Context<'_>,
    outcome: Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let Some(moorline) = context.opened.get() else { return outcome };
    let mut finishing = pin!(moorline.shutdown(signals::LIMIT));
    let finished = match tokio::time::timeout(NOTICEABLE, &mut finishing).await {
        Ok(finished) => finished,
        Err(_) => {
            context.output.hint("Finishing what is under way, so that nothing is lost. Ctrl-C ends at once.");
            finishing.await
        }
    };
    let outcome = match (outcome, finished.map_err(unfinished)) {
        (Ok(_) | Err(Failure::Sdk(_)), Err(unsaved @ Failure::Unsaved(_))) => Err(unsaved),
        (outcome @ Err(Failure::Interrupted(_)), Err(failure)) => {
            context.output.warn(format_args!("what was under way is not finished: {failure}"));
            outcome
        }
        (outcome, _) => outcome,
    };
    login::settle(context, moorline).await;
    outcome.map_err(
        |failure| if context.uses_session.get() { after_refusal(failure, moorline) } else { failure },
    )
}

/// Says of a refused refresh that the session goes on.
fn after_refusal(failure: Failure, moorline: &Moorline) -> Failure {
    let Some(refusal) = moorline.session_info().and_then(|info| info.last_refusal) else { return failure };
    match failure {
        Failure::Sdk(Error::Misconfigured(what)) if what.contains(&refusal) => {
            Failure::RefreshRefused { error: Error::Misconfigured(what), refusal }
        }
        Failure::Sdk(error) if error.refusal() == Some(&refusal) => {
            Failure::RefreshRefused { error, refusal }
        }
        failure => failure,
    }
}

/// Why something is not finished when the program ends.
fn unfinished(error: Error) -> Failure {
    match error {
        // The answer to a refresh is in memory only, and goes with the program.
        Error::StorageUnavailable(_) => Failure::Unsaved(error),
        error => error.into(),
    }
}

/// How long the program may take to end before it says why.
const NOTICEABLE: Duration = Duration::from_millis(300);
