//! Clients, users and signing keys of a real server, from its own command line.

mod clients;
mod common;
mod keys;
mod master_key;
mod status;
mod users;

pub(crate) use clients::{ClientCommand, client};
pub(crate) use keys::{KeysCommand, keys};
pub(crate) use master_key::{MasterKeyCommand, master_key};
pub(crate) use status::status;
pub(crate) use users::{UserCommand, user};
