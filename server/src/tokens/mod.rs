//! Access tokens: their claims and how they are checked; and the lifetimes of all that is issued.

mod access_token;
mod settings;

pub use access_token::{AccessTokens, Claims, Confirmation, VerifiedAccessToken, VerifyError};
pub use settings::Settings;
