//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::exit::Exit;
use crate::settings::RedirectHost;

/// Sign in to an OpenID provider from a terminal, and call its APIs.
///
/// The session is kept in a sealed vault whose key lives in this machine's key store, and is refreshed as needed.
/// Data goes to standard output, messages to standard error.
#[derive(Debug, Parser)]
#[command(name = "moorline", version)]
#[command(after_long_help = Exit::table(), after_help = "More, with the exit codes: --help")]
pub(crate) struct Arguments {
    /// The profile to use. Each has its own sign-in.
    #[arg(long, global = true, value_name = "NAME", default_value = "default", env = "MOORLINE_PROFILE")]
    pub(crate) profile: String,

    /// Print one JSON object to standard output, errors among them (`login --no-browser` and `login --device`:
    /// where to go first, as another).
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The folder of the profiles, instead of the usual one for this system.
    #[arg(long, global = true, value_name = "DIR", env = "MOORLINE_HOME")]
    pub(crate) home: Option<PathBuf>,

    /// Keep the vault's key in a plain file, on a machine without a key store. Whoever can read that file can use the
    /// session. Only `login` needs this option; it warns once.
    #[arg(long, global = true)]
    pub(crate) insecure_file_key: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// Reads the command line, `words` with the program's name.
    ///
    /// Each command has a usage of its own: clap's would name `--home` and `--profile` as if they had been given
    /// whenever their variables are set.
    pub(crate) fn read<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, clap::Error> {
        let command = Self::command().mut_subcommands(|command| {
            let positionals: String =
                command.get_positionals().map(|positional| format!(" {positional}")).collect();
            let usage = format!("moorline {} [OPTIONS]{positionals}", command.get_name());
            command.override_usage(usage)
        });
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in, with the browser.
    Login(Box<Login>),
    /// Show who is signed in, and for how long.
    Status,
    /// Ask the provider about the user who is signed in.
    User,
    /// Print an access token, refreshed if need be.
    Token(Token),
    /// Send a GET request with the access token.
    Get(Fetch),
    /// Send a POST request with the access token.
    Post(Send),
    /// Send a PUT request with the access token.
    Put(Send),
    /// Send a DELETE request with the access token.
    Delete(Fetch),
    /// Get a new access token now.
    Refresh,
    /// Sign out: delete the session here, and revoke it at the provider.
    Logout,
    /// List the profiles of this machine.
    Profiles,
    /// Check how fit an OpenID provider is for mobile apps.
    ///
    /// Without a client, this reads the provider's metadata, keys and certificate, and sends one token request that
    /// must be refused. With --client-id it also signs in (usually three to six times, in your browser) and tries what
    /// networks and thieves do to apps: a lost answer, two refreshes at once, a spent refresh token that comes back
    /// late, a code that comes twice. Then it revokes every session that it made. Use a test account: the experiments
    /// end sessions.
    #[command(after_long_help = exits_of_check())]
    Check(Box<Check>),
}

/// What to check, and how far to go.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The provider's issuer identifier, exactly as the provider writes it: https://id.example.com
    #[arg(value_name = "ISSUER")]
    pub(crate) issuer: String,

    /// Sign in as this client, too. Register it as a native (public) app without a secret, with the redirect URI
    /// http://127.0.0.1/callback on any port, and with refresh tokens.
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// The scopes to ask for: once for each scope, or several in one with spaces.
    /// [default: openid offline_access]
    #[arg(long, value_name = "SCOPE", requires = "client_id")]
    pub(crate) scope: Vec<String>,

    /// One more parameter of the authorization request, such as prompt=consent or audience=….
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value, requires = "client_id")]
    pub(crate) parameter: Vec<(String, String)>,

    /// Leave DPoP out although it is offered: what users of an app get that can't make proofs.
    #[arg(long, requires = "client_id")]
    pub(crate) bearer: bool,

    /// Print the addresses to open instead of opening a browser.
    #[arg(long, requires = "client_id")]
    pub(crate) no_browser: bool,

    /// Listen for the browser on this port, for a provider that compares the redirect URI's port.
    #[arg(long, value_name = "PORT", requires = "client_id")]
    pub(crate) redirect_port: Option<u16>,

    /// How long to wait for the browser at each sign-in.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) sign_in_timeout: Duration,

    /// If the provider accepts a spent refresh token at once, present it again after this time.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) late: Duration,

    /// How long one request may take.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Trust the certificate authorities in this PEM file, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Allow plain HTTP to this machine (loopback), for development.
    #[arg(long)]
    pub(crate) allow_http: bool,
}

