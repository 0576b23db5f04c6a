//! The address that the browser was sent back to (RFC 6749 §4.1.2, RFC 9207).

use url::Url;

use crate::{
    error::Error,
    secret::{Secret, redact},
    vault::PendingLogin,
};

/// A callback that is well formed, but not checked yet. A malformed one is no decision of the provider's, and ends no
/// sign-in.
#[derive(Debug)]
pub(crate) struct Callback {
    url: Url,
    pub(crate) state: Secret,
    issuer: Option<String>,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Code(Secret),
    Error { code: String, description: String },
}

impl Callback {
    /// Reads the parameters that RFC 6749 §4.1.2 and RFC 9207 define. An empty one counts as absent, and none may be
    /// repeated, not even with the same value (RFC 6749 §3.1). Others are ignored, and so is a code beside an error.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is no callback.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let url = match Url::parse(text) {
            Ok(url) if text.len() <= LONGEST => url,
            _ => return Err(refused("invalid_callback", "the callback is no address")),
        };
        let Some(state) = parameter(&url, "state")? else {
            return Err(refused("state_mismatch", "the callback has no state"));
        };
        let (code, error) = (parameter(&url, "code")?, parameter(&url, "error")?);
        let answer = match (error, code) {
            (Some(code), _) => {
                let description = url.query_pairs().find(|(name, _)| name == "error_description");
                let description = description.map(|(_, value)| value.into_owned()).unwrap_or_default();
                Answer::Error { code, description }
            }
            (None, Some(code)) => Answer::Code(Secret::new(code)),
            (None, None) => {
                return Err(refused("invalid_callback", "the callback has neither a code nor an error"));
            }
        };
        Ok(Self { state: Secret::new(state), issuer: parameter(&url, "iss")?, url, answer })
    }

    /// Whether it brings an error, and no code.
    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    pub(crate) const fn is_error(&self) -> bool {
        matches!(self.answer, Answer::Error { .. })
    }

    /// The code, if this is a valid response to `login`.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the user denied the request, [`Error::Offline`] if the provider was unavailable,
    /// [`Error::Refused`] otherwise.
    pub(crate) fn code(
        &self,
        login: &PendingLogin,
        issuer: &str,
        iss_required: bool,
    ) -> Result<Secret, Error> {
        if self.state != login.state {
            return Err(refused("state_mismatch", "the callback answers another sign-in"));
        }
        if !self.comes_back_to(&login.redirect_uri) {
            return Err(refused(
                "redirect_mismatch",
                "the callback came to another address than the redirect URI",
            ));
        }
        match &self.issuer {
            Some(iss) if iss != issuer => {
                return Err(refused("issuer_mismatch", "the callback is from another issuer"));
            }
            None if iss_required => {
                return Err(refused("issuer_mismatch", "the callback does not say which issuer it is from"));
            }
            _ => {}
        }
        match &self.answer {
            Answer::Code(code) => Ok(code.clone()),
            Answer::Error { code, description } => Err(self.provider_error(code, description)),
        }
    }

    fn provider_error(&self, code: &str, description: &str) -> Error {
        if code == "access_denied" {
            return Error::Cancelled;
        }
        // They say nothing about the user or the request: the same sign-in may succeed in a minute.
        if PASSING.contains(&code) {
            tracing::info!(why = code, "the provider could not serve the authorization request");
            return Error::offline();
        }
        Error::Refused {
            code: redact(code, &[&self.state]),
            description: redact(description, &[&self.state]),
        }
    }

    /// Scheme, host, port and path are the redirect URI's, and its own parameters are there. A fragment is nobody's:
    /// some providers add one.
    pub(crate) fn comes_back_to(&self, redirect_uri: &str) -> bool {
        let Ok(expected) = Url::parse(redirect_uri) else { return false };
        fn place(url: &Url) -> (&str, &str, Option<u16>, &str) {
            (url.scheme(), url.host_str().unwrap_or_default(), url.port_or_known_default(), url.path())
        }
        place(&self.url) == place(&expected)
            && expected.query_pairs().all(|own| self.url.query_pairs().any(|found| found == own))
    }
}

