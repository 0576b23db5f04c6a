//! The token and revocation endpoints, with full control over what is sent.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::crypto::ProofKey;
use super::document;
use super::finding::quoted;
use super::probe::{Answer, Probe};
use super::probe_error::ProbeError;
use super::secret::Secret;

/// What the token endpoint answered.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Granted(Box<Tokens>),
    Refused(Refusal),
}

/// A token response (RFC 6749 §5.1).
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    pub(super) refresh: Option<Secret>,
    pub(super) id: Option<Secret>,
    pub(super) is_dpop: bool,
    pub(super) lifetime: Lifetime,
    /// Whether the answer forbids caches to keep it (RFC 6749 §5.1).
    pub(super) no_store: bool,
}

/// `expires_in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    Seconds(u64),
    Absent,
    /// Not a number of seconds.
    Odd,
}

/// An answer without tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `error`, if the answer is a JSON object with that member (RFC 6749 §5.2).
    pub(super) error: Option<String>,
}

impl Refusal {
    pub(super) fn is(&self, error: &str) -> bool {
        self.error.as_deref() == Some(error)
    }

    /// `400 invalid_grant`, or what there is instead.
    pub(super) fn words(&self) -> String {
        match &self.error {
            Some(error) if is_code(error) => format!("{} `{error}`", self.status),
            Some(_) => format!("{} with an error code that is none", self.status),
            None => format!("{} without an error code in JSON", self.status),
        }
    }
}

/// Error codes are short words. Anything else might repeat a token.
fn is_code(error: &str) -> bool {
    (1..=40).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Reads an answer of the token endpoint.
pub(super) fn read(answer: &Answer) -> Reply {
    let document = document::read(answer).ok();
    let value = document.map(|document| document.value).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if answer.status != 200 || text("access_token").is_none() {
        return Reply::Refused(Refusal { status: answer.status, error: text("error").map(str::to_owned) });
    }
    let no_store = |value: &str| value.to_ascii_lowercase().contains("no-store");
    Reply::Granted(Box::new(Tokens {
        refresh: text("refresh_token").map(Secret::new),
        id: text("id_token").map(Secret::new),
        is_dpop: text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("dpop")),
        lifetime: lifetime(value.get("expires_in")),
        no_store: answer.header("cache-control").is_some_and(no_store),
    }))
}

fn lifetime(value: Option<&Value>) -> Lifetime {
    match value {
        None | Some(Value::Null) => Lifetime::Absent,
        Some(value) => value.as_u64().map_or(Lifetime::Odd, Lifetime::Seconds),
    }
}

/// What was seen of DPoP nonces (RFC 9449 §8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Nonces {
    /// Requests that were refused with `use_dpop_nonce`.
    pub(super) challenges: u32,
    /// A challenge came without the nonce that it wants.
    pub(super) challenge_without_nonce: bool,
    /// An answer with tokens brought the next nonce.
    pub(super) renewed: bool,
}

/// One client at the token endpoint.
#[derive(Debug)]
pub(super) struct Client<'a> {
    probe: &'a Probe,
    token_endpoint: Url,
    revocation_endpoint: Option<Url>,
    client_id: &'a str,
    /// For DPoP proofs, if the provider takes them.
    key: Option<ProofKey>,
    nonce: RefCell<Option<String>>,
    nonces: RefCell<Nonces>,
    waits: Cell<u32>,
}

/// How long a provider may ask to wait, and how often.
const LONGEST_WAIT: Duration = Duration::from_secs(65);
const MOST_WAITS: u32 = 3;

impl<'a> Client<'a> {
    pub(super) fn new(
        probe: &'a Probe,
        token_endpoint: Url,
        revocation_endpoint: Option<Url>,
        client_id: &'a str,
        with_dpop: bool,
    ) -> Self {
        let key = with_dpop.then(ProofKey::generate);
        let (nonce, nonces, waits) = (RefCell::default(), RefCell::default(), Cell::new(0));
        Self { probe, token_endpoint, revocation_endpoint, client_id, key, nonce, nonces, waits }
    }

    /// The same client on another device: with a key of its own, if the provider takes proofs.
    pub(super) fn elsewhere(&self) -> Self {
        let (endpoint, revocation) = (self.token_endpoint.clone(), self.revocation_endpoint.clone());
        Self::new(self.probe, endpoint, revocation, self.client_id, self.proves())
    }

    pub(super) fn nonces(&self) -> Nonces {
        self.nonces.borrow().clone()
    }

    pub(super) const fn proves(&self) -> bool {
        self.key.is_some()
    }

    pub(super) const fn can_revoke(&self) -> bool {
        self.revocation_endpoint.is_some()
    }

