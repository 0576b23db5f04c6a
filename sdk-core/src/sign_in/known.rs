//! What the vault knows of a token that is offered for adoption.

use crate::{
    error::Error,
    user::User,
    vault::{Account, Adoption},
};

/// What became of a token so far.
pub(super) enum Known {
    /// It has become the session that is there.
    Session(User),
    Begun(Box<Adoption>),
    New,
}

impl Known {
    /// The latest adoption, whichever token it is of.
    pub(super) fn latest(account: Option<&Account>) -> Self {
        let Some(account) = account else { return Self::New };
        match account.state.session() {
            Some(session) if account.has_adopted(&session.user.subject) => {
                Self::Session(session.user.clone())
            }
            Some(_) => Self::New,
            None => {
                account.adoptions.last().map_or(Self::New, |adoption| Self::Begun(Box::new(adoption.clone())))
            }
        }
    }

    /// # Errors
    /// [`Error::Refused`] with `already_signed_in` if another session is there, and those of a session that came of
    /// this token and has ended.
    pub(super) fn of(account: Option<&Account>, token_hash: &str) -> Result<Self, Error> {
        let Some(account) = account else { return Ok(Self::New) };
        let adopted = account.adopted(token_hash);
        match (account.state.session(), adopted) {
            (Some(session), Some(adopted)) if adopted.subject.as_ref() == Some(&session.user.subject) => {
                Ok(Self::Session(session.user.clone()))
            }
            (Some(_), _) => Err(Error::refused("already_signed_in", ALREADY_SIGNED_IN)),
            // The user has signed out, or the session has ended: the same token does not bring it back.
            (None, Some(_)) => Err(account.state.no_session()),
            (None, None) => {
                let begun = account.adoption(token_hash).cloned();
                Ok(begun.map_or(Self::New, |adoption| Self::Begun(Box::new(adoption))))
            }
        }
    }
}

const ALREADY_SIGNED_IN: &str = "this account has a session that did not come from this token, and it is unchanged; \
                                 sign out first, or adopt the token in another account()";
