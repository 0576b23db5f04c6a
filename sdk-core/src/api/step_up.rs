//! Reads what an API asks of the user (RFC 9470 §3, RFC 6750 §3.1).

use std::time::Duration;

use ::http::{HeaderMap, StatusCode};

use super::client::ApiClient;
use crate::{net::challenges, step_up::StepUp};

impl ApiClient {
    /// What a response of an API asks of the user: its status, and the values of its `WWW-Authenticate` fields.
    pub(crate) fn step_up_of<'a>(
        &self,
        status: u16,
        www_authenticate: impl IntoIterator<Item = &'a str>,
    ) -> Option<StepUp> {
        let mut headers = HeaderMap::new();
        for value in www_authenticate {
            // A value that no header may have says nothing.
            if let Ok(value) = value.parse() {
                headers.append(::http::header::WWW_AUTHENTICATE, value);
            }
        }
        self.step_up(StatusCode::from_u16(status).ok()?, &headers)
    }

    /// `None` if a sign-in would not help: if all scopes that are asked for were granted, the API means something else.
    pub(super) fn step_up(&self, status: StatusCode, headers: &HeaderMap) -> Option<StepUp> {
        let asked = read(status, headers)?;
        let granted = self.store.info().map(|info| info.scope).unwrap_or_default();
        let helps = asked.scope.is_empty() || asked.scope.iter().any(|scope| !granted.contains(scope));
        helps.then_some(asked)
    }
}

/// Reads the challenges of a response. `None` if they ask for nothing of this kind.
fn read(status: StatusCode, headers: &HeaderMap) -> Option<StepUp> {
    if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return None;
    }
    let all = challenges(headers);
    let challenge =
        all.iter().find(|challenge| challenge.error().is_some_and(|code| ASKS.contains(&code)))?;
    let words = |name| -> Vec<String> {
        challenge.parameter(name).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
    };
    let max_age = challenge.parameter("max_age").and_then(|seconds| seconds.parse().ok());
    let asked = StepUp {
        acr_values: words("acr_values"),
        max_age: max_age.map(Duration::from_secs),
        scope: words("scope"),
    };
    // Without the scope's name, a new sign-in would ask for what was granted already.
    (challenge.error() != Some(INSUFFICIENT_SCOPE) || !asked.scope.is_empty()).then_some(asked)
}

/// RFC 6750 §3.1.
const INSUFFICIENT_SCOPE: &str = "insufficient_scope";
/// RFC 9470 §3, and the above.
const ASKS: [&str; 2] = ["insufficient_user_authentication", INSUFFICIENT_SCOPE];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(status: u16, fields: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(::http::header::WWW_AUTHENTICATE, field.parse().unwrap());
        }
        read(StatusCode::from_u16(status).unwrap(), &headers).map(|asked| asked.to_string())
    }

    #[test]
    fn a_challenge_for_more_of_the_user_is_read() {
        for (status, field, expected) in [
            (
                401,
                r#"DPoP error="insufficient_user_authentication", acr_values="urn:mfa urn:pin", max_age="5""#,
                "acr_values urn:mfa urn:pin, max_age 5",
            ),
            (401, "Bearer error=insufficient_user_authentication, max_age=0", "max_age 0"),
            (403, r#"Bearer error="insufficient_user_authentication""#, "a new authentication"),
            (
                403,
                r#"Bearer realm="x", error="insufficient_scope", scope="notes.write notes.read""#,
                "scope notes.write notes.read",
            ),
            (401, r#"Basic realm="x", DPoP error="insufficient_scope", scope=pay"#, "scope pay"),
            (401, "Bearer error=insufficient_user_authentication, max_age=soon", "a new authentication"),
        ] {
            assert_eq!(asked(status, &[field]).as_deref(), Some(expected), "{field}");
        }
    }

    #[test]
    fn other_responses_ask_for_nothing() {
        for (status, fields) in [
            (200, &[r#"Bearer error="insufficient_scope", scope="a""#][..]),
            (400, &[r#"Bearer error="insufficient_scope", scope="a""#]),
            (401, &[r#"Bearer error="invalid_token""#]),
            (401, &[r#"DPoP error="use_dpop_nonce""#]),
            (403, &["Bearer error=insufficient_scope"]),
            (403, &[r#"Basic realm="error=insufficient_scope, scope=a""#]),
            (401, &[]),
        ] {
            assert_eq!(asked(status, fields), None, "{status} {fields:?}");
        }
    }
}
