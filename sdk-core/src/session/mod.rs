//! The session: its state, and the refresh that never loses it.

mod access_token;
pub mod decision;
mod engine;
mod flight;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod machine;
mod refresh;
pub(crate) mod response;
mod revocation;
mod sign_out;
mod state;
mod user;

#[cfg(test)]
mod tests;

pub use access_token::AccessToken;
pub(crate) use access_token::Need;
pub(crate) use engine::Session;
pub(crate) use machine::Event;
pub use state::{SessionInfo, SessionState, SessionStates};
pub use user::User;
