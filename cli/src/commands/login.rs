//! `moorline login`: settings, browser, callback.

use std::io::BufRead as _;
use std::time::Duration;

use moorline::{AuthorizationRequest, Error, LoopbackReceiver, Moorline, SignInOptions, TokenType, User};
use serde_json::json;
use tokio::sync::oneshot;
use url::Url;

use super::{Context, claims, named, rough, whole_seconds};
use crate::arguments::Login;
use crate::dev_file;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::read_named_file;
use crate::session;
use crate::settings::{Pins, Settings};

pub(crate) async fn run(context: &Context<'_>, login: Box<Login>) -> Result<Exit, Failure> {
    let before = context.profile.settings()?;
    let settings = settings(context, &login, before.as_ref())?;
    if let Some(before) = &before {
        refuse_to_replace(context, before, &settings)?;
    }
    let moorline = session::open(&context.profile, &settings, &login.parameter, context.output)?;
    let receiver = match login.redirect_port {
        Some(port) => LoopbackReceiver::bind_port(port).await?,
        None => LoopbackReceiver::bind().await?,
    };
    let request = moorline
        .start_sign_in(SignInOptions {
            login_hint: login.login_hint.clone(),
            prompt: login.prompt.clone(),
            max_age: login.max_age,
            redirect_uri: Some(receiver.redirect_uri().to_owned()),
            extra: Vec::new(),
        })
        .await?;
    context.profile.keep(&settings)?;
    show(context, &request, receiver.redirect_uri(), login.no_browser);
    let callback = wait(receiver, &request, login.timeout, login.no_browser).await;
    let user = match callback {
        Ok(callback) => moorline.finish_sign_in(&callback).await?,
        Err(error) => {
            moorline.cancel_sign_in().await?;
            return Err(error.into());
        }
    };
    report(context, &moorline, &user);
    Ok(Exit::Success)
}

/// What the command line says, on top of the development file or the profile's last sign-in.
fn settings(context: &Context<'_>, login: &Login, before: Option<&Settings>) -> Result<Settings, Failure> {
    let mut settings = match (&login.dev, &login.issuer, before) {
        (Some(file), _, _) => dev_file::settings(file, login.client_id.as_deref())?,
        // Naming the provider once more takes back neither its pins nor its authority.
        (None, Some(issuer), Some(before)) if *issuer == before.issuer => before.clone(),
        (None, Some(issuer), _) => Settings {
            issuer: issuer.clone(),
            client_id: String::new(),
            scopes: DEFAULT_SCOPES.map(str::to_owned).to_vec(),
            pins: Vec::new(),
            ca_pem: None,
            allow_http: false,
            allow_bearer: false,
            api_origins: Vec::new(),
            insecure_file_key: false,
        },
        (None, None, Some(before)) => before.clone(),
        (None, None, None) => {
            return Err(Failure::usage(
                "which provider? Give --issuer URL and --client-id ID, or --dev FILE; it is remembered for the next time",
            ));
        }
    };
    if let Some(client_id) = &login.client_id {
        settings.client_id.clone_from(client_id);
    }
    if !login.scope.is_empty() {
        settings.scopes =
            login.scope.iter().flat_map(|scope| scope.split_whitespace()).map(str::to_owned).collect();
    }
    if let Some(expires) = &login.pin_expires {
        settings.pins = Pins::gather(&settings.issuer, &login.pin, &login.backup_pin, expires)?;
    }
    if let Some(file) = &login.ca {
        settings.ca_pem = Some(read_named_file(file)?);
    }
    settings.allow_http |= login.allow_http;
    settings.allow_bearer |= login.allow_bearer;
    for origin in &login.api {
        if !settings.api_origins.contains(origin) {
            settings.api_origins.push(origin.clone());
        }
    }
    settings.insecure_file_key |= context.insecure_file_key;
    Ok(settings)
}

/// A profile is one session. Signing in elsewhere on top of a live one would leave it alive at its provider, with nobody
/// able to end it.
fn refuse_to_replace(context: &Context<'_>, before: &Settings, now: &Settings) -> Result<(), Failure> {
    let same_session = before.issuer == now.issuer && before.client_id == now.client_id;
    let same_place = before.insecure_file_key == now.insecure_file_key;
    if same_session && same_place {
        return Ok(());
    }
    // What can't be opened can't be ended either, and is no reason to keep anybody out.
    let live = session::open(&context.profile, before, &[], context.output)
        .is_ok_and(|m| m.session_info().is_some());
    if !live {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "profile {:?} is signed in to {} as {}; run `moorline logout` first, or take another name with --profile",
        context.profile.name(),
        before.issuer,
        before.client_id
    )))
}

