//! `moorline check`: how fit an OpenID provider is for mobile apps.
//!
//! It judges by behaviour only and knows no vendor. [`provider`] and [`jwks`] judge documents, [`experiments`] try
//! things with sessions of their own, and [`report`] prints the results.

mod checks;
mod crypto;
mod discovery;
mod document;
mod documents;
mod experiments;
mod finding;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod id_token;
mod jwks;
mod lab;
mod metadata;
mod probe;
mod probe_error;
mod provider;
mod report;
mod secret;
mod sign_in;
mod span;
mod tls;
mod tokens;
mod trouble;
mod with_client;

use std::io;

use moorline::Retry;
use url::Url;

use self::documents::documents;
use self::probe::Probe;
use self::probe_error::MOST_REQUESTS;
use self::report::{Report, Stopped};
use crate::arguments::Check as Options;
use crate::exit::Exit;
use crate::failure::{Failure, Unjudged};
use crate::output::Output;
use crate::profile::read_named_file;
use crate::signals::Signals;

/// Checks the provider, prints the report, and returns the exit code.
pub(crate) async fn run(output: &Output, options: &Options) -> Result<u8, Failure> {
    let issuer = issuer(&options.issuer)?;
    let roots = match &options.ca {
        Some(file) => tls::roots(&read_named_file(file)?)
            .map_err(|why| Failure::usage(format!("{}: {why}", file.display())))?,
        None => Vec::new(),
    };
    let probe = Probe::new(roots, options.timeout, options.allow_http)
        .map_err(|why| Failure::local("TLS", io::Error::other(why)))?;
    let signals = Signals::new();
    signals.listen()?;
    output.hint(format_args!("Checking {issuer} with at most {MOST_REQUESTS} requests…"));
    let mut documents = tokio::select! {
        biased;
        // Nothing has been issued yet.
        signal = signals.first() => return Err(Failure::Interrupted(signal)),
        read = documents(&probe, &issuer, options) => read?,
    };
    let mut report = Report {
        issuer: &options.issuer,
        client_id: options.client_id.as_deref(),
        findings: std::mem::take(&mut documents.findings),
        requests: 0,
        sign_ins: 0,
        clean_up: lab::CleanUp::default(),
        stopped: documents.trouble.as_ref().map(|trouble| Stopped::By(trouble.exit)),
    };
    if let (Some(client_id), None) = (&options.client_id, report.stopped) {
        with_client::run(output, &signals, options, client_id, &probe, &documents, &mut report).await?;
    }
    report.requests = probe.sent();
    report.complete("The check did not come this far.");
    output.report(&report.json(), |colour| report.text(colour))?;
    Ok(report.code())
}

/// The issuer's address. A password in it is refused and not repeated.
fn issuer(text: &str) -> Result<Url, Failure> {
    let refused = |message: String| {
        Failure::Check(Unjudged {
            exit: Exit::Misconfigured,
            retry: Retry::Never,
            message,
            hint: "Give the issuer exactly as the provider names it, such as https://id.example.com."
                .to_owned(),
        })
    };
    let url = Url::parse(text).map_err(|error| refused(format!("the issuer is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("the issuer has a user name or password in it".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "the issuer has a query or a fragment (OIDC Discovery §3 forbids them)".to_owned(),
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_with_a_password_is_refused_and_not_repeated() {
        let error = issuer("https://ada:hunter2@id.example.com").unwrap_err();
        assert_eq!(error.exit(), Exit::Misconfigured);
        assert!(!error.to_string().contains("hunter2"));
        for bad in
            ["", "id.example.com", "https://", "https://id.example.com/?x", "https://id.example.com/#x"]
        {
            assert!(issuer(bad).is_err(), "{bad}");
        }
    }
}
