//! Error responses of a protected resource (RFC 6750 §3, RFC 9449 §7.1).

use axum::response::{IntoResponse, Response};
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use super::scheme::Scheme;
use crate::limits::Limited;
use crate::web::Problem;
use moorline_server_base::policy::Permission;
use moorline_server_dpop::{self, ProofError};
use moorline_server_store::StoreError;

/// Why a request is refused before its handler runs.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// No token was sent.
    Missing,
    /// The token was not sent in the right way.
    Malformed(&'static str),
    /// The token is not valid, or not with this scheme. The scheme is the one that a valid token would need.
    InvalidToken(Scheme),
    /// The token is bound to a key, and there is no proof.
    ProofMissing,
    /// The proof is not valid.
    InvalidProof(ProofError),
    /// The proof needs a nonce of ours.
    NonceWanted,
    /// The token is valid, but does not allow this.
    InsufficientScope(Scheme, &'static str),
    /// Too many requests.
    Limited(Limited),
    /// The memory of used proofs is full: whether the proof was used before is unknown.
    Unavailable,
    /// The database failed.
    Store(StoreError),
}

impl Refusal {
    /// A valid token that does not allow this.
    pub(super) fn without(scheme: Scheme, permission: Permission) -> Self {
        Self::InsufficientScope(scheme, permission.scope())
    }

    /// The error code and its description; `None` if no token was sent (RFC 6750 §3.1) or the token is not at fault.
    pub const fn error(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Missing | Self::Limited(_) | Self::Unavailable | Self::Store(_) => return None,
            Self::Malformed(why) => ("invalid_request", why),
            Self::InvalidToken(_) => {
                ("invalid_token", "The access token is expired, revoked, malformed or not for this use")
            }
            Self::ProofMissing => ("invalid_dpop_proof", "The access token needs a DPoP proof."),
            Self::InvalidProof(error) => ("invalid_dpop_proof", error.text()),
            Self::NonceWanted => {
                ("use_dpop_nonce", "The DPoP proof needs the nonce in the DPoP-Nonce header.")
            }
            Self::InsufficientScope(..) => {
                ("insufficient_scope", "The access token's scope or the person's role does not allow this")
            }
        })
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::InsufficientScope(..) => StatusCode::FORBIDDEN,
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// Adds the challenges to a response: both of them if there was no token.
    pub fn challenge(&self, headers: &mut HeaderMap) {
        let schemes: &[Scheme] = match self {
            Self::Missing => &[Scheme::Bearer, Scheme::Dpop],
            Self::Malformed(_) => &[Scheme::Bearer],
            Self::InvalidToken(Scheme::Bearer) | Self::InsufficientScope(Scheme::Bearer, _) => {
                &[Scheme::Bearer]
            }
            Self::InvalidToken(Scheme::Dpop) | Self::InsufficientScope(Scheme::Dpop, _) => &[Scheme::Dpop],
            Self::ProofMissing | Self::InvalidProof(_) | Self::NonceWanted => &[Scheme::Dpop],
            Self::Limited(_) | Self::Unavailable | Self::Store(_) => &[],
        };
        for scheme in schemes {
            let challenge = HeaderValue::try_from(self.text(*scheme)).expect("a challenge is plain ASCII");
            headers.append(WWW_AUTHENTICATE, challenge);
        }
    }

    fn text(&self, scheme: Scheme) -> String {
        let mut text = match scheme {
            Scheme::Bearer => "Bearer realm=\"moorline\"".to_owned(),
            Scheme::Dpop => "DPoP realm=\"moorline\"".to_owned(),
        };
        if let Some((code, description)) = self.error() {
            let description = description.replace('"', "'");
            text.push_str(&format!(", error=\"{code}\", error_description=\"{description}\""));
        }
        if let Self::InsufficientScope(_, scope) = self {
            text.push_str(&format!(", scope=\"{scope}\""));
        }
        if scheme == Scheme::Dpop {
            text.push_str(&format!(", algs=\"{}\"", moorline_server_dpop::ALGORITHMS.join(" ")));
        }
        text
    }

    fn problem(&self) -> Problem {
        let new = |kind, title| Problem::new(self.status(), kind, title);
        match self {
            Self::Missing => new("unauthorized", "Sign in first")
                .detail("This needs an access token in the Authorization header."),
            Self::Malformed(why) => new("invalid-request", "The request is malformed").detail(*why),
            Self::InvalidToken(Scheme::Bearer) => new("invalid-token", "The access token is not valid")
                .detail("It is expired, revoked, malformed, or meant for something else."),
            Self::InvalidToken(Scheme::Dpop) => new("invalid-token", "The access token is not valid")
                .detail("It is expired, revoked, malformed, or not bound to the key that was proved; a bound one is presented as \"DPoP TOKEN\"."),
            Self::ProofMissing | Self::InvalidProof(_) => {
                new("invalid-dpop-proof", "The DPoP proof is missing or not valid")
                    .detail(self.error().map_or("", |(_, description)| description))
            }
            Self::NonceWanted => new("use-dpop-nonce", "The DPoP proof needs a nonce")
                .detail("Make a new proof with the nonce in the DPoP-Nonce header."),
            Self::InsufficientScope(_, scope) => {
                new("insufficient-scope", "The access token does not allow this")
                    .detail(format!("This needs the scope {scope}, and a person who may do it."))
            }
            Self::Limited(limited) => Problem::limited(*limited),
            Self::Unavailable => Problem::unavailable(),
            Self::Store(error) => Problem::store(error),
        }
    }
}

/// The API's form; `oauth::userinfo` has its own.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.problem().into_response();
        self.challenge(response.headers_mut());
        response
    }
}
