//! Tokens that came for a refresh token, and how they become part of the session.

use serde::{Deserialize, Serialize};

use super::{
    decision::{Action, Verdict, decide},
    documents::keep,
    evidence::{answered, dropped, of_another_user},
};
use crate::{
    configuration::Configuration,
    dpop::{ProofKey, TokenType},
    error::Error,
    provider::{Metadata, Provider, RefreshRequest, Tokens, names_another_user},
    secret::Secret,
    time::Lifetime,
    token_options::Narrowing,
    vault::{Account, Change, Revocation, StoredSession, StoredState},
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
    /// What the access token was narrowed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) narrowing: Option<Narrowing>,
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
        narrowing: sending.narrowing.as_deref().cloned(),
    }
}

/// Steps 7 and 12, under the vault's lock: the tokens replace the token that was sent, or are dropped. Returns the
/// session with them, or `None` if it has gone on without them.
pub(super) fn settle(
    account: &mut Account,
    issued: &Issued,
    provider: &Provider,
) -> Change<Result<Option<Box<StoredSession>>, Error>> {
    let action = decide(answered(&issued.sent, Verdict::Issued, account));
    if action != Action::Store {
        return dropped(action, account, issued.revocation(), &issued.login_state);
    }
    let Some(kept) = account.state.kept_session() else { return Change::Keep(Ok(None)) };
    let configuration = provider.configuration();
    let (issuer, client_id) = (configuration.issuer(), configuration.client_id());
    let id_token = issued.tokens.id_token.as_ref();
    if id_token.is_some_and(|token| names_another_user(token.expose(), issuer, client_id, &kept.user.subject))
    {
        return of_another_user(account, issued.revocation(), issued.login_state.clone());
    }
    let mut stored = Box::new(kept.clone());
    put_successor(&mut stored, issued, configuration);
    stored.refusal = None;
    keep(provider, account);
    account.state = StoredState::SignedIn(stored.clone());
    Change::Write(Ok(Some(stored)))
}

/// The session as if its access token were the narrower one that has come.
pub(super) fn narrowed(
    stored: &StoredSession,
    issued: &Issued,
    configuration: &Configuration,
) -> StoredSession {
    let mut session = stored.clone();
    put_access_token(&mut session, &issued.tokens, &issued.began, configuration);
    session
}

fn put_access_token(
    stored: &mut StoredSession,
    tokens: &Tokens,
    began: &Lifetime,
    configuration: &Configuration,
) {
    stored.access_token = tokens.access_token.clone();
    if let Some(token_type) = tokens.token_type {
        stored.bearer_access_token = token_type == TokenType::Bearer && configuration.allows_bearer();
    }
    stored.lifetime = tokens.expires_in.map(|expires_in| began.clone().lasting(expires_in));
}

/// Puts the tokens into the session. A response without a refresh token leaves the old one in force (RFC 6749 §6). A
/// bound session keeps its key whatever the token type. An access token that is now called a bearer token is sent as
/// one only if the app accepts those; otherwise it is sent with proofs as before. (An API may refuse it then. A
/// successor that was thrown away would cost the session.) A narrower access token leaves the session's own in place.
fn put_successor(stored: &mut StoredSession, issued: &Issued, configuration: &Configuration) {
    let Issued { tokens, began, knows_attempts, narrowing, .. } = issued;
    if narrowing.is_none() {
        put_access_token(stored, tokens, began, configuration);
        if let Some(scope) = &tokens.scope {
            stored.scope.clone_from(scope);
        }
    }
    stored.refreshes += 1;
    if let Some(refresh_token) =
        tokens.refresh_token.as_ref().filter(|token| Some(*token) != stored.refresh_token.as_ref())
    {
        stored.refresh_token = Some(refresh_token.clone());
        stored.knows_attempts = Some(*knows_attempts);
    }
    if tokens.id_token.is_some() {
        stored.id_token.clone_from(&tokens.id_token);
    }
}
