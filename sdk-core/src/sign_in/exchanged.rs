//! Tokens that are not in the vault yet.

use crate::{
    error::Error,
    platform::KeyInUse,
    provider::{Refusal, TokenResponse, Tokens},
    time::Lifetime,
    vault::{Adoption, PendingLogin, Revocation},
};

/// Tokens that came for a code and are not in the vault yet. They are kept while the provider's keys or the storage
/// are not available, so that the app can call again: the code itself cannot be sent twice.
#[derive(Debug)]
pub(super) struct Exchanged {
    pub(super) login: PendingLogin,
    pub(super) tokens: Tokens,
    pub(super) began: Lifetime,
    /// Only its key can revoke them.
    #[expect(dead_code, reason = "it is held, not read")]
    pub(super) key: Option<KeyInUse>,
}

impl Exchanged {
    /// What revokes them.
    pub(super) fn revocation(&self) -> Revocation {
        let Tokens { access_token, refresh_token, .. } = &self.tokens;
        Revocation::of_tokens(access_token, refresh_token.as_ref(), self.login.proof_key.as_ref())
    }
}

/// The answer to a token that is adopted, and in no vault yet. It waits here for the storage: the token that it came
/// for may be spent.
#[derive(Debug)]
pub(super) struct Unkept {
    pub(super) adoption: Adoption,
    /// Only its key can use the tokens.
    #[expect(dead_code, reason = "it is held, not read")]
    pub(super) key: Option<KeyInUse>,
}

/// The tokens in the answer to a code.
pub(super) fn tokens(response: TokenResponse) -> Result<Tokens, Error> {
    match response {
        TokenResponse::Issued(tokens) => Ok(*tokens),
        TokenResponse::Refused(refusal) if refusal.is_of_the_protocol() => Err(refusal.into()),
        TokenResponse::Refused(Refusal { code, .. }) => {
            tracing::info!(why = format!("the token endpoint answered {code:?}"), "no OAuth error");
            Err(Error::offline())
        }
        TokenResponse::Unclear { why, retry_after, .. } => {
            tracing::info!(why, "the code exchange got no clear response");
            Err(Error::unclear(retry_after))
        }
    }
}
