//! What an operator manages: clients, users and signing keys.

pub mod accounts;
pub mod clients;
mod error;
pub mod keys;
pub mod master_key;
mod registration;
#[cfg(test)]
mod tests;

pub use error::ManageError;
pub use registration::{ClientSecret, ClientSpec, Consent, Fixtures, UserSpec};
