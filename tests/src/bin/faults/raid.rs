//! What a thief sends, and how an answer is read: as a refusal only if it is one by the rules of its endpoint.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::http1::Message;
use moorline_tests::oauth::attempt;
use moorline_tests::sdk::CLIENT;
use serde_json::Value;

use crate::site::Ours;

/// How often a server that can't answer just now is asked again.
const TRIES: u32 = 8;

pub(crate) const TOKEN: &str = "/oauth/token";
const REVOKE: &str = "/oauth/revoke";
const PROTECTED: [&str; 2] = ["/v1/notes", "/oauth/userinfo"];

/// Tokens in an answer, whatever else is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loot {
    pub(crate) access_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
}

/// Why nothing was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: String,
    /// `superseded`, at the token endpoint.
    pub(crate) reason: Option<String>,
}

/// What a thief without the device's key can prove.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof<'a> {
    None,
    /// By a key of its own, with a good nonce.
    Own(&'a HandMadeKey),
    /// One that its owner has sent.
    Copied(&'a str),
}

impl Proof<'_> {
    /// The errors with which a session that is bound refuses it: of a foreign key's owner it says no more than of a
    /// bad token.
    const fn refused_with(self) -> &'static [&'static str] {
        match self {
            Self::None => &["invalid_dpop_proof"],
            Self::Own(_) => &["invalid_grant", "invalid_token", "invalid_dpop_proof"],
            // Copied, it was used; or its nonce is old by now.
            Self::Copied(_) => &["invalid_dpop_proof", "use_dpop_nonce"],
        }
    }
}

/// A thief at our server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raid<'a>(pub(crate) &'a Ours);

impl Raid<'_> {
    /// Uses a refresh token without any proof. A bearer's is refused as invalid, a bound one for want of the proof.
    pub(crate) async fn refresh(
        self,
        token: &str,
        attempt: Option<&str>,
        bound: bool,
    ) -> Result<Result<Loot, Refusal>> {
        let proof = Proof::None;
        let expected = if bound { proof.refused_with() } else { &["invalid_grant"] };
        let answer = self.post(TOKEN, &form(token, attempt), proof).await?;
        read(&answer, expected).context("a thief's refresh")
    }

    /// Sends a captured request to the token endpoint again, byte for byte.
    pub(crate) async fn replay(self, request: &Message, bound: bool) -> Result<Result<Loot, Refusal>> {
        let expected = if bound { Proof::Copied("").refused_with() } else { &["invalid_grant"] };
        let answer = self.ask(request).await?;
        read(&answer, expected).context("a thief's replay")
    }

    /// Whether an access token lets a bearer in at the API.
    pub(crate) async fn enters(self, access_token: &str) -> Result<bool> {
        let answer = self.get(PROTECTED[0], "Bearer", access_token, Proof::None).await?;
        entered(&answer, &["invalid_token"])
    }

    /// Tries everything that can be done with tokens of a bound session and without its key; returns what was
    /// accepted. `proofs` are of requests to the token endpoint and to the API that the owner made.
    pub(crate) async fn on_bound(
        self,
        access_token: &str,
        refresh_token: &str,
        proofs: [&str; 2],
        own: &HandMadeKey,
    ) -> Result<Vec<&'static str>> {
        let mut accepted = Vec::new();
        let everything = [Proof::None, Proof::Own(own), Proof::Copied(proofs[0]), Proof::Copied(proofs[1])];
        for proof in everything {
            let expected = proof.refused_with();
            let answer = self.post(TOKEN, &form(refresh_token, Some(&attempt())), proof).await?;
            if read(&answer, expected).with_context(|| format!("a refresh with {proof:?}"))?.is_ok() {
                accepted.push("a bound refresh token without its key");
            }
            for path in PROTECTED {
                let answer = self.get(path, "DPoP", access_token, proof).await?;
                if entered(&answer, expected).with_context(|| format!("{path} with {proof:?}"))? {
                    accepted.push("a bound access token without its key");
                }
            }
            for token in [access_token, refresh_token] {
                let answer = self.post(REVOKE, &[("client_id", CLIENT), ("token", token)], proof).await?;
                match answer.status() {
                    200 => accepted.push("a revocation without the key"),
                    _ => drop(read(&answer, expected).with_context(|| format!("{REVOKE} with {proof:?}"))?),
                }
            }
        }
        for path in PROTECTED {
            let answer = self.get(path, "Bearer", access_token, Proof::None).await?;
            if entered(&answer, &["invalid_token", "invalid_dpop_proof"])
                .with_context(|| format!("{path} as a bearer"))?
            {
                accepted.push("a bound access token as a bearer's");
            }
        }
        Ok(accepted)
    }

    async fn post(self, path: &str, form: &[(&str, &str)], proof: Proof<'_>) -> Result<Message> {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes();
        let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        self.send(["POST", path], &headers, &body, None, proof).await
    }

    async fn get(self, path: &str, scheme: &str, token: &str, proof: Proof<'_>) -> Result<Message> {
        let headers = [("authorization", format!("{scheme} {token}"))];
        self.send(["GET", path], &headers, &[], Some(token), proof).await
    }

    /// Sends a request with a proof. One of the thief's own is made for the nonce that the server wants.
    async fn send(
        self,
        [method, path]: [&str; 2],
        headers: &[(&str, String)],
        body: &[u8],
        token: Option<&str>,
        proof: Proof<'_>,
    ) -> Result<Message> {
        let address = format!("{}{path}", self.0.dev().issuer);
        let request = |proof: Option<String>| {
            let common = [("host", "localhost".to_owned()), ("accept", "application/json".to_owned())];
            let all = common.iter().chain(headers).cloned().chain(proof.map(|proof| ("dpop", proof)));
            let headers = all.map(|(name, value)| (name.to_owned(), value)).collect();
            Message { start: format!("{method} {path} HTTP/1.1"), headers, body: body.to_owned() }
        };
        let proof = match proof {
            Proof::None => None,
            Proof::Copied(copied) => Some(copied.to_owned()),
            Proof::Own(key) => {
                let challenge = self.ask(&request(Some(key.prove(method, &address, token, None)?))).await?;
                Some(key.prove(method, &address, token, challenge.header("dpop-nonce"))?)
            }
        };
        self.ask(&request(proof)).await
    }

    /// Asks, and again while the server says that it can't answer just now: that is no refusal.
    async fn ask(self, request: &Message) -> Result<Message> {
        let mut last = String::new();
        for attempt in 0..TRIES {
            tokio::time::sleep(Duration::from_millis(50) * attempt).await;
            let answer = self.0.ask(request).await?;
            if answer.status() != 429 && answer.status() < 500 {
                return Ok(answer);
            }
            last = answer.start;
        }
        bail!("a thief was asked {TRIES} times to try again later: {last}")
    }
}

