//! What the vault holds of another library's session while it is adopted, and afterwards.

use serde::{Deserialize, Serialize};

use crate::{dpop::ProofKey, provider::Tokens, secret::Secret, time::Lifetime};

/// An adoption that has begun. It is durable before its token is first sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Adoption {
    /// SHA-256 of the refresh token that the app gave: names the adoption.
    pub(crate) token_hash: String,
    /// The refresh token to send: the app's, or the latest that came for it.
    pub(crate) token: Secret,
    /// Goes with each send of this token; `None` if the provider did not know attempts when the token came here.
    pub(crate) attempt: Option<Secret>,
    /// Proves itself with each send; `None` if the provider only has bearer tokens.
    pub(crate) proof_key: Option<ProofKey>,
    /// What came for the token. It is here, and not in memory, because the token may be spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<AdoptionAnswer>,
}

/// Tokens that came for a token that is adopted, and are no session yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AdoptionAnswer {
    pub(crate) tokens: Tokens,
    /// Begins when the request was sent, and lasts as long as the answer is new enough to be checked.
    pub(crate) began: Lifetime,
    /// Whether the provider says that it knows attempts.
    pub(crate) knows_attempts: bool,
}

impl Adoption {
    /// Puts the refresh token that came in the place of the one that was sent, to be sent in its turn.
    pub(crate) fn go_on(&mut self) {
        let Some(AdoptionAnswer { tokens, knows_attempts, .. }) = self.answer.take() else { return };
        if let Some(successor) = tokens.refresh_token {
            self.token = successor;
        }
        // What was sent before has its answer: the next send is another refresh.
        self.attempt = knows_attempts.then(Secret::random);
    }
}

/// A token that is not adopted any more: it has become a session, or another session or a sign-out took its place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Adopted {
    pub(crate) token_hash: String,
    /// The user of the session that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
}
