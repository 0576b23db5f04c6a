//! The settings of a sign-in: from the command line, a development file, and the sign-in before.

use moorline::{KeyStoreError, SessionState};

use super::Context;
use crate::arguments::Login;
use crate::dev_file;
use crate::failure::Failure;
use crate::profile::read_named_file;
use crate::session;
use crate::settings::{Pins, RedirectHost, Settings};

/// The options of the command line, on top of the development file or the profile's last sign-in.
pub(super) fn merged(
    insecure_file_key: bool,
    login: &Login,
    before: Option<&Settings>,
) -> Result<Settings, Failure> {
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
            resources: Vec::new(),
            api_origins: Vec::new(),
            insecure_file_key: false,
            redirect_host: None,
            redirect_port: None,
        },
        (None, None, Some(before)) => before.clone(),
        (None, None, None) => {
            return Err(Failure::usage(
                "which provider? Give --issuer URL and --client-id ID, or --dev FILE; it is remembered for the next \
                 time",
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
    if !login.resource.is_empty() {
        settings.resources.clone_from(&login.resource);
    }
    if login.no_pin {
        settings.pins.clear();
    }
    if let Some(expires) = &login.pin_expires {
        settings.pins = Pins::gather(&settings.issuer, &login.pin, &login.backup_pin, expires)?;
    }
    if login.no_ca {
        settings.ca_pem = None;
    }
    if let Some(file) = &login.ca {
        settings.ca_pem = Some(read_named_file(file)?);
    }
    settings.allow_http = (settings.allow_http || login.allow_http) && !login.no_allow_http;
    settings.allow_bearer = (settings.allow_bearer || login.allow_bearer) && !login.no_allow_bearer;
    if login.no_api {
        settings.api_origins.clear();
    }
    for origin in &login.api {
        if !settings.api_origins.contains(origin) {
            settings.api_origins.push(origin.clone());
        }
    }
    if let Some(host) = login.redirect_host {
        settings.redirect_host = Some(host).filter(|host| *host != RedirectHost::Address);
    }
    if let Some(port) = login.redirect_port {
        settings.redirect_port = Some(port).filter(|port| *port != 0);
    }
    settings.insecure_file_key |= insecure_file_key;
    Ok(settings)
}

/// A profile is one session. A sign-in elsewhere on top of it would leave it active at its provider, and nobody could
/// end it.
pub(super) async fn refuse_to_replace(
    context: &Context<'_>,
    before: &Settings,
    now: &Settings,
) -> Result<(), Failure> {
    let same_session = before.issuer == now.issuer && before.client_id == now.client_id;
    let same_place = before.insecure_file_key == now.insecure_file_key;
    if same_session && same_place {
        return Ok(());
    }
    let locked = || Failure::SessionOutOfSight {
        profile: context.profile.name().to_owned(),
        issuer: before.issuer.clone(),
    };
    match session::open(&context.profile, before, &[]).await {
        Ok(moorline) if moorline.state() == SessionState::Locked => Err(locked()),
        Err(Failure::KeyStore(KeyStoreError::Locked | KeyStoreError::TimedOut)) => Err(locked()),
        Ok(moorline) if moorline.session_info().is_some() => Err(Failure::usage(format!(
            "profile {:?} is signed in to {} as {}; run `moorline logout` first, or take another name with --profile",
            context.profile.name(),
            before.issuer,
            before.client_id
        ))),
        // A session that can never be opened cannot be ended either, and must not keep anybody out.
        _ => Ok(()),
    }
}

const DEFAULT_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn asked(words: &[&str], before: Option<&Settings>) -> Settings {
        let arguments = Arguments::parse_from([&["moorline", "login"], words].concat());
        let Command::Login(login) = arguments.command else { panic!("it says login") };
        merged(false, &login, before).unwrap()
    }

    const AGAIN: [&str; 4] = ["--issuer", "https://id.example.com", "--client-id", "notes"];

    #[test]
    fn a_provider_that_is_named_again_keeps_its_pins_and_another_gets_none() {
        let pins = ["--pin", "sha256/a", "--backup-pin", "sha256/b", "--pin-expires", "2027-06-01"];
        let pinned = asked(&[&AGAIN[..], &pins[..]].concat(), None);
        assert_eq!(pinned.pins.len(), 1);
        assert_eq!(asked(&AGAIN, Some(&pinned)), pinned);
        let elsewhere = ["--issuer", "https://other.example", "--client-id", "notes"];
        assert!(asked(&elsewhere, Some(&pinned)).pins.is_empty());
    }

    #[test]
    fn what_was_allowed_can_be_taken_back() {
        let plain = asked(&AGAIN, None);
        let pins = ["--pin", "sha256/a", "--backup-pin", "sha256/b", "--pin-expires", "2027-06-01"];
        let allowed = [
            "--allow-http",
            "--allow-bearer",
            "--api",
            "https://api.example.com",
            "--redirect-host",
            "localhost",
        ];
        let more = asked(&[&allowed[..], &pins, &["--redirect-port", "4321"]].concat(), Some(&plain));
        assert_ne!(more, plain);
        assert_eq!(asked(&[], Some(&more)), more);
        let back = ["--no-allow-http", "--no-allow-bearer", "--no-api", "--no-pin", "--no-ca"];
        let redirect = ["--redirect-host", "127.0.0.1", "--redirect-port", "0"];
        assert_eq!(asked(&[&back[..], &redirect].concat(), Some(&more)), plain);
        // What is given beside it counts.
        let other = asked(&["--no-api", "--api", "https://b.example"], Some(&more));
        assert_eq!(other.api_origins, ["https://b.example"]);
    }
}