fn form<'a>(token: &'a str, attempt: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let mut form = vec![("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token)];
    form.extend(attempt.map(|attempt| ("refresh_attempt", attempt)));
    form
}

/// Tokens anywhere in an answer are loot, whatever its status. Otherwise it has to be a refusal of the OAuth kind,
/// with one of these errors.
///
/// Errors: when it is neither.
fn read(answer: &Message, expected: &[&str]) -> Result<Result<Loot, Refusal>> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let loot =
        Loot { access_token: find(&body, "access_token"), refresh_token: find(&body, "refresh_token") };
    if loot.access_token.is_some() || loot.refresh_token.is_some() {
        return Ok(Ok(loot));
    }
    let member = |name: &str| body[name].as_str().map(str::to_owned);
    let error = member("error").unwrap_or_default();
    ensure!(
        [400, 401].contains(&answer.status()) && expected.contains(&error.as_str()),
        "neither tokens nor one of {expected:?}: {} {}",
        answer.start,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(Err(Refusal { error, reason: member("reason") }))
}

/// Whether a protected resource let the caller in. Otherwise it has to say 401, and why (RFC 6750 §3.1, RFC 9449 §7.1).
///
/// Errors: when it does neither.
fn entered(answer: &Message, expected: &[&str]) -> Result<bool> {
    if (200..300).contains(&answer.status()) {
        return Ok(true);
    }
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let named = expected.iter().any(|error| challenge.contains(&format!("error=\"{error}\"")));
    ensure!(
        answer.status() == 401 && named,
        "neither let in nor refused with one of {expected:?}: {}, {challenge}",
        answer.start
    );
    Ok(false)
}

/// A text of this name, however deep it is.
fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(members) => members
            .get(name)
            .and_then(|member| member.as_str().map(str::to_owned))
            .or_else(|| members.values().find_map(|member| find(member, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> Message {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Message { start: format!("HTTP/1.1 {status}"), headers, body: body.as_bytes().to_owned() }
    }

    #[test]
    fn an_access_token_is_loot_whatever_the_answer_lacks_or_says() {
        for (status, body) in [
            ("200 OK", r#"{"access_token":"a"}"#),
            ("400 Bad Request", r#"{"error":"invalid_grant","access_token":"a"}"#),
            ("500 Oops", r#"{"detail":[{"access_token":"a"}]}"#),
        ] {
            let loot = read(&answer(status, &[], body), &["invalid_grant"]).unwrap().unwrap();
            assert_eq!(loot.access_token.as_deref(), Some("a"), "{status}");
        }
    }

    #[test]
    fn a_refusal_says_so_with_the_expected_error_and_nothing_else_is_one() {
        let refused = |status, body| read(&answer(status, &[], body), &["invalid_grant"]);
        assert!(
            refused("400 Bad Request", r#"{"error":"invalid_grant","reason":"superseded"}"#)
                .unwrap()
                .is_err()
        );
        for (status, body) in [
            ("200 OK", "{}"),
            ("200 OK", ""),
            ("400 Bad Request", r#"{"error":"invalid_request"}"#),
            ("429 Too Many Requests", r#"{"error":"invalid_grant"}"#),
            ("503 Unavailable", r#"{"error":"invalid_grant"}"#),
        ] {
            refused(status, body).unwrap_err();
        }
    }

    #[test]
    fn a_protected_resource_refuses_with_401_and_the_reason() {
        let refused = ("www-authenticate", r#"Bearer realm="moorline", error="invalid_token""#);
        assert!(!entered(&answer("401 Unauthorized", &[refused], ""), &["invalid_token"]).unwrap());
        assert!(entered(&answer("200 OK", &[], ""), &["invalid_token"]).unwrap());
        for other in ["503 Unavailable", "429 Too Many Requests", "403 Forbidden"] {
            entered(&answer(other, &[refused], ""), &["invalid_token"]).unwrap_err();
        }
        entered(&answer("401 Unauthorized", &[], ""), &["invalid_token"]).unwrap_err();
    }
}
