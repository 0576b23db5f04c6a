//! `moorline status`: who is signed in, and for how long. Sends nothing.

use std::fmt::Display;
use std::time::UNIX_EPOCH;

use moorline::{ReauthReason, SessionInfo, SessionState, TokenType};
use serde_json::{Value, json};

use super::{Context, claims, named, one_line, rough, whole_seconds};
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let (settings, moorline) = context.open().await?;
    let state = moorline.state();
    let info = moorline.session_info();
    let (name, exit) = match &state {
        SessionState::SignedIn(_) => ("signed_in", Exit::Success),
        SessionState::SigningIn => ("signing_in", Exit::SignedOut),
        SessionState::SignedOut(_) => ("signed_out", Exit::SignedOut),
        SessionState::Locked => ("locked", Exit::StorageUnavailable),
        SessionState::NeedsReauth(ReauthReason::StorageLost(_)) => ("needs_reauth", Exit::StorageLost),
        SessionState::NeedsReauth(_) => ("needs_reauth", Exit::NeedsReauth),
        _ => ("unknown", Exit::Local),
    };
    let mut json = json!({
        "profile": context.profile.name(),
        "state": name,
        "issuer": settings.issuer,
        "client_id": settings.client_id,
        "key_store": if settings.insecure_file_key { "insecure_file" } else { "platform" },
        "pinned_hosts": settings.pins.iter().map(|pins| &pins.host).collect::<Vec<_>>(),
    });
    match &state {
        SessionState::SignedOut(why) => explain(&mut json, why, why.code()),
        SessionState::NeedsReauth(why) => explain(&mut json, why, why.code()),
        _ => {}
    }
    if let Some(info) = &info {
        add(&mut json, info);
    }
    let provider = format!("{} (client {})", settings.issuer, settings.client_id);
    context.output.result(&json, || match (&state, &info) {
        (SessionState::SignedOut(why), _) => format!("Nobody is signed in to {provider}: {why}"),
        (SessionState::NeedsReauth(why), _) => format!("A new sign-in to {provider} is needed: {why}"),
        (SessionState::Locked, _) => {
            "The vault cannot be read at present; the key store may be locked".to_owned()
        }
        (SessionState::SigningIn, None) => format!("A sign-in to {provider} was started and not finished"),
        (_, Some(info)) => text(info, &provider),
        (SessionState::SignedIn(user), None) => format!("Signed in to {provider} as {}", named(user)),
        (_, None) => format!("The session with {provider} is in a state that this version does not know"),
    })?;
    match exit {
        Exit::Success => {}
        Exit::StorageUnavailable => context.output.hint("Unlock the key store, and try again."),
        _ => context.output.hint("Run `moorline login` to sign in."),
    }
    Ok(exit)
}

fn explain(json: &mut Value, why: &impl Display, code: &str) {
    json["reason"] = why.to_string().into();
    json["reason_code"] = code.into();
}

fn add(json: &mut Value, info: &SessionInfo) {
    json["user"] = claims(&info.user);
    json["scope"] = json!(info.scope);
    json["access_token_expires_in"] = whole_seconds(info.access_token_expires_in);
    json["token_type"] = info.token_type.as_str().into();
    json["has_refresh_token"] = info.has_refresh_token.into();
    json["signed_in_at"] =
        info.signed_in_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).into();
    json["refreshes"] = info.refreshes.into();
    if let Some(code) = &info.last_refusal {
        json["last_refusal"] = code.as_str().into();
    }
}

fn text(info: &SessionInfo, provider: &str) -> String {
    let access = match info.access_token_expires_in {
        None => "valid; the provider does not say for how long".to_owned(),
        Some(left) if left.is_zero() => "expired; refreshed when it is next needed".to_owned(),
        Some(left) => format!("valid for {} more", rough(left)),
    };
    let tokens = match info.token_type {
        TokenType::DPoP => "DPoP: of no use without this machine's key",
        TokenType::Bearer => "bearer: a thief can use a stolen one",
        other => other.as_str(),
    };
    let ago = info
        .signed_in_at
        .elapsed()
        .map_or_else(|_| "just now".to_owned(), |ago| format!("{} ago", rough(ago)));
    let refresh = match (info.has_refresh_token, info.refreshes) {
        _ if let Some(code) = &info.last_refusal => {
            format!("refused the last time: {}; `moorline refresh` tries again", one_line(code))
        }
        (false, _) => "not possible: the provider gave no refresh token".to_owned(),
        (true, 1) => "possible; done once so far".to_owned(),
        (true, times) => format!("possible; done {times} times so far"),
    };
    format!(
        "Signed in as {}\n  provider  {provider}\n  subject   {}\n  scopes    {}\n  tokens    {tokens}\n  \
         access    {access}\n  refresh   {refresh}\n  since     {ago}",
        named(&info.user),
        one_line(&info.user.subject),
        info.scope.join(" "),
    )
}
