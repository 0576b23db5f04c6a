//! Judging an ID token (OIDC Core §3.1.3.7).

use serde_json::Value;

use super::checks::ID_TOKEN;
use super::finding::{Finding, quoted};
use super::jwks::{Keys, decode};
use super::secret::Secret;

/// What the ID token must say.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a Secret,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// The largest difference between two clocks that apps tolerate, in seconds.
const SKEW: i64 = 60;

/// Judges `token`; no part of it is repeated in the finding except the names of its algorithm and issuer.
pub(super) fn judge(token: Option<&Secret>, keys: &Keys, expected: &Expected<'_>) -> Finding {
    let users = "Apps refuse the sign-in.";
    let Some(token) = token else {
        return ID_TOKEN.fail("There is none, although the scope `openid` was asked for.", users);
    };
    let Some(parts) = Parts::read(token.expose()) else {
        return ID_TOKEN.fail("It is not a signed JWT.", users);
    };
    let mut faults = parts.faults(expected);
    match parts.algorithm().map(|algorithm| (algorithm, parts.verify(algorithm, keys))) {
        Some((_, Some(true))) => {}
        Some((algorithm, Some(false))) => {
            faults.push(format!("no published key verifies its {} signature", quoted(algorithm)));
        }
        Some((algorithm, None)) if algorithm.starts_with("HS") || algorithm == "none" => {
            faults.push(format!("an app without a secret can't verify {}", quoted(algorithm)));
        }
        Some((algorithm, None)) => {
            return ID_TOKEN.not_tested(format!("This check can't verify {}.", quoted(algorithm)));
        }
        None => faults.push("its header names no algorithm".to_owned()),
    }
    if !faults.is_empty() {
        return ID_TOKEN.fail(format!("It is not valid: {}.", faults.join("; ")), users);
    }
    match parts.skew(expected.now) {
        Some(skew) if skew.abs() > SKEW => ID_TOKEN.warning(
            format!("It is valid, but its `iat` is {skew} seconds away from this machine's clock."),
            "If the provider's clock is wrong, apps refuse its tokens, and it refuses their DPoP proofs.",
        ),
        _ => ID_TOKEN.pass(
            format!(
                "Signature ({}), issuer, audience, nonce and times are right.",
                parts.algorithm().unwrap_or_default()
            ),
            "Apps know who signed in.",
        ),
    }
}

/// An ID token, taken apart and not verified.
struct Parts<'a> {
    header: Value,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn read(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part| serde_json::from_slice(&decode(part)?).ok();
        Some(Self { header: json(header)?, claims: json(claims)?, signed, signature: decode(signature)? })
    }

    fn algorithm(&self) -> Option<&str> {
        self.header.get("alg").and_then(Value::as_str)
    }

    fn verify(&self, algorithm: &str, keys: &Keys) -> Option<bool> {
        let kid = self.header.get("kid").and_then(Value::as_str);
        keys.verify(algorithm, kid, self.signed.as_bytes(), &self.signature)
    }

    fn faults(&self, expected: &Expected<'_>) -> Vec<String> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str);
        let mut faults = Vec::new();
        if text("iss") != Some(expected.issuer) {
            faults.push("`iss` is not the issuer".to_owned());
        }
        let is_us = |value: &Value| value.as_str() == Some(expected.client_id);
        let audience = self.claims.get("aud");
        if !audience.is_some_and(|aud| is_us(aud) || aud.as_array().is_some_and(|all| all.iter().any(is_us)))
        {
            faults.push("`aud` does not name the client".to_owned());
        }
        if text("nonce") != Some(expected.nonce.expose()) {
            faults.push("`nonce` is not the one of the request".to_owned());
        }
        if text("sub").is_none_or(str::is_empty) {
            faults.push("`sub` is missing".to_owned());
        }
        match self.seconds("exp") {
            Some(exp) if exp > expected.now - SKEW => {}
            Some(_) => faults.push("it has expired, or this machine's clock is ahead".to_owned()),
            None => faults.push("`exp` is missing".to_owned()),
        }
        if self.seconds("iat").is_none() {
            faults.push("`iat` is missing".to_owned());
        }
        faults
    }

    /// How far `iat` is from this machine's clock.
    fn skew(&self, now: i64) -> Option<i64> {
        self.seconds("iat").map(|iat| iat.saturating_sub(now))
    }

    #[expect(clippy::cast_possible_truncation, reason = "seconds; a float that is out of range saturates")]
    fn seconds(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_f64).map(|seconds| seconds as i64)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::super::finding::Verdict;
    use super::*;

    fn verdict(token: &str) -> Finding {
        let nonce = Secret::new("n1");
        let expected =
            Expected { issuer: "https://id.example.com", client_id: "app", nonce: &nonce, now: 1_000_000 };
        judge(Some(&Secret::new(token)), &Keys::default(), &expected)
    }

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode("signature"))
    }

    #[test]
    fn each_claim_that_is_wrong_is_named() {
        let good = json!({
            "iss": "https://id.example.com", "aud": ["app"], "nonce": "n1", "sub": "ada",
            "exp": 1_000_300, "iat": 1_000_000,
        });
        for (name, value, says) in [
            ("iss", json!("https://evil.example"), "`iss`"),
            ("aud", json!("other"), "`aud`"),
            ("aud", json!([1, {}]), "`aud`"),
            ("nonce", json!("n2"), "`nonce`"),
            ("sub", json!(7), "`sub`"),
            ("exp", json!(900_000), "expired"),
            ("exp", json!("soon"), "`exp`"),
            ("iat", Value::Null, "`iat`"),
        ] {
            let mut claims = good.clone();
            claims[name] = value;
            let finding = verdict(&token(&json!({ "alg": "RS256" }), &claims));
            assert_eq!(finding.verdict, Verdict::Fail);
            assert!(finding.found.contains(says), "{}", finding.found);
        }
        let finding = verdict(&token(&json!({ "alg": "HS256" }), &good));
        assert!(finding.found.contains("HS256"), "{finding:?}");
        let unknown = verdict(&token(&json!({ "alg": "ES256K" }), &good));
        assert_eq!(unknown.verdict, Verdict::NotTested, "{unknown:?}");
    }

    #[test]
    fn what_is_no_token_is_a_failure_and_no_panic() {
        for odd in ["", ".", "..", "a.b.c", "e30.e30", "e30.e30.", "bnVsbA.bnVsbA.eA", "e30.MQ.eA"] {
            assert_eq!(verdict(odd).verdict, Verdict::Fail, "{odd}");
        }
    }
}
