//! How and when a user authenticated.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How and when the user authenticated, as the ID token of the sign-in says (OpenID Connect Core §2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Authentication {
    /// The authentication context class that was reached (`acr`), by the provider's own names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The methods that were used (`amr`), such as `pwd` or `otp` (RFC 8176); empty if the provider does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Unix seconds of [`auth_time`](Self::auth_time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
}

impl Authentication {
    /// What the claims of an ID token say. A claim of the wrong type counts as absent.
    pub(crate) fn from_claims(claims: &Map<String, Value>) -> Self {
        let methods = match claims.get("amr") {
            Some(Value::Array(methods)) => {
                methods.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            // Some providers send one method as a string.
            Some(Value::String(method)) => vec![method.clone()],
            _ => Vec::new(),
        };
        Self {
            acr: claims.get("acr").and_then(Value::as_str).map(str::to_owned),
            amr: methods,
            auth_time: claims.get("auth_time").and_then(Value::as_u64),
        }
    }

    /// When the user last proved who they are, by the provider's clock; `None` if the provider does not say. A refresh
    /// does not change it.
    #[must_use]
    pub fn auth_time(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.auth_time?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: Value) -> Authentication {
        Authentication::from_claims(claims.as_object().unwrap())
    }

    #[test]
    fn what_the_id_token_says_is_read_with_its_types() {
        let read = read(json!({ "acr": "urn:mfa", "amr": ["pwd", "otp"], "auth_time": 1_700_000_000 }));
        assert_eq!((read.acr.as_deref(), read.amr.join(" ")), (Some("urn:mfa"), "pwd otp".into()));
        assert_eq!(read.auth_time(), Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
    }

    #[test]
    fn a_claim_of_the_wrong_type_counts_as_absent() {
        assert_eq!(
            read(json!({ "acr": 1, "amr": { "a": 1 }, "auth_time": "soon" })),
            Authentication::default()
        );
        assert_eq!(
            read(json!({ "acr": null, "amr": [1, null], "auth_time": -5 })),
            Authentication::default()
        );
        assert_eq!(read(json!({ "auth_time": u64::MAX })).auth_time(), None);
        assert_eq!(read(json!({ "amr": "pwd" })).amr, ["pwd"]);
    }
}