/// The value of a parameter; `None` if it is empty.
fn parameter(url: &Url, name: &str) -> Result<Option<String>, Error> {
    let mut values = url.query_pairs().filter(|(other, _)| other == name).map(|(_, value)| value);
    let value = values.next().unwrap_or_default();
    if values.next().is_some() {
        return Err(refused("invalid_callback", format!("the callback repeats the parameter {name}")));
    }
    Ok((!value.is_empty()).then(|| value.into_owned()))
}

fn refused(code: &str, description: impl Into<String>) -> Error {
    Error::refused(code, description)
}

/// Errors that pass (RFC 6749 §4.1.2.1).
const PASSING: [&str; 2] = ["server_error", "temporarily_unavailable"];
/// Browsers and providers stay far below.
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example.com";
    const REDIRECT: &str = "com.example.notes:/signed-in";

    fn login(redirect_uri: &str) -> PendingLogin {
        PendingLogin {
            state: Secret::new("s1".into()),
            nonce: Secret::new("n1".into()),
            code_verifier: Secret::new("v1".into()),
            proof_key: None,
            redirect_uri: redirect_uri.into(),
            scope: vec![],
            resources: vec![],
            max_age: None,
            device: None,
            subject: None,
            started_at: None,
        }
    }

    fn code_of(redirect_uri: &str, callback: &str) -> Result<String, String> {
        let code = Callback::read(callback).and_then(|read| read.code(&login(redirect_uri), ISSUER, true));
        code.map(|code| code.expose().to_owned()).map_err(|error| match error {
            Error::Refused { code, .. } => code,
            Error::Cancelled => "cancelled".into(),
            Error::Offline { .. } => "offline".into(),
            other => panic!("{other:?}"),
        })
    }

    fn code(parameters: &str) -> Result<String, String> {
        code_of(REDIRECT, &format!("{REDIRECT}?{parameters}"))
    }

    const ISS: &str = "iss=https%3A%2F%2Fid.example.com";

    #[test]
    fn a_valid_callback_gives_its_code() {
        assert_eq!(code(&format!("code=c1&state=s1&{ISS}")), Ok("c1".into()));
        assert_eq!(code(&format!("{ISS}&state=s1&code=c%2F1&session_state=x#_=_")), Ok("c/1".into()));
    }

    #[test]
    fn only_the_exact_state_is_taken() {
        for state in ["", "&state=", "&state=S1", "&state=s1%20", "&state=s", "&state=s11"] {
            assert_eq!(code(&format!("code=c1{state}&{ISS}")), Err("state_mismatch".into()), "{state}");
        }
    }

    #[test]
    fn the_issuer_must_be_there_and_be_ours() {
        for iss in ["", "&iss=", "&iss=https%3A%2F%2Fevil.example", "&iss=https%3A%2F%2Fid.example.com%2F"] {
            assert_eq!(code(&format!("code=c1&state=s1{iss}")), Err("issuer_mismatch".into()), "{iss}");
            assert_eq!(code(&format!("error=access_denied&state=s1{iss}")), Err("issuer_mismatch".into()));
        }
        let without = Callback::read(&format!("{REDIRECT}?code=c1&state=s1")).unwrap();
        assert!(without.code(&login(REDIRECT), ISSUER, false).is_ok());
        let empty = Callback::read(&format!("{REDIRECT}?code=c1&state=s1&iss=")).unwrap();
        assert!(empty.code(&login(REDIRECT), ISSUER, false).is_ok());
    }

    #[test]
    fn a_repeated_parameter_of_the_protocol_is_refused_whatever_its_values() {
        for twice in ["code=c2", "code=c1", "code=", "state=s1", "state=", ISS, "error=&error="] {
            for callback in
                [format!("code=c1&state=s1&{ISS}&{twice}"), format!("{twice}&code=c1&state=s1&{ISS}")]
            {
                assert_eq!(code(&callback), Err("invalid_callback".into()), "{callback}");
            }
        }
        let error = format!("error=access_denied&error=access_denied&state=s1&{ISS}");
        assert_eq!(code(&error), Err("invalid_callback".into()));
        assert_eq!(code(&format!("code=c1&state=s1&{ISS}&x=1&x=2")), Ok("c1".into()), "it is nobody's");
    }

    #[test]
    fn an_empty_parameter_counts_as_absent() {
        assert_eq!(code(&format!("error=&error_description=&code=c1&state=s1&{ISS}")), Ok("c1".into()));
        assert_eq!(code(&format!("error=access_denied&code=&state=s1&{ISS}")), Err("cancelled".into()));
        for nothing in ["", "code=&", "error=&", "code=&error=&"] {
            assert_eq!(
                code(&format!("{nothing}state=s1&{ISS}")),
                Err("invalid_callback".into()),
                "{nothing}"
            );
        }
        assert!(
            code_of("https://a.example/cb?x=", &format!("https://a.example/cb?x=&code=c1&state=s1&{ISS}"))
                .is_ok()
        );
    }

    #[test]
    fn a_denied_request_is_cancelled_and_other_errors_keep_their_code() {
        assert_eq!(code(&format!("error=access_denied&state=s1&{ISS}")), Err("cancelled".into()));
        assert_eq!(code(&format!("error=invalid_scope&state=s1&{ISS}")), Err("invalid_scope".into()));
        assert_eq!(code(&format!("error=invalid_scope&code=c1&state=s1&{ISS}")), Err("invalid_scope".into()));
    }

    #[test]
    fn a_provider_that_is_unavailable_is_no_refusal() {
        for passing in PASSING {
            assert_eq!(code(&format!("error={passing}&state=s1&{ISS}")), Err("offline".into()));
            // Only the provider can say so.
            assert_eq!(code(&format!("error={passing}&state=s1&iss=x")), Err("issuer_mismatch".into()));
            assert_eq!(code(&format!("error={passing}&state=s2&{ISS}")), Err("state_mismatch".into()));
        }
    }

    #[test]
    fn the_callback_must_come_to_the_redirect_uri() {
        let rest = format!("code=c1&state=s1&{ISS}");
        for (redirect, callback, good) in [
            ("http://127.0.0.1:5000/callback", "http://127.0.0.1:5000/callback", true),
            ("http://127.0.0.1:5000/callback", "http://127.0.0.1:5001/callback", false),
            ("http://127.0.0.1:5000/callback", "http://localhost:5000/callback", false),
            ("http://127.0.0.1:5000/callback", "https://127.0.0.1:5000/callback", false),
            ("http://127.0.0.1:5000/callback", "http://127.0.0.1:5000/callback/", false),
            ("https://app.example/cb", "https://app.example:443/cb", true),
            (REDIRECT, "com.example.notes:///signed-in", true),
            (REDIRECT, "com.example.other:/signed-in", false),
            (REDIRECT, "com.example.notes:/elsewhere", false),
            ("https://app.example/cb?tenant=1", "https://app.example/cb", false),
        ] {
            let outcome = code_of(redirect, &format!("{callback}?{rest}"));
            assert_eq!(outcome.is_ok(), good, "{redirect} {callback} {outcome:?}");
        }
        assert!(
            code_of("https://app.example/cb?tenant=1", &format!("https://app.example/cb?tenant=1&{rest}"))
                .is_ok()
        );
    }

    #[test]
    fn nonsense_is_refused_and_no_panic() {
        for nonsense in ["", "x", "/callback?code=1", "http://[::1", "::", "com.example.notes:", "\u{0}"] {
            assert!(Callback::read(nonsense).is_err(), "{nonsense:?}");
        }
    }

    #[test]
    fn no_code_or_state_shows_in_an_error() {
        let callback = format!("{REDIRECT}?error=odd&error_description=for%20s1-seen&state=s1-seen&{ISS}");
        let mut login = login(REDIRECT);
        login.state = Secret::new("s1-seen".into());
        let error = Callback::read(&callback).unwrap().code(&login, ISSUER, true).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("seen"));
    }
}