    /// Exchanges a code (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub(super) async fn exchange(
        &self,
        code: &Secret,
        redirect_uri: &str,
        verifier: &Secret,
    ) -> Result<Reply, ProbeError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose()),
            ("client_id", self.client_id),
        ];
        self.token(&fields, true).await
    }

    /// Refreshes (RFC 6749 §6).
    pub(super) async fn refresh(&self, token: &Secret, attempt: Option<&str>) -> Result<Reply, ProbeError> {
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose()),
            ("client_id", self.client_id),
        ];
        fields.extend(attempt.map(|attempt| ("refresh_attempt", attempt)));
        self.token(&fields, true).await
    }

    /// Refreshes as a thief would who has the token and not the key.
    pub(super) async fn refresh_without_proof(&self, token: &Secret) -> Result<Reply, ProbeError> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose()),
            ("client_id", self.client_id),
        ];
        self.token(&fields, false).await
    }

    /// Whether the provider answered 200 (RFC 7009 §2.2); otherwise its status.
    pub(super) async fn revoke(&self, token: &Secret) -> Result<Result<(), u16>, ProbeError> {
        let Some(url) = &self.revocation_endpoint else {
            return Err(ProbeError::NotAllowed("there is no revocation endpoint".to_owned()));
        };
        let fields =
            [("token", token.expose()), ("token_type_hint", "refresh_token"), ("client_id", self.client_id)];
        let answer = self.proved(url, &fields, true).await?;
        Ok(if answer.status == 200 { Ok(()) } else { Err(answer.status) })
    }

    async fn token(&self, fields: &[(&str, &str)], prove: bool) -> Result<Reply, ProbeError> {
        let answer = self.proved(&self.token_endpoint, fields, prove).await?;
        let reply = read(&answer);
        if matches!(reply, Reply::Granted(_)) && answer.header("dpop-nonce").is_some() {
            self.nonces.borrow_mut().renewed = true;
        }
        Ok(reply)
    }

    /// Sends the form, with a proof if the provider takes proofs, and again if it wants its nonce in it.
    async fn proved(&self, url: &Url, fields: &[(&str, &str)], prove: bool) -> Result<Answer, ProbeError> {
        for challenged in [false, true] {
            let nonce = self.nonce.borrow().clone();
            let key = self.key.as_ref().filter(|_| prove);
            let answer =
                self.patient(url, fields, || key.map(|key| key.prove_post(url, nonce.as_deref()))).await?;
            let sent_nonce = answer.header("dpop-nonce").map(str::to_owned);
            let wants_nonce = prove && is_nonce_challenge(&answer);
            if wants_nonce {
                let mut nonces = self.nonces.borrow_mut();
                nonces.challenges += 1;
                nonces.challenge_without_nonce |= sent_nonce.is_none();
            }
            let again = wants_nonce && !challenged && sent_nonce.is_some();
            if sent_nonce.is_some() {
                *self.nonce.borrow_mut() = sent_nonce;
            }
            if !again {
                return Ok(answer);
            }
        }
        unreachable!("the second answer is returned whatever it is")
    }

    /// Waits if the provider asks for that, some times. Each request gets a proof of its own.
    async fn patient(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
        proof: impl Fn() -> Option<Secret>,
    ) -> Result<Answer, ProbeError> {
        loop {
            let answer = self.probe.post(url, fields, proof().as_ref()).await?;
            if !matches!(answer.status, 429 | 502..=504) {
                return Ok(answer);
            }
            match answer.wait_asked() {
                Some(wait) if wait <= LONGEST_WAIT && self.waits.get() < MOST_WAITS => {
                    self.waits.set(self.waits.get() + 1);
                    tokio::time::sleep(wait).await;
                }
                wait => return Err(ProbeError::Busy(answer.status, wait)),
            }
        }
    }
}

fn is_nonce_challenge(answer: &Answer) -> bool {
    matches!(read(answer), Reply::Refused(refusal) if refusal.is("use_dpop_nonce"))
}

/// The callback's error, in words.
pub(super) fn error_words(error: &str) -> String {
    if is_code(error) { format!("`{error}`") } else { quoted(error) }
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::answer;
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        read(&answer(status, &[("content-type", "application/json")], body.as_bytes()))
    }

    fn refusal(status: u16, body: &str) -> Refusal {
        match reply(status, body) {
            Reply::Refused(refusal) => refusal,
            Reply::Granted(_) => panic!("granted: {body}"),
        }
    }

    #[test]
    fn an_answer_without_an_access_token_is_a_refusal() {
        assert!(refusal(400, r#"{"error":"invalid_grant"}"#).is("invalid_grant"));
        for (status, body) in [
            (200, "{}"),
            (200, "[]"),
            (200, ""),
            (200, "<html>"),
            (200, r#"{"access_token":7}"#),
            (200, r#"{"access_token":""}"#),
            (500, "oops"),
            (400, r#"{"error":{"code":"invalid_grant"}}"#),
        ] {
            assert_eq!(refusal(status, body).error, None, "{body}");
        }
    }

    #[test]
    fn a_lifetime_is_a_number_of_seconds() {
        let of = |text: &str| match reply(200, &format!(r#"{{"access_token":"a"{text}}}"#)) {
            Reply::Granted(tokens) => tokens.lifetime,
            Reply::Refused(_) => panic!("refused"),
        };
        assert_eq!(of(r#","expires_in":900"#), Lifetime::Seconds(900));
        assert_eq!((of(""), of(r#","expires_in":null"#)), (Lifetime::Absent, Lifetime::Absent));
        for odd in ["-1", "\"900\"", "1.5", "[]", "1e400"] {
            let text = format!(r#","expires_in":{odd}"#);
            if odd != "1e400" {
                assert_eq!(of(&text), Lifetime::Odd, "{odd}");
            }
        }
    }

    #[test]
    fn an_error_code_that_might_be_a_token_is_not_repeated() {
        let odd = Refusal { status: 400, error: Some("eyJhbGciOi.secret".to_owned()) };
        assert!(!odd.words().contains("secret"));
        assert_eq!(
            Refusal { status: 400, error: Some("invalid_grant".to_owned()) }.words(),
            "400 `invalid_grant`"
        );
        let tokens =
            reply(200, r#"{"access_token":"at-secret","refresh_token":"rt-secret","id_token":"id-secret"}"#);
        assert!(!format!("{tokens:?}").contains("secret"));
    }
}
