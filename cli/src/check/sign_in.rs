//! One sign-in in the user's browser (RFC 6749 §4.1, RFC 7636, RFC 8252), from the request to the callback.

use std::time::Duration;

use moorline::LoopbackReceiver;
use serde_json::json;
use url::Url;

use super::crypto::{random, sha256_base64url};
use super::document;
use super::probe::Probe;
use super::probe_error::ProbeError;
use super::secret::Secret;
use super::tokens::error_words;
use crate::failure::Failure;
use crate::output::Output;
use crate::paste::{self, Expected, Typed};
use crate::signal::Signal;

/// How to sign in.
#[derive(Debug)]
pub(super) struct SignIn<'a> {
    pub(super) output: &'a Output,
    pub(super) authorization_endpoint: Url,
    /// Where requests are pushed to (RFC 9126), and whether they must be.
    pub(super) pushed: (Option<Url>, bool),
    pub(super) client_id: &'a str,
    pub(super) scope: String,
    pub(super) parameters: &'a [(String, String)],
    pub(super) browser: bool,
    pub(super) port: Option<u16>,
    pub(super) timeout: Duration,
    /// What is typed or pasted while the program waits.
    pub(super) typed: Option<Typed>,
}

/// What came back from the browser.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) code: Secret,
    pub(super) verifier: Secret,
    pub(super) nonce: Secret,
    pub(super) redirect_uri: String,
    /// `iss` (RFC 9207).
    pub(super) iss: Option<String>,
    /// How pushing the request went, if it was tried.
    pub(super) pushed: Option<Result<(), String>>,
}

/// Why nobody came back with a code.
#[derive(Debug)]
pub(super) enum NoArrival {
    /// The provider sent an error.
    Refused(String),
    /// The user denied the request, or nobody came back in time.
    CalledOff,
    /// A signal asks the program to end.
    Interrupted(Signal),
    /// Something of our own, such as a port in use.
    Local(Failure),
}

