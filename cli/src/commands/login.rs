//! `moorline login`: settings, browser, callback.

mod device;
mod settings;
mod steps;

use std::time::Duration;

use moorline::{
    AuthorizationRequest, LoopbackReceiver, Moorline, SessionInfo, SignInOptions, TokenType, User,
};
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use self::steps::{finish, has_started, makes_key_file, store_settings};
use super::{Before, Context, Started, claims, named, rough, whole_seconds};
use crate::arguments::Login;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::paste;
use crate::settings::{RedirectHost, Settings};

pub(crate) async fn run(context: &Context<'_>, login: Box<Login>) -> Result<Exit, Failure> {
    let (before, stored) = match context.profile.settings() {
        Err(failure @ Failure::DamagedProfile { .. }) => (None, Before::Damaged(failure.to_string())),
        settings => (settings?, Before::Stored(context.profile.stored_settings()?)),
    };
    let settings = settings::merged(context.insecure_file_key, &login, before.as_ref())?;
    if let Some(before) = &before {
        settings::refuse_to_replace(context, before, &settings).await?;
    }
    let moorline = context.open_with(&settings, &login.parameter).await?;
    let user = if login.device {
        device::sign_in(context, &moorline, &login, &settings, stored).await?
    } else {
        sign_in(context, &moorline, &login, &settings, stored).await?
    };
    // It has succeeded, so that nothing is to be put back.
    if let Some(Started { settings: Before::Aside(damage, aside), .. }) = context.sign_in.take() {
        context.output.warn(format_args!("{damage}; they are in {} now", aside.display()));
    }
    report(context, &moorline, &user)?;
    Ok(Exit::Success)
}

async fn sign_in(
    context: &Context<'_>,
    moorline: &Moorline,
    login: &Login,
    settings: &Settings,
    before: Before,
) -> Result<User, Failure> {
    let port = settings.redirect_port.unwrap_or(0);
    let receiver = match settings.redirect_host {
        Some(RedirectHost::Localhost) => LoopbackReceiver::bind_localhost(port).await?,
        Some(RedirectHost::Address) | None => LoopbackReceiver::bind_port(port).await?,
    };
    let mut options = SignInOptions::default();
    options.login_hint.clone_from(&login.login_hint);
    options.prompt.clone_from(&login.prompt);
    options.max_age = login.max_age;
    options.redirect_uri = Some(receiver.redirect_uri().to_owned());
    let timeout = login.timeout.unwrap_or(TIMEOUT).min(LONGEST_WAIT);
    let deadline = Instant::now() + timeout;
    let makes_key_file = makes_key_file(context, settings);
    let request = moorline.start_sign_in(options).await?;
    has_started(context, moorline, before, makes_key_file);
    let printed = show(context, &request, receiver.redirect_uri(), login.no_browser)?;
    let expected = paste::Expected::new(
        receiver.redirect_uri(),
        &request.state,
        Some(moorline.configuration().issuer()),
    );
    let mut typed = printed.then(paste::Typed::read);
    let again = |problem: &str| {
        context.output.hint(format_args!(
            "{problem} The sign-in goes on. The address begins with {}?",
            expected.redirect_uri()
        ));
    };
    let pasted = async { Some(paste::callback(typed.as_mut()?, &expected, again).await) };
    let callback = tokio::select! {
        callback = receiver.wait(&request.state, timeout + LATE) => callback?,
        Some(callback) = pasted => callback,
        () = tokio::time::sleep_until(deadline) => return Err(Failure::TimedOut(timeout)),
    };
    if let Some(failure) = unavailable(&callback) {
        return Err(failure);
    }
    // Before the code is sent: a session whose settings are lost could not be used.
    store_settings(context, settings)?;
    let deadline = deadline.min(Instant::now() + CODE_LIFETIME);
    finish(context, moorline, deadline, async || moorline.finish_sign_in(&callback).await).await
}

/// `temporarily_unavailable` and `server_error` (RFC 6749 §4.1.2.1) say nothing about the user.
fn unavailable(callback: &str) -> Option<Failure> {
    let url = Url::parse(callback).ok()?;
    let value =
        |name: &str| url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned());
    let code = value("error").filter(|code| code == "temporarily_unavailable" || code == "server_error")?;
    Some(Failure::ProviderUnavailable { code, description: value("error_description").unwrap_or_default() })
}

