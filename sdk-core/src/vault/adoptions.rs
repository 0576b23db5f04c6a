//! The adoptions of an account: how they end, and what is remembered of them.

use super::{
    adoption::{Adopted, Adoption},
    contents::{Account, Revocation},
};

impl Account {
    /// The adoption of the token with this hash.
    pub(crate) fn adoption(&self, token_hash: &str) -> Option<&Adoption> {
        self.adoptions.iter().find(|adoption| adoption.token_hash == token_hash)
    }

    /// Whether the token with this hash is not adopted any more.
    pub(crate) fn adopted(&self, token_hash: &str) -> Option<&Adopted> {
        self.adopted.iter().rev().find(|adopted| adopted.token_hash == token_hash)
    }

    /// Whether a session of this user has come of a token.
    pub(crate) fn has_adopted(&self, subject: &str) -> bool {
        self.adopted.iter().any(|adopted| adopted.subject.as_deref() == Some(subject))
    }

    /// Records that the token with this hash has become the session of this user.
    pub(crate) fn note_adopted(&mut self, token_hash: &str, subject: &str) {
        self.adoptions.retain(|adoption| adoption.token_hash != token_hash);
        self.remember(Adopted { token_hash: token_hash.to_owned(), subject: Some(subject.to_owned()) });
    }

    /// Ends all adoptions, because a session takes their place. Tokens that came for one are to be revoked. A token
    /// that is still the app's own is left alone.
    pub(crate) fn end_adoptions(&mut self) {
        for adoption in std::mem::take(&mut self.adoptions) {
            if let Some(revocation) = of_answer(&adoption) {
                self.queue_revocation(revocation);
            }
            self.remember(Adopted { token_hash: adoption.token_hash, subject: None });
        }
    }

    /// The same because the user signs out, which also ends what has not been adopted yet.
    pub(crate) fn revoke_adoptions(&mut self) {
        let unanswered: Vec<_> = self.adoptions.iter().filter(|adoption| adoption.answer.is_none()).collect();
        let revocations: Vec<_> = unanswered
            .into_iter()
            .map(|Adoption { token, proof_key, .. }| {
                Revocation::of_tokens(token, Some(token), proof_key.as_ref())
            })
            .collect();
        revocations.into_iter().for_each(|revocation| self.queue_revocation(revocation));
        self.end_adoptions();
    }

    fn remember(&mut self, adopted: Adopted) {
        self.adopted.retain(|before| before.token_hash != adopted.token_hash);
        self.adopted.push(adopted);
        let surplus = self.adopted.len().saturating_sub(MOST_ADOPTED);
        self.adopted.drain(..surplus);
    }
}

/// What revokes the tokens that came, which nobody else has.
fn of_answer(adoption: &Adoption) -> Option<Revocation> {
    let tokens = &adoption.answer.as_ref()?.tokens;
    let (access_token, refresh_token) = (&tokens.access_token, tokens.refresh_token.as_ref());
    Some(Revocation::of_tokens(access_token, refresh_token, adoption.proof_key.as_ref()))
}

/// An app has one token to adopt; a test of one may have many.
const MOST_ADOPTED: usize = 8;
