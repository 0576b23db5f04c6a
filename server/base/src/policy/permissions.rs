//! What each role and each scope allows. A request needs both: the user must have a role that grants the permission,
//! and the app's token a scope that does.

use std::collections::BTreeSet;

/// Something that can be done through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// List and read one's own notes.
    NotesRead,
    /// Write and change one's own notes.
    NotesWrite,
    /// Delete one's own notes.
    NotesDelete,
}

/// What a person is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everybody who may sign in.
    User,
    /// Somebody who looks after the server. It reads nobody else's notes.
    Admin,
}

/// The roles, by their name in the database and in `roles` of an access token.
pub const ROLES: &[(&str, Role)] = &[("user", Role::User), ("admin", Role::Admin)];

/// What each role allows.
pub const ROLE_PERMISSIONS: &[(Role, &[Permission])] = &[
    (Role::User, &[Permission::NotesRead, Permission::NotesWrite, Permission::NotesDelete]),
    // Nothing of the API as yet: an administrator is a user too, and has that role beside this one.
    (Role::Admin, &[]),
];

/// What each scope allows.
pub const SCOPE_PERMISSIONS: &[(&str, &[Permission])] = &[
    ("openid", &[]),
    ("profile", &[]),
    ("email", &[]),
    ("offline_access", &[]),
    ("notes.read", &[Permission::NotesRead]),
    ("notes.write", &[Permission::NotesWrite]),
    ("notes.delete", &[Permission::NotesDelete]),
];

impl Role {
    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        ROLES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
    }
}

impl Permission {
    /// The scope that grants this permission: what a refused app should ask for.
    pub fn scope(self) -> &'static str {
        SCOPE_PERMISSIONS
            .iter()
            .find(|(_, permissions)| permissions.contains(&self))
            .map(|(scope, _)| *scope)
            .expect("a test proves that every permission has a scope")
    }
}

/// What these roles allow together; a name that is no role allows nothing.
pub fn of_roles(names: &[String]) -> BTreeSet<Permission> {
    names
        .iter()
        .filter_map(|name| Role::named(name))
        .flat_map(|role| ROLE_PERMISSIONS.iter().filter(move |(known, _)| *known == role))
        .flat_map(|(_, permissions)| permissions.iter().copied())
        .collect()
}

/// What this scope (names with spaces between, RFC 6749 §3.3) allows; an unknown name allows nothing.
pub fn of_scope(scope: &str) -> BTreeSet<Permission> {
    scope
        .split(' ')
        .flat_map(|name| SCOPE_PERMISSIONS.iter().filter(move |(known, _)| *known == name))
        .flat_map(|(_, permissions)| permissions.iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Permission; 3] = [Permission::NotesRead, Permission::NotesWrite, Permission::NotesDelete];

    #[test]
    fn every_permission_has_exactly_one_scope() {
        for permission in ALL {
            let scopes = SCOPE_PERMISSIONS.iter().filter(|(_, p)| p.contains(&permission)).count();
            assert_eq!(scopes, 1, "{permission:?}");
            assert_eq!(of_scope(permission.scope()), BTreeSet::from([permission]));
        }
    }

    #[test]
    fn every_role_has_a_name_and_a_row() {
        for (name, role) in ROLES {
            assert_eq!(Role::named(name), Some(*role));
            assert_eq!(ROLE_PERMISSIONS.iter().filter(|(known, _)| known == role).count(), 1, "{name}");
        }
    }

    #[test]
    fn an_administrator_without_the_user_role_may_do_nothing_with_notes() {
        assert!(of_roles(&["admin".to_owned()]).is_empty());
    }

    #[test]
    fn an_unknown_role_or_scope_allows_nothing() {
        assert!(of_roles(&["root".to_owned(), "USER".to_owned()]).is_empty());
        assert!(of_scope("notes notes.* NOTES.READ notes.read\tnotes.write").is_empty());
    }
}
