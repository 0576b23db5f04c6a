//! What an operator manages: clients and users.

mod registration;

pub use registration::{ClientSecret, ClientSpec, Consent, Fixtures, UserSpec};