/// Puts everything back as it was before a sign-in that has failed.
pub(crate) async fn settle(context: &Context<'_>, moorline: &Moorline) {
    let Some(started) = context.sign_in.take() else { return };
    let session = moorline.session_info();
    // A signal may have come while the code was being exchanged.
    if let Some(info) = session.filter(|info| is_new(info, started.session.as_ref())) {
        context.output.hint(format_args!("The sign-in was finished: signed in as {}.", named(&info.user)));
        return;
    }
    let restored = match started.settings {
        Before::Stored(settings) => context.profile.restore(settings.as_deref()),
        Before::Damaged(_) => Ok(()),
        Before::Aside(_, aside) => context.profile.move_settings_back(&aside),
    };
    if let Err(failure) = restored {
        context.output.warn(failure);
    }
    if let Err(error) = moorline.cancel_sign_in().await {
        context.output.warn(format_args!("the sign-in is not deleted: {}", Failure::from(error)));
    }
}

fn is_new(now: &SessionInfo, before: Option<&SessionInfo>) -> bool {
    before.is_none_or(|before| {
        (before.signed_in_at, &before.user.subject) != (now.signed_in_at, &now.user.subject)
            || now.refreshes < before.refreshes
    })
}

/// Opens the browser, or prints the address to open. Returns whether it was printed.
fn show(
    context: &Context<'_>,
    request: &AuthorizationRequest,
    redirect_uri: &str,
    no_browser: bool,
) -> Result<bool, Failure> {
    let output = context.output;
    if !no_browser && open_browser(&request.url) {
        output.hint("Sign in in the browser that has just opened. If none has, open this address yourself:");
        output.hint(&request.url);
        return Ok(false);
    }
    if !no_browser {
        output.warn("no browser could be opened");
    }
    output.hint("Open this address in a browser and sign in:");
    output.result(&json!({ "open": request.url, "redirect_uri": redirect_uri }), || request.url.clone())?;
    output.hint(
        "Is the browser on another machine? Then its last page cannot load: paste the address of that page here, \
         or save it in a file and type @FILE.",
    );
    Ok(true)
}

fn open_browser(url: &str) -> bool {
    let mut options = webbrowser::BrowserOptions::new();
    options.with_suppress_output(true);
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url, &options).is_ok()
}

fn report(context: &Context<'_>, moorline: &Moorline, user: &User) -> Result<(), Failure> {
    let info = moorline.session_info();
    let info = info.as_ref();
    let expires_in = info.and_then(|info| info.access_token_expires_in);
    let json = json!({
        "profile": context.profile.name(),
        "state": "signed_in",
        "issuer": moorline.configuration().issuer(),
        "client_id": moorline.configuration().client_id(),
        "user": claims(user),
        "scope": info.map(|info| &info.scope),
        "access_token_expires_in": whole_seconds(expires_in),
        "has_refresh_token": info.is_some_and(|info| info.has_refresh_token),
        "token_type": info.map(|info| info.token_type.as_str()),
    });
    context.output.result(&json, || format!("Signed in as {}", named(user)))?;
    if info.is_some_and(|info| info.token_type == TokenType::Bearer) {
        context.output.hint("The provider issued bearer tokens: whoever steals one can use it.");
    }
    if let (Some(expires_in), Some(false)) = (expires_in, info.map(|info| info.has_refresh_token)) {
        context.output.hint(format_args!(
            "The provider gave no refresh token, so the session ends in {}. Some want --scope offline_access and \
             --prompt consent.",
            rough(expires_in)
        ));
    }
    Ok(())
}

/// How long to wait for the browser, unless --timeout says otherwise.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The longest --timeout: a clock cannot be asked for much more than that.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 86_400);
/// The receiver's own limit, after ours.
const LATE: Duration = Duration::from_secs(60);
/// How long a code may be tried: most live for one minute (RFC 6749 §4.1.2 recommends ten at most).
const CODE_LIFETIME: Duration = Duration::from_secs(60);
