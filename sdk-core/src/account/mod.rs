//! One account: what is stored of it, what refreshes its session, and what revokes it.

mod access_token;
pub mod decision;
mod description;
mod documents;
mod end_session;
mod evidence;
mod guard;
mod id_token;
mod info;
mod issued;
mod lost_key;
mod patience;
mod refresher;
mod revocation_answer;
mod revocations;
mod sign_out;
mod single_flight;
mod store;
mod unsaved;

pub use self::access_token::AccessToken;
pub use self::end_session::EndSessionRequest;
pub use self::id_token::IdToken;
pub use self::info::SessionInfo;
pub use self::revocation_answer::RevocationOutcome;
pub use self::sign_out::{SignOutOptions, SignOutOutcome};
#[cfg(test)]
pub(crate) use self::single_flight::{SingleFlight, TokenSource, access_token};
pub(crate) use self::{
    access_token::TokenRequest,
    documents::{keep, metadata},
    guard::Leased,
    lost_key::{end_of_lost_key, is_gone},
    patience::Patience,
    refresher::Refresher,
    revocations::Revocations,
    sign_out::sign_out,
    store::AccountStore,
};
#[cfg(test)]
pub(crate) use self::{guard::is_current, refresher::to_send};
