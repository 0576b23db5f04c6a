//! From a request to the one who makes it. A handler names what it needs in its arguments, so that no request
//! reaches its body without.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::{AuthContext, Permission};
use crate::http::Problem;
use crate::limits::Limit;
use crate::oauth::access_token;
use crate::state::AppState;
use crate::store::Actor;

/// Nobody is known, on purpose: the handler that takes this says why it needs nobody.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

impl Anonymous {
    /// The actor for the store.
    pub fn actor(self, why: &'static str) -> Actor {
        Actor::Anonymous(why)
    }
}

impl<S: Sync> FromRequestParts<S> for Anonymous {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// A person who may do `P`: the token was verified, and both role and scope grant the permission.
#[derive(Clone, Debug)]
pub struct Can<P> {
    /// The person.
    pub person: AuthContext,
    proof: PhantomData<P>,
}

/// A permission as a type, for [`Can`].
pub trait Requirement {
    /// What is required.
    const PERMISSION: Permission;
}

/// The permissions as types: `Can<can::ReadNotes>`.
pub mod can {
    use super::{Permission, Requirement};

    /// [`Permission::NotesRead`].
    #[derive(Clone, Copy, Debug)]
    pub struct ReadNotes;
    /// [`Permission::NotesWrite`].
    #[derive(Clone, Copy, Debug)]
    pub struct WriteNotes;
    /// [`Permission::NotesDelete`].
    #[derive(Clone, Copy, Debug)]
    pub struct DeleteNotes;

    impl Requirement for ReadNotes {
        const PERMISSION: Permission = Permission::NotesRead;
    }
    impl Requirement for WriteNotes {
        const PERMISSION: Permission = Permission::NotesWrite;
    }
    impl Requirement for DeleteNotes {
        const PERMISSION: Permission = Permission::NotesDelete;
    }
}

impl<P: Requirement> FromRequestParts<AppState> for Can<P> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let token = bearer(&parts.headers, parts.uri.query()).map_err(Refusal::into_response)?;
        let verified = access_token::verify(state, token).await.map_err(|error| match error {
            access_token::VerifyError::Store(error) => Problem::store(&error).into_response(),
            _ => Refusal::InvalidToken.into_response(),
        })?;
        let person = AuthContext::from_access_token(&verified);
        state
            .limits
            .check(Limit::ApiAccount, &person.limit_key())
            .map_err(|limited| Problem::limited(limited).into_response())?;
        if !person.may(P::PERMISSION) {
            return Err(Refusal::InsufficientScope(P::PERMISSION).into_response());
        }
        Ok(Self { person, proof: PhantomData })
    }
}

/// The ways in which a request is turned away before anything is looked at (RFC 6750 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing,
    Malformed(&'static str),
    InvalidToken,
    InsufficientScope(Permission),
}

/// The token of an `Authorization: Bearer` header: the only place where one is accepted.
pub(crate) fn bearer<'a>(headers: &'a HeaderMap, query: Option<&str>) -> Result<&'a str, Refusal> {
    let in_query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .any(|(name, _)| name == "access_token");
    if in_query {
        // RFC 9700 §4.3.2: addresses end up in logs and histories.
        return Err(Refusal::Malformed("An access token must not stand in the address."));
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(Refusal::Missing) };
    if values.next().is_some() {
        return Err(Refusal::Malformed("There is more than one Authorization header."));
    }
    let malformed = Refusal::Malformed("The Authorization header is not of the form \"Bearer TOKEN\".");
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Missing);
    }
    // RFC 6750 §2.1: b64token.
    let token_like = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    if token.is_empty() || !token.chars().all(token_like) {
        return Err(malformed);
    }
    Ok(token)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (problem, challenge) = match self {
            Self::Missing => (
                Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Sign in first")
                    .detail("This needs an access token in the Authorization header."),
                // RFC 6750 §3.1: no error code where no token was sent.
                "Bearer realm=\"moorline\"".to_owned(),
            ),
            Self::Malformed(why) => (
                Problem::new(StatusCode::BAD_REQUEST, "invalid-request", "The request is malformed").detail(why),
                format!("Bearer realm=\"moorline\", error=\"invalid_request\", error_description=\"{}\"", why.replace('"', "'")),
            ),
            Self::InvalidToken => (
                Problem::new(StatusCode::UNAUTHORIZED, "invalid-token", "The access token is not valid")
                    .detail("It is expired, revoked, malformed, or meant for something else."),
                "Bearer realm=\"moorline\", error=\"invalid_token\", error_description=\"The access token is expired, revoked or malformed\"".to_owned(),
            ),
            Self::InsufficientScope(permission) => (
                Problem::new(StatusCode::FORBIDDEN, "insufficient-scope", "The access token does not allow this")
                    .detail(format!("This needs the scope {}, and a person who may do it.", permission.scope())),
                format!("Bearer realm=\"moorline\", error=\"insufficient_scope\", scope=\"{}\"", permission.scope()),
            ),
        };
        let mut response = problem.into_response();
        let challenge = HeaderValue::try_from(challenge).expect("a challenge is plain ASCII");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_token_is_taken_from_the_header_alone() {
        assert_eq!(bearer(&header("Bearer abc.def-_"), Some("limit=1")), Ok("abc.def-_"));
        assert_eq!(bearer(&header("bearer abc"), None), Ok("abc"));
        assert_eq!(bearer(&HeaderMap::new(), None), Err(Refusal::Missing));
        assert_eq!(bearer(&header("Basic YTpi"), None), Err(Refusal::Missing));
        for wrong in ["Bearer", "Bearer ", "Bearer  abc", "Bearer a b", "Bearer a,b"] {
            assert!(matches!(bearer(&header(wrong), None), Err(Refusal::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_refused_even_beside_a_good_header() {
        let good = header("Bearer abc");
        let refused = bearer(&good, Some("limit=1&access%5Ftoken=abc"));
        assert!(matches!(refused, Err(Refusal::Malformed(_))));
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        let mut headers = header("Bearer abc");
        headers.append(AUTHORIZATION, "Bearer def".parse().unwrap());
        assert!(matches!(bearer(&headers, None), Err(Refusal::Malformed(_))));
    }
}
