//! What the userinfo endpoint says (OpenID Connect Core §5.3).

use serde_json::{Map, Value};

use crate::error::Error;
use crate::json::strict_object;

/// Why a userinfo answer isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserInfoError {
    #[error("the provider's userinfo is not a JSON object")]
    NotJson,
    #[error("the provider's userinfo does not say whom it is about")]
    NoSubject,
    #[error("the provider's userinfo is about another person")]
    Subject,
}

impl From<UserInfoError> for Error {
    fn from(error: UserInfoError) -> Self {
        Self::refused("invalid_userinfo", error.to_string())
    }
}

/// The claims in `body`, which must be about `subject`: the answer is not signed, and a token for another person could
/// have been slipped in (§5.3.2).
pub(crate) fn parse(body: &[u8], subject: &str) -> Result<Map<String, Value>, UserInfoError> {
    let claims = strict_object(body).ok_or(UserInfoError::NotJson)?;
    match claims.get("sub").and_then(Value::as_str) {
        None => Err(UserInfoError::NoSubject),
        Some(found) if found != subject => Err(UserInfoError::Subject),
        Some(_) => Ok(claims),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_about_the_same_person_come_through() {
        let claims = parse(br#"{"sub":"ada","name":"Ada","unknown":{"x":[1]}}"#, "ada").unwrap();
        assert_eq!(claims["name"], "Ada");
    }

    #[test]
    fn another_person_nobody_and_no_json_are_refused() {
        assert_eq!(parse(br#"{"sub":"eve"}"#, "ada"), Err(UserInfoError::Subject));
        assert_eq!(parse(br#"{"name":"Ada"}"#, "ada"), Err(UserInfoError::NoSubject));
        assert_eq!(parse(br#"{"sub":7}"#, "ada"), Err(UserInfoError::NoSubject));
        assert_eq!(parse(br#"{"sub":"eve","sub":"ada"}"#, "ada"), Err(UserInfoError::NotJson));
        assert_eq!(parse(b"eyJhbGciOiJSUzI1NiJ9.e30.x", "ada"), Err(UserInfoError::NotJson));
    }
}
