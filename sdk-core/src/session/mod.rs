//! The session: its state, and the refresh that never loses it.

mod access_token;
mod state;
mod user;

pub use access_token::AccessToken;
pub use state::{SessionInfo, SessionState, SessionStates};
pub use user::User;