impl SignIn<'_> {
    /// Opens the browser and waits for it. `number` counts the sign-ins.
    pub(super) async fn run(&mut self, probe: &Probe, number: u32, push: bool) -> Result<Arrival, NoArrival> {
        let receiver = match self.port {
            Some(port) => LoopbackReceiver::bind_port(port).await,
            None => LoopbackReceiver::bind().await,
        };
        let receiver = receiver.map_err(|error| NoArrival::Local(error.into()))?;
        let redirect_uri = receiver.redirect_uri().to_owned();
        let [state, nonce, verifier] = [(); 3].map(|()| Secret::new(random()));
        let request = self.request(&redirect_uri, &state, &nonce, &verifier);
        let (address, pushed) = self.address(probe, &request, push).await;
        self.show(number, &address, &redirect_uri)?;
        // The check judges `iss` itself.
        let expected = Expected::new(&redirect_uri, state.expose(), None);
        let (typed, output) = (&mut self.typed, self.output);
        let again = |problem: &str| {
            output.hint(format_args!("{problem} The address begins with {redirect_uri}?"));
        };
        let pasted = async { Some(paste::callback(typed.as_mut()?, &expected, again).await) };
        let callback = tokio::select! {
            callback = receiver.wait(state.expose(), self.timeout) => callback.map_err(|_| NoArrival::CalledOff)?,
            Some(pasted) = pasted => pasted,
        };
        let url =
            Url::parse(&callback).map_err(|_| NoArrival::Refused("an address that is none".to_owned()))?;
        let parameter = |name: &str| {
            url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
        };
        if let Some(error) = parameter("error") {
            if error == "access_denied" {
                return Err(NoArrival::CalledOff);
            }
            return Err(NoArrival::Refused(error_words(&error)));
        }
        let code = parameter("code").filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| NoArrival::Refused("neither a code nor an error".to_owned()))?;
        Ok(Arrival { code: Secret::new(code), verifier, nonce, redirect_uri, iss: parameter("iss"), pushed })
    }

    fn request(
        &self,
        redirect_uri: &str,
        state: &Secret,
        nonce: &Secret,
        verifier: &Secret,
    ) -> Vec<(String, String)> {
        let challenge = sha256_base64url(verifier.expose().as_bytes());
        let mut request: Vec<(String, String)> = [
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &self.scope),
            ("state", state.expose()),
            ("nonce", nonce.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        request.extend(self.parameters.iter().cloned());
        request
    }

    /// Where to send the browser: with the whole request, or with a reference to it.
    async fn address(
        &self,
        probe: &Probe,
        request: &[(String, String)],
        push: bool,
    ) -> (String, Option<Result<(), String>>) {
        let (endpoint, required) = &self.pushed;
        let whole = || with_query(&self.authorization_endpoint, request);
        let Some(endpoint) = endpoint.as_ref().filter(|_| push || *required) else {
            return (whole(), None);
        };
        let fields: Vec<(&str, &str)> =
            request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match probe.post(endpoint, &fields, None).await.map(|answer| request_uri(&answer)) {
            Ok(Ok(request_uri)) => {
                let reference = [("client_id", self.client_id), ("request_uri", &request_uri)];
                let reference = reference.map(|(name, value)| (name.to_owned(), value.to_owned()));
                (with_query(&self.authorization_endpoint, &reference), Some(Ok(())))
            }
            Ok(Err(why)) => (whole(), Some(Err(why))),
            Err(error) => (whole(), Some(Err(ProbeError::to_string(&error)))),
        }
    }

    fn show(&self, number: u32, address: &str, redirect_uri: &str) -> Result<(), NoArrival> {
        let output = self.output;
        let again = if number > 1 { " (an experiment needs a new session)" } else { "" };
        if self.browser && open_browser(address) {
            output.hint(format_args!(
                "Sign-in {number}{again}: go through it in your browser. If none has opened, open:"
            ));
            output.hint(address);
            return Ok(());
        }
        output.hint(format_args!("Sign-in {number}{again}: open this address in a browser:"));
        output
            .result(&json!({ "open": address, "redirect_uri": redirect_uri }), || address.to_owned())
            .map_err(NoArrival::Local)?;
        if number == 1 {
            output.hint("Is the browser on another machine? Then paste here the address that it ends at.");
        }
        Ok(())
    }
}

/// The reference of a pushed request (RFC 9126 §2.2).
pub(super) fn request_uri(answer: &super::probe::Answer) -> Result<String, String> {
    let value = document::read(answer).map(|document| document.value).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
    match text("request_uri") {
        Some(request_uri) if matches!(answer.status, 200 | 201) => Ok(request_uri.to_owned()),
        _ => Err(match text("error") {
            Some(error) => format!("{} {}", answer.status, error_words(error)),
            None => format!("{} without a request_uri", answer.status),
        }),
    }
}

fn with_query(endpoint: &Url, parameters: &[(String, String)]) -> String {
    let mut url = endpoint.clone();
    url.query_pairs_mut().extend_pairs(parameters);
    url.into()
}

fn open_browser(url: &str) -> bool {
    let mut options = webbrowser::BrowserOptions::new();
    options.with_suppress_output(true);
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url, &options).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::answer;
    use super::*;

    #[test]
    fn a_request_keeps_the_endpoints_own_query() {
        let endpoint = Url::parse("https://id.example.com/authorize?tenant=1").unwrap();
        let url = with_query(&endpoint, &[("scope".to_owned(), "openid email".to_owned())]);
        assert_eq!(url, "https://id.example.com/authorize?tenant=1&scope=openid+email");
    }

    #[test]
    fn a_pushed_request_is_a_reference_or_a_reason() {
        let read = |status, body: &str| request_uri(&answer(status, &[], body.as_bytes()));
        assert_eq!(read(201, r#"{"request_uri":"urn:x","expires_in":60}"#), Ok("urn:x".to_owned()));
        assert_eq!(read(401, r#"{"error":"invalid_client"}"#), Err("401 `invalid_client`".to_owned()));
        for body in ["", "{}", "[]", r#"{"request_uri":5}"#, "<html>"] {
            assert!(read(201, body).is_err(), "{body}");
        }
    }
}
