//! What each scope means to a person, for the consent page.

use moorline_server_base::policy;

/// A scope in plain words.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Its name on the wire.
    pub name: &'static str,
    /// What the app will be able to do: goes on from "… will be able to:".
    pub what: &'static str,
    /// More about it.
    pub why: &'static str,
    /// The shapes of its icon, for a 24 × 24 view box. Ours, never anybody's input.
    pub icon: &'static str,
}

/// The scopes that people are asked about. `openid` comes first: it is what every sign-in shares.
pub const SCOPES: &[Scope] = &[
    Scope {
        name: "openid",
        what: "Know that it is you",
        why: "An identifier of your account, and when you signed in.",
        icon: r#"<path d="M12 3l7 3v5.5c0 4.4-2.9 7.9-7 9.5-4.1-1.6-7-5.1-7-9.5V6z"/><path d="M9 12l2.2 2.2L15.2 10"/>"#,
    },
    Scope {
        name: "profile",
        what: "See your name",
        why: "Your name and your user name.",
        icon: r#"<circle cx="12" cy="8.5" r="3.75"/><path d="M4.5 20c.9-3.8 3.9-5.75 7.5-5.75s6.6 1.95 7.5 5.75"/>"#,
    },
    Scope {
        name: "email",
        what: "See your mail address",
        why: "It can’t read your mail.",
        icon: r#"<rect x="3.5" y="5.5" width="17" height="13" rx="2"/><path d="M4 7l8 6 8-6"/>"#,
    },
    Scope {
        name: "notes.read",
        what: "Read your notes",
        why: "All of them, with their titles.",
        icon: r#"<path d="M6.5 3.5h8l4 4v13h-12z"/><path d="M9.5 11.5h6M9.5 15h6"/>"#,
    },
    Scope {
        name: "notes.write",
        what: "Add and change notes",
        why: "New notes, and the text of those you have.",
        icon: r#"<path d="M4.5 19.5l1-4.5 10-10 3.5 3.5-10 10z"/><path d="M13.5 7l3.5 3.5"/>"#,
    },
    Scope {
        name: "notes.delete",
        what: "Delete notes",
        why: "A deleted note is gone for good.",
        icon: r#"<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10.25 11v5.5M13.75 11v5.5"/>"#,
    },
    Scope {
        name: "offline_access",
        what: "Stay signed in",
        why: "Until you sign out in the app, also while you don’t use it.",
        icon: r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>"#,
    },
];

/// The scopes of a request in plain words, in our order; names that nobody knows are not part of a request.
pub fn explain(scope: &policy::Scope) -> Vec<Scope> {
    SCOPES.iter().filter(|known| scope.contains(known.name)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use moorline_server_base::policy::SCOPE_PERMISSIONS;

    #[test]
    fn every_scope_of_the_policy_is_explained_to_people() {
        for (name, _) in SCOPE_PERMISSIONS {
            assert!(SCOPES.iter().any(|scope| scope.name == *name), "{name}");
        }
        assert_eq!(SCOPES.len(), SCOPE_PERMISSIONS.len());
    }

    #[test]
    fn only_what_is_asked_for_is_shown() {
        let names: Vec<_> = explain(&policy::Scope::parse("notes.read openid").unwrap())
            .iter()
            .map(|scope| scope.name)
            .collect();
        assert_eq!(names, ["openid", "notes.read"]);
    }
}
