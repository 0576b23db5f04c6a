//! `moorline login --device`: the user enters a code on another device (RFC 8628).

use std::time::Duration;

use moorline::{DeviceAuthorization, DeviceSignInOptions, Moorline, User};
use serde_json::json;
use tokio::time::{Instant, interval_at, sleep_until};

use super::steps::{finish, has_started, makes_key_file, store_settings};
use crate::arguments::Login;
use crate::commands::{Before, Context, rough};
use crate::failure::{Failure, whole};
use crate::settings::Settings;

pub(super) async fn sign_in(
    context: &Context<'_>,
    moorline: &Moorline,
    login: &Login,
    settings: &Settings,
    before: Before,
) -> Result<User, Failure> {
    let makes_key_file = makes_key_file(context, settings);
    let authorization = moorline.start_device_sign_in(DeviceSignInOptions::default()).await?;
    has_started(context, moorline, before, makes_key_file);
    show(context, &authorization)?;
    // Before a code is spent: a session whose settings are lost could not be used.
    store_settings(context, settings)?;
    let valid = authorization.expires_in;
    let limit = login.timeout.unwrap_or(valid).min(valid);
    let ends = Instant::now() + limit;
    // If the code lives no longer, the SDK polls once more, and its answer says more.
    let gives_up = if limit < valid { ends } else { ends + LAST_POLL };
    let id = authorization.id.as_str();
    let finished = finish(context, moorline, gives_up, async || moorline.finish_device_sign_in(id).await);
    let outcome = tokio::select! {
        outcome = finished => outcome,
        () = sleep_until(gives_up) => Err(Failure::CodeNotEntered(limit)),
        never = remind(context, ends) => match never {},
    };
    outcome.map_err(|failure| match failure.refusal() {
        Some("expired_token") => Failure::CodeNotEntered(limit),
        _ => failure,
    })
}

fn show(context: &Context<'_>, authorization: &DeviceAuthorization) -> Result<(), Failure> {
    let DeviceAuthorization { user_code, verification_uri, verification_uri_complete, .. } = authorization;
    // Not a second less because the answer took a moment.
    let valid = Duration::from_secs(whole(authorization.expires_in));
    let output = context.output;
    output.hint("Open this address on any device, and enter the code below it:");
    let json = json!({
        "verification_uri": verification_uri,
        "user_code": user_code,
        "verification_uri_complete": verification_uri_complete,
        "expires_in": valid.as_secs(),
    });
    output.result(&json, || format!("{verification_uri}\n{user_code}"))?;
    if let Some(complete) = verification_uri_complete {
        output.hint(format_args!(
            "Or open this address, which has the code in it. The page must show the same code: {complete}"
        ));
    }
    output.hint(format_args!(
        "Waiting until the code was entered. It is valid for {}. Ctrl-C ends.",
        rough(valid)
    ));
    Ok(())
}

/// Says once a minute that the program waits.
async fn remind(context: &Context<'_>, ends: Instant) -> std::convert::Infallible {
    let mut minutes = interval_at(Instant::now() + MINUTE, MINUTE);
    loop {
        minutes.tick().await;
        let left = ends.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            context.output.hint(format_args!("Still waiting. The code is valid for {}.", rough(left)));
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
/// How long the last poll may take.
const LAST_POLL: Duration = Duration::from_secs(35);
