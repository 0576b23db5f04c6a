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

use moorline::Error;

pub(crate) use self::context::{Context, Started};
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
            context
                .output
                .hint("Waiting for the provider's answer, so that nothing is lost. Ctrl-C ends at once.");
            finishing.await
        }
    };
    let outcome = match (outcome, finished) {
        // The answer to a refresh is in memory only, and goes with the program.
        (Ok(_) | Err(Failure::Sdk(_)), Err(error @ Error::StorageUnavailable(_))) => {
            Err(Failure::Unsaved(error))
        }
        (outcome @ Err(Failure::Interrupted(_)), Err(error)) => {
            context.output.warn(format_args!("what was under way is not finished: {}", Failure::from(error)));
            outcome
        }
        (outcome, _) => outcome,
    };
    login::settle(context, moorline).await;
    outcome
}

/// How long the program may take to end before it says why.
const NOTICEABLE: Duration = Duration::from_millis(300);