/// Options of a sign-in. What is left out comes from the profile's last sign-in, if there was one.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("provider").args(["issuer", "dev"]))]
pub(crate) struct Login {
    /// The provider, exactly as it calls itself.
    #[arg(long, value_name = "URL", requires = "client_id")]
    pub(crate) issuer: Option<String>,

    /// The client id of this program at the provider. Register it as a native app with the redirect URI
    /// http://127.0.0.1/callback on any port.
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// Take provider, client, authority and pins from the moorline-dev.json that `moorline-server dev` writes.
    #[arg(long, value_name = "FILE")]
    pub(crate) dev: Option<PathBuf>,

    /// What to ask for: once for each scope, or several in one with spaces.
    /// [default: openid profile email offline_access]
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,

    /// An API for which `moorline token --resource` will ask for tokens of their own (RFC 8707), as an absolute URI;
    /// more than once for several.
    #[arg(long, value_name = "URI")]
    pub(crate) resource: Vec<String>,

    /// A pin of a key in use, on top of this machine's trust. The host is the issuer's if it is left out.
    #[arg(long, value_name = "HOST=sha256/…", requires = "backup_pin", requires = "pin_expires")]
    pub(crate) pin: Vec<String>,

    /// A pin of a key in reserve. Each pinned host needs one.
    #[arg(long, value_name = "HOST=sha256/…", requires = "pin")]
    pub(crate) backup_pin: Vec<String>,

    /// The day on which the pins expire: 2027-06-01.
    #[arg(long, value_name = "DATE", requires = "pin")]
    pub(crate) pin_expires: Option<String>,

    /// Trust the authorities in this PEM file too, for this profile.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Trust only this machine's authorities again.
    #[arg(long, conflicts_with = "ca")]
    pub(crate) no_ca: bool,

    /// Remove the pins of an earlier sign-in.
    #[arg(long, conflicts_with = "pin")]
    pub(crate) no_pin: bool,

    /// Allow plain HTTP to this very machine, for development.
    #[arg(long)]
    pub(crate) allow_http: bool,

    /// Take back --allow-http.
    #[arg(long, conflicts_with = "allow_http")]
    pub(crate) no_allow_http: bool,

    /// Accept bearer tokens, which whoever steals one can use, from a provider that cannot bind them to this machine
    /// (DPoP).
    #[arg(long)]
    pub(crate) allow_bearer: bool,

    /// Take back --allow-bearer.
    #[arg(long, conflicts_with = "allow_bearer")]
    pub(crate) no_allow_bearer: bool,

    /// One more origin, such as https://api.example.com, that the access token may be sent to.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) api: Vec<String>,

    /// Take back each --api of an earlier sign-in. Those that are given beside this count.
    #[arg(long)]
    pub(crate) no_api: bool,

    /// Print the address instead of opening a browser. If the browser runs on another machine, its last page cannot
    /// load: paste the address of that page here (it may be wrapped), or save it in a file and type @FILE.
    #[arg(long)]
    pub(crate) no_browser: bool,

    /// Sign in on another device: print an address and a code, and wait until the code was entered there (RFC 8628).
    /// For a machine without a browser.
    #[arg(long, conflicts_with_all = ["login_hint", "prompt", "max_age", "redirect_host", "redirect_port"])]
    pub(crate) device: bool,

    /// The host of the redirect URI: localhost for a provider that accepts no address. [default: 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    pub(crate) redirect_host: Option<RedirectHost>,

    /// Listen for the browser on this port; 0 takes any free one again.
    #[arg(long, value_name = "PORT")]
    pub(crate) redirect_port: Option<u16>,

    /// How long to wait for the browser, or for the code to be entered.
    /// [default: 300; with --device, for as long as the code is valid]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// The user who is likely to sign in.
    #[arg(long, value_name = "NAME")]
    pub(crate) login_hint: Option<String>,

    /// Ask the provider for a page: login, consent, select_account, …
    #[arg(long, value_name = "PAGES")]
    pub(crate) prompt: Option<String>,

    /// How long ago the user may have authenticated at most.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) max_age: Option<Duration>,

    /// One more parameter of the authorization request, such as audience=….
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameter: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// How long the token must be valid at least. If the provider has no such tokens, that is an error.
    /// [default: 60, or as long as the provider's tokens live]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) min_validity: Option<Duration>,

    /// A token for this API alone, one of those that were named at the login.
    #[arg(long, value_name = "URI")]
    pub(crate) resource: Option<String>,

    /// A token with these scopes alone: once for each scope, or several in one with spaces. [default: all that were
    /// granted]
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,

