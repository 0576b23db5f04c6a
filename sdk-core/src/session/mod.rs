//! The session: its state, and the refresh that never loses it.

mod access_token;
pub mod decision;
mod engine;
mod flight;
mod machine;
mod refresh;
mod request_headers;
pub(crate) mod response;
mod revocation;
mod sign_out;
mod state;
mod user;

#[cfg(test)]
mod tests;

pub(crate) use access_token::Need;
pub use access_token::{AccessToken, TokenType};
pub(crate) use engine::Session;
pub(crate) use machine::Event;
pub use request_headers::RequestHeaders;
pub(crate) use request_headers::method_of;
pub use state::{SessionInfo, SessionState, SessionStates};
pub use user::User;
