//! The policy: scopes, roles, and what each of them allows. All of it is data.

mod permissions;
mod scope;

pub use permissions::{Permission, ROLE_PERMISSIONS, ROLES, Role, SCOPE_PERMISSIONS, of_roles, of_scope};
pub use scope::{MalformedScope, SUPPORTED, Scope};
