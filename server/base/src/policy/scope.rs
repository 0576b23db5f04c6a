//! Scopes (RFC 6749 §3.3): a set of names.

use std::collections::BTreeSet;
use std::fmt;

/// A set of scope names, written in alphabetical order with spaces between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeSet<String>);

/// A scope has a character that RFC 6749 §3.3 forbids, or is far too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scope is malformed")]
pub struct MalformedScope;

const LONGEST: usize = 1024;

impl Scope {
    /// Reads names with spaces between.
    ///
    /// # Errors
    /// [`MalformedScope`] when a name has a forbidden character or the whole is longer than 1024 bytes.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        // RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let names = || text.split(' ').filter(|name| !name.is_empty());
        if text.len() > LONGEST || !names().all(|name| name.bytes().all(allowed)) {
            return Err(MalformedScope);
        }
        Ok(Self(names().map(str::to_owned).collect()))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` is in it.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether everything in it is in `other` too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// What is in this or in `other`.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// What this server knows of it: names that we don't understand are ignored (OpenID Connect Core §3.1.2.1).
    #[must_use]
    pub fn known(self) -> Self {
        let known = |name: &str| SUPPORTED.contains(&name);
        Self(self.0.into_iter().filter(|name| known(name)).collect())
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// Every scope that this server knows.
pub const SUPPORTED: &[&str] =
    &["openid", "profile", "email", "offline_access", "notes.read", "notes.write", "notes.delete"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_set_whatever_its_order() {
        let one = Scope::parse("openid notes.read  openid").unwrap();
        assert_eq!(one, Scope::parse("notes.read openid").unwrap());
        assert_eq!(one.to_string(), "notes.read openid");
        assert!(one.is_within(&Scope::parse("openid notes.read email").unwrap()));
        assert!(!Scope::parse("openid email").unwrap().is_within(&one));
    }

    #[test]
    fn a_scope_with_a_forbidden_character_is_refused() {
        for text in ["a\"b", "a\\b", "a\nb", "ä", &"a".repeat(1025)] {
            assert_eq!(Scope::parse(text), Err(MalformedScope));
        }
    }

    #[test]
    fn unknown_names_are_ignored() {
        assert_eq!(Scope::parse("openid phone").unwrap().known().to_string(), "openid");
    }
}
