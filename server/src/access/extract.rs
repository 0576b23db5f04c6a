//! From a request to its user. A handler names what it needs in its arguments, so that no request reaches its body
//! without.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::AuthContext;
use super::credential::Credential;
use super::refusal::Refusal;
use super::scheme::Scheme;
use crate::limits::{Limit, Limits};
use crate::tokens::{AccessTokens, VerifiedAccessToken, VerifyError};
use moorline_server_base::policy::Permission;
use moorline_server_dpop::{Checked, Claim, Dpop, Proof, ProofError};
use moorline_server_store::Actor;

/// No user is authenticated, on purpose. The handler that takes this says why it needs none.
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

/// A user who may do `P`: the token was verified, and both role and scope grant the permission.
#[derive(Clone, Debug)]
pub struct Can<P> {
    /// The user.
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

impl<P: Requirement, S> FromRequestParts<S> for Can<P>
where
    Arc<Authenticator>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let authenticator = Arc::<Authenticator>::from_ref(state);
        let authenticated = authenticator.authenticate(parts).await.map_err(Refusal::into_response)?;
        let Authenticated { person, scheme, .. } = authenticated;
        if !person.may(P::PERMISSION) {
            return Err(Refusal::without(scheme, P::PERMISSION).into_response());
        }
        Ok(Self { person, proof: PhantomData })
    }
}

/// The user that a good access token speaks for.
#[derive(Debug)]
pub struct Authenticated {
    /// The user, and what they may do.
    pub person: AuthContext,
    /// What the token says.
    pub token: VerifiedAccessToken,
    /// How it was presented.
    pub scheme: Scheme,
}

/// Checks the access tokens of requests.
#[derive(Debug)]
pub struct Authenticator {
    /// Checks the token itself.
    pub tokens: AccessTokens,
    /// Checks the proof that comes with a bound one.
    pub dpop: Arc<Dpop>,
    /// Limits each user's requests.
    pub limits: Limits,
}

impl Authenticator {
    /// Checks the access token of a request, and for a bound one the proof that the sender holds its key: the one way
    /// to an [`AuthContext`] for programs.
    ///
    /// # Errors
    /// [`Refusal`] is the response.
    pub async fn authenticate(&self, parts: &Parts) -> Result<Authenticated, Refusal> {
        self.authenticate_form(parts, None).await
    }

    /// The same for an endpoint that also accepts the access token in the body of a form (RFC 6750 §2.2): `in_form`.
    ///
    /// # Errors
    /// [`Refusal`] is the response.
    pub async fn authenticate_form(
        &self,
        parts: &Parts,
        in_form: Option<&str>,
    ) -> Result<Authenticated, Refusal> {
        let Credential { scheme, token: text } =
            Credential::read(&parts.headers, parts.uri.query(), in_form)?;
        let token = self.tokens.verify(text).await.map_err(|error| match error {
            VerifyError::Store(error) => Refusal::Store(error),
            _ => Refusal::InvalidToken(scheme),
        })?;
        let proof = match (&token.jkt, scheme) {
            (None, Scheme::Bearer) => None,
            (Some(jkt), Scheme::Dpop) => Some(self.proof(parts, text, jkt)?),
            // A bound token that anybody may use is not bound, and a proof says nothing of a token without a key (RFC
            // 9449 §7).
            (Some(_), Scheme::Bearer) | (None, Scheme::Dpop) => {
                return Err(Refusal::InvalidToken(Scheme::Dpop));
            }
        };
        // Before the limit: a replayed proof must not use up its owner's requests.
        if let Some(proof) = &proof {
            accept(self.dpop.look(proof).wait().await)?;
        }
        let hash = proof.as_ref().map(Proof::hash);
        let person = AuthContext::from_access_token(&token, hash, &self.tokens.keys);
        let limited = self.limits.check(Limit::ApiAccount, &person.limit_key()).await;
        limited.map_err(Refusal::Limited)?;
        if let Some(proof) = &proof {
            accept(self.dpop.claim(proof).wait().await)?;
        }
        Ok(Authenticated { person, token, scheme })
    }

    /// The proof of a request, by the key that its token is bound to.
    fn proof(&self, parts: &Parts, token: &str, jkt: &str) -> Result<Proof, Refusal> {
        match self.dpop.check(&parts.headers, &parts.method, parts.uri.path(), Some(token)) {
            Checked::Absent => Err(Refusal::ProofMissing),
            Checked::Bad(error) => Err(Refusal::InvalidProof(error)),
            Checked::NonceWanted => Err(Refusal::NonceWanted),
            Checked::Good(proof) if proof.jkt() == jkt => Ok(proof),
            Checked::Good(_) => Err(Refusal::InvalidToken(Scheme::Dpop)),
        }
    }
}

fn accept(claim: Claim) -> Result<(), Refusal> {
    match claim {
        Claim::Fresh => Ok(()),
        Claim::Replayed => Err(Refusal::InvalidProof(ProofError::Replayed)),
        Claim::Stale => Err(Refusal::NonceWanted),
        Claim::Unknown | Claim::OverShare => Err(Refusal::Unavailable),
    }
}