    /// Print the header fields for one request instead: `Authorization`, and `DPoP` where the token is bound. They
    /// are for one send.
    #[arg(long = "for", num_args = 2, value_names = ["METHOD", "URL"])]
    pub(crate) request: Option<Vec<String>>,

    /// The DPoP-Nonce that the API answered with.
    #[arg(long, value_name = "NONCE", requires = "request", allow_hyphen_values = true)]
    pub(crate) nonce: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// Where to. An address that begins with a slash is completed with the first --api origin, or the issuer's.
    pub(crate) url: String,

    /// One more header field.
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,

    /// Print the status and the header fields before the body.
    #[arg(long, short)]
    pub(crate) include: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) fetch: Fetch,

    /// The body: text, @FILE for a file's contents, or - for standard input.
    #[arg(long, short, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    /// What the body is. [default: application/json]
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
}

impl From<Fetch> for Send {
    fn from(fetch: Fetch) -> Self {
        Self { fetch, data: None, content_type: None }
    }
}

/// The end of `moorline check --help`.
fn exits_of_check() -> String {
    let rows = EXITS_OF_CHECK.map(|(exit, meaning)| format!("\n {:>3}  {meaning}", exit.code()));
    format!("Exit codes:{}\nAll others: moorline --help", rows.concat())
}

/// What the exit codes mean for `moorline check`.
const EXITS_OF_CHECK: [(Exit, &str); 8] = [
    (Exit::Success, "no check failed; warnings are allowed"),
    (Exit::Unfit, "at least one check failed"),
    (Exit::Offline, "the provider cannot be reached, or something else answers, such as a captive portal"),
    (Exit::RateLimited, "the provider asks to wait (429 or Retry-After)"),
    (Exit::Untrusted, "its certificate is not trusted"),
    (
        Exit::Misconfigured,
        "there is no issuer at this address, it takes --allow-http, or the proxy is malformed",
    ),
    (Exit::Cancelled, "a sign-in was called off, or nobody came back from the browser"),
    (Exit::Refused, "the provider refused a later sign-in"),
];

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "give a number of seconds".to_owned())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let printable = |text: &str| text.bytes().all(|byte| byte == b'\t' || (0x20..0x7f).contains(&byte));
    match text.split_once(':').map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value))
            if !name.is_empty() && !name.contains(' ') && printable(name) && printable(value) =>
        {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME: VALUE, in printable ASCII".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_check_the_readme_and_the_changelog_have_the_exit_codes_of_the_program() {
        let mut command = Arguments::command();
        let help = command.find_subcommand_mut("check").unwrap().render_long_help().to_string();
        let readme = include_str!("../README.md");
        let (_, section) = readme.split_once("## Checking a provider").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        for (exit, meaning) in EXITS_OF_CHECK {
            assert!(help.contains(&format!(" {:>3}  {meaning}", exit.code())), "{help}");
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(section.contains(&row), "the section on `check` in cli/README.md lacks the row\n{row}");
        }
        let changelog = include_str!("../../CHANGELOG.md").split_whitespace().collect::<Vec<_>>().join(" ");
        for named in changelog.split(" exit code ").skip(1) {
            let Some((number, name)) = named.split_once(" (`") else { continue };
            let Some((name, _)) = name.split_once('`').filter(|_| number.len() < 4) else { continue };
            let exit = Exit::ALL.into_iter().find(|exit| exit.name() == name).unwrap();
            assert_eq!(number, exit.code().to_string(), "CHANGELOG.md has another code for {name}");
        }
    }

    #[test]
    fn no_usage_names_an_option_as_required_that_comes_from_the_environment() {
        for command in Arguments::command().get_subcommands() {
            let word = command.get_name();
            let words = ["moorline", "--home", "/x", "--profile", "y", word, "--no-such-option"];
            let error = Arguments::read(words).unwrap_err().to_string();
            assert!(error.contains(&format!("Usage: moorline {word} [OPTIONS]")), "{error}");
            assert!(!error.contains("--home") && !error.contains("--profile"), "{error}");
        }
        let error = Arguments::read(["moorline", "get"]).unwrap_err().to_string();
        assert!(error.contains("Usage: moorline get [OPTIONS] <URL>"), "{error}");
    }

    #[test]
    fn a_nonce_may_begin_with_a_hyphen() {
        // As one in 64 does that is base64url.
        let words = ["moorline", "token", "--for", "GET", "https://x.example", "--nonce", "-a"];
        Arguments::read(words).unwrap();
    }
}
