//! The steps of every sign-in, with the browser or on another device.

use std::time::Duration;

use moorline::{Error, Moorline, Retry, SessionState, User};
use tokio::time::Instant;

use crate::commands::{Before, Context, Started};
use crate::failure::{Failure, whole};
use crate::reasons;
use crate::settings::Settings;

pub(super) fn makes_key_file(context: &Context<'_>, settings: &Settings) -> bool {
    settings.insecure_file_key && !context.profile.file_keys().exists()
}

/// Notes what to put back: if the sign-in fails, it is deleted, and the settings are not stored.
pub(super) fn has_started(context: &Context<'_>, moorline: &Moorline, before: Before, made_key_file: bool) {
    *context.sign_in.borrow_mut() = Some(Started { settings: before, session: moorline.session_info() });
    if made_key_file {
        context.output.warn(format_args!(
            "the key of this session is in a plain file (--insecure-file-key); whoever can read {} can use the \
             session",
            context.profile.file_keys().display()
        ));
    }
}

/// Stores the settings; a damaged file is moved aside first.
pub(super) fn store_settings(context: &Context<'_>, settings: &Settings) -> Result<(), Failure> {
    if let Some(started) = &mut *context.sign_in.borrow_mut()
        && let Before::Damaged(damage) = &started.settings
    {
        started.settings = Before::Aside(damage.clone(), context.profile.move_settings_aside()?);
    }
    context.profile.keep(settings)
}

/// Tries again while the SDK keeps the sign-in and the code may still live.
pub(super) async fn finish(
    context: &Context<'_>,
    moorline: &Moorline,
    deadline: Instant,
    attempt: impl AsyncFn() -> Result<User, Error>,
) -> Result<User, Failure> {
    let (mut pause, mut unlikely) = (Duration::from_secs(1), 0);
    loop {
        let failure = match attempt().await {
            Ok(user) => return Ok(user),
            Err(error) => Failure::from(error),
        };
        if !goes_on(moorline, &failure) {
            return Err(failure);
        }
        let wait = match failure.retry() {
            Retry::Now | Retry::WhenUnlocked => pause,
            Retry::After(wait) => wait,
            // Something has to change first: a page that answers in place of the provider, or this machine's clock.
            _ => {
                unlikely += 1;
                pause
            }
        };
        if unlikely > MOST_UNLIKELY {
            return Err(Failure::CodeExpired(Box::new(failure)));
        }
        if Instant::now().checked_add(wait).is_none_or(|then| then > deadline) {
            return Err(Failure::CodeExpired(Box::new(failure)));
        }
        context.output.hint(format_args!("{failure}. Retry in {} s; Ctrl-C ends.", whole(wait)));
        // The user has read why.
        reasons::forget_warnings();
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the same callback may still finish the sign-in. The error's advice is for a call without a change, and says
/// less than the SDK's state.
fn goes_on(moorline: &Moorline, failure: &Failure) -> bool {
    // The sign-in waits for another callback.
    let is_of_the_callback = matches!(failure.refusal(), Some("invalid_callback" | "state_mismatch"));
    moorline.state() == SessionState::SigningIn && !is_of_the_callback
}

const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How often to try again where the SDK advises against it.
const MOST_UNLIKELY: u32 = 3;
