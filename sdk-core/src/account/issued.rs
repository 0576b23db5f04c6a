//! Tokens that came for a refresh token, and how they become part of the session.

use serde::{Deserialize, Serialize};

use crate::{
    dpop::{ProofKey, TokenType},
    provider::{Metadata, RefreshRequest, Tokens},
    secret::Secret,
    time::Lifetime,
    vault::{Revocation, StoredSession},
};

/// Tokens that were issued for a refresh token.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) sent: Secret,
    pub(super) proof_key: Option<ProofKey>,
    pub(super) tokens: Tokens,
    /// Begins when the request was sent.
    pub(super) began: Lifetime,
    /// Whether the provider says that it knows attempts.
    pub(super) knows_attempts: bool,
    /// Whether the token was sent with an attempt: then the provider gives the same answer again.
    pub(super) with_attempt: bool,
    /// The sign-in that the session came from, and its user.
    pub(super) login_state: Secret,
    pub(super) subject: String,
}

impl Issued {
    /// What revokes them.
    pub(super) fn revocation(&self) -> Revocation {
        let Tokens { access_token, refresh_token, .. } = &self.tokens;
        let revocation = Revocation::of_tokens(access_token, refresh_token.as_ref(), self.proof_key.as_ref());
        Revocation { subject: Some(self.subject.clone()), ..revocation }
    }
}

pub(super) fn issued(
    metadata: &Metadata,
    sending: &RefreshRequest,
    tokens: Tokens,
    began: Lifetime,
) -> Issued {
    Issued {
        sent: sending.token.clone(),
        proof_key: sending.proof_key.clone(),
        tokens,
        began,
        knows_attempts: metadata.refresh_attempt_supported,
        login_state: sending.login_state.clone(),
        subject: sending.subject.clone(),
        with_attempt: sending.attempt.is_some(),
    }
}

/// Puts the tokens into the session. A response without a refresh token leaves the old one in force (RFC 6749 §6). A
/// bound session keeps its key whatever the token type. An access token that is now called a bearer token is sent as
/// one only if the app accepts those; otherwise it is sent with proofs as before. (An API may refuse it then. A
/// successor that was thrown away would cost the session.)
pub(super) fn successor_of(
    Issued { tokens, began, knows_attempts, .. }: &Issued,
    bearer_accepted: bool,
) -> impl FnOnce(&mut StoredSession) + Send + 'static {
    let knows_attempts = *knows_attempts;
    let token_type = tokens.token_type;
    let (access_token, refresh_token) = (tokens.access_token.clone(), tokens.refresh_token.clone());
    let lifetime = tokens.expires_in.map(|expires_in| began.clone().lasting(expires_in));
    let (scope, id_token) = (tokens.scope.clone(), tokens.id_token.clone());
    move |stored| {
        stored.access_token = access_token;
        stored.bearer_access_token = match token_type {
            Some(token_type) => token_type == TokenType::Bearer && bearer_accepted,
            None => stored.bearer_access_token,
        };
        stored.lifetime = lifetime;
        stored.refreshes += 1;
        if let Some(refresh_token) =
            refresh_token.filter(|token| Some(token) != stored.refresh_token.as_ref())
        {
            stored.refresh_token = Some(refresh_token);
            stored.knows_attempts = Some(knows_attempts);
        }
        if let Some(scope) = scope {
            stored.scope = scope;
        }
        if id_token.is_some() {
            stored.id_token = id_token;
        }
    }
}