/// Opens the browser, or prints where to go.
fn show(context: &Context<'_>, request: &AuthorizationRequest, redirect_uri: &str, no_browser: bool) {
    let output = context.output;
    let opened = !no_browser && open_browser(&request.url);
    if opened {
        output.hint("Sign in in the browser that has just opened. If none has, open this address yourself:");
        output.hint(&request.url);
        return;
    }
    if !no_browser {
        output.warn("no browser could be opened");
    }
    output.hint("Open this address in a browser and sign in:");
    output.result(&json!({ "open": request.url, "redirect_uri": redirect_uri }), || request.url.clone());
    output.hint("Is the browser on another machine? Then paste here the address that it ends at, which it can't show.");
}

fn open_browser(url: &str) -> bool {
    let mut options = webbrowser::BrowserOptions::new();
    options.with_suppress_output(true);
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url, &options).is_ok()
}

/// Waits for whichever comes first: the browser, an address that is pasted, or Ctrl-C.
async fn wait(
    receiver: LoopbackReceiver,
    request: &AuthorizationRequest,
    timeout: Duration,
    no_browser: bool,
) -> Result<String, Error> {
    let redirect_uri = receiver.redirect_uri().to_owned();
    tokio::select! {
        callback = receiver.wait(&request.state, timeout) => callback,
        pasted = pasted(no_browser, redirect_uri) => Ok(pasted),
        _ = tokio::signal::ctrl_c() => Err(Error::Cancelled),
    }
}

/// The first line of standard input that is a callback. Never comes back where there is none.
async fn pasted(wanted: bool, redirect_uri: String) -> String {
    let (sender, receiver) = oneshot::channel();
    if wanted {
        // Reading a terminal can't be interrupted, so a thread does it, and ends with the program.
        std::thread::spawn(move || {
            let lines = std::io::stdin().lock().lines().map_while(Result::ok);
            for line in lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()) {
                if is_callback(&line, &redirect_uri) {
                    let _ = sender.send(line);
                    return;
                }
                eprintln!("That is not the address: it begins with {redirect_uri}?");
            }
        });
    }
    match receiver.await {
        Ok(callback) => callback,
        Err(_) => std::future::pending().await,
    }
}

fn is_callback(line: &str, redirect_uri: &str) -> bool {
    Url::parse(line).is_ok_and(|url| url.query().is_some())
        && line.strip_prefix(redirect_uri).is_some_and(|rest| rest.starts_with('?'))
}

fn report(context: &Context<'_>, moorline: &Moorline, user: &User) {
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
    context.output.result(&json, || format!("Signed in as {}", named(user)));
    if info.is_some_and(|info| info.token_type == TokenType::Bearer) {
        context.output.hint("The provider issued bearer tokens: whoever steals one can use it.");
    }
    if let (Some(expires_in), Some(false)) = (expires_in, info.map(|info| info.has_refresh_token)) {
        context.output.hint(format_args!(
            "The provider gave no refresh token, so the session ends in {}. Some want --scope offline_access and --prompt consent.",
            rough(expires_in)
        ));
    }
}

const DEFAULT_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(output: &crate::output::Output, words: &[&str], before: Option<&Settings>) -> Settings {
        use clap::Parser as _;
        let home = crate::home::Home::find(Some(std::path::Path::new("/nowhere"))).unwrap();
        let profile = crate::profile::Profile::new(&home, "default").unwrap();
        let context = Context { home, profile, output, insecure_file_key: false };
        let arguments = crate::arguments::Arguments::parse_from([&["moorline", "login"], words].concat());
        let crate::arguments::Command::Login(login) = arguments.command else { panic!("it says login") };
        settings(&context, &login, before).unwrap()
    }

    #[test]
    fn a_provider_that_is_named_again_keeps_its_pins_and_another_gets_none() {
        let output = crate::output::Output::new(false);
        let again = ["--issuer", "https://id.example.com", "--client-id", "notes"];
        let pins = ["--pin", "sha256/a", "--backup-pin", "sha256/b", "--pin-expires", "2027-06-01"];
        let pinned = asked(&output, &[&again[..], &pins[..]].concat(), None);
        assert_eq!(pinned.pins.len(), 1);
        assert_eq!(asked(&output, &again, Some(&pinned)), pinned);
        let elsewhere = ["--issuer", "https://other.example", "--client-id", "notes"];
        assert!(asked(&output, &elsewhere, Some(&pinned)).pins.is_empty());
    }

    #[test]
    fn only_the_callback_is_taken_for_one() {
        let redirect_uri = "http://127.0.0.1:4321/callback";
        assert!(is_callback("http://127.0.0.1:4321/callback?code=x&state=y", redirect_uri));
        for line in [
            "",
            "code=x&state=y",
            "http://127.0.0.1:4321/callback",
            "http://127.0.0.1:4321/callback2?code=x",
            "http://127.0.0.1:9/callback?code=x",
            "https://id.example.com/authorize?redirect_uri=http://127.0.0.1:4321/callback",
        ] {
            assert!(!is_callback(line, redirect_uri), "{line}");
        }
    }
}
