//! User names as they are compared: `UsernameCaseMapped` (RFC 8265 §3.3).

use std::fmt;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::Error as PrecisError;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;

/// A user name in the form in which it is stored and compared: two spellings of one name that differ in case, in width
/// (full-width letters) or in composition (`é` as one character or as two) are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

/// A text that can't be a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It is too long.
    #[error("must be {LONGEST} characters at most")]
    TooLong,
    /// One of its characters is not allowed.
    #[error("must be letters, digits or . _ - @ +, and has U+{0:04X}")]
    Character(u32),
    /// It has letters of right-to-left scripts beside such as do not go with them, or its form is not stable.
    #[error("must not mix writing directions (RFC 5893 §2)")]
    Mixed,
}

impl UserName {
    /// The name that this text spells.
    ///
    /// # Errors
    /// [`NameError`] says why it spells none.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // Before any work: a name never gets shorter than a quarter of its spelling.
        if text.chars().nth(4 * LONGEST).is_some() {
            return Err(NameError::TooLong);
        }
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let name = enforce(text)?;
        // RFC 8264 §7: what a second pass changes is no name.
        if enforce(&name)? != name {
            return Err(NameError::Mixed);
        }
        if name.chars().nth(LONGEST).is_some() {
            return Err(NameError::TooLong);
        }
        // Of ASCII less than the RFC allows: quotes and angle brackets look like markup where a name is shown.
        let stranger = |c: &char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"._-@+".contains(*c);
        name.chars().find(stranger).map_or(Ok(()), |c| Err(NameError::Character(c.into())))?;
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn enforce(text: &str) -> Result<String, NameError> {
    match UsernameCaseMapped::enforce(text) {
        Ok(name) => Ok(name.into_owned()),
        Err(PrecisError::BadCodepoint(bad)) => Err(NameError::Character(bad.cp)),
        Err(_) => Err(NameError::Mixed),
    }
}

/// A user name as servers before this form stored it. Such a name keeps working as it was typed then.
pub(super) fn as_stored_before(typed: &str) -> String {
    typed.trim().to_lowercase()
}

/// Most characters of a name.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, NameError> {
        UserName::parse(text).map(|name| name.to_string())
    }

    #[test]
    fn spellings_of_one_name_are_the_same() {
        for (typed, stored) in [
            ("Ada", "ada"),
            ("ADA.Lovelace+notes@example.com", "ada.lovelace+notes@example.com"),
            ("\u{ff21}\u{ff44}\u{ff41}", "ada"),
            ("Ren\u{e9}", "ren\u{e9}"),
            ("Rene\u{301}", "ren\u{e9}"),
            ("A\u{30a}sa", "\u{e5}sa"),
            // ß and ẞ are one letter in two cases; "ss" is another name.
            ("Stra\u{df}e", "stra\u{df}e"),
            ("STRA\u{1e9e}E", "stra\u{df}e"),
            ("strasse", "strasse"),
            // Turkish: İ keeps its dot, I is not the dotless ı.
            ("\u{130}lker", "i\u{307}lker"),
            ("I", "i"),
            ("\u{131}", "\u{131}"),
            // Σ maps to σ alone, whatever its place; a final ς stays what was typed.
            ("\u{39d}\u{38a}\u{39a}\u{39f}\u{3a3}", "\u{3bd}\u{3af}\u{3ba}\u{3bf}\u{3c3}"),
            ("\u{3bd}\u{3af}\u{3ba}\u{3bf}\u{3c2}", "\u{3bd}\u{3af}\u{3ba}\u{3bf}\u{3c2}"),
            ("\u{5d0}\u{5d3}\u{5d4}", "\u{5d0}\u{5d3}\u{5d4}"),
        ] {
            assert_eq!(name(typed).as_deref(), Ok(stored), "{typed}");
            assert_eq!(name(stored).as_deref(), Ok(stored), "{typed}");
        }
    }

    #[test]
    fn a_text_that_hides_something_is_no_name() {
        for (typed, why) in [
            ("", NameError::Empty),
            ("ada lovelace", NameError::Character(0x20)),
            (" ada", NameError::Character(0x20)),
            ("<ada>", NameError::Character(0x3c)),
            // Zero-width space and joiner, a byte order mark, an override of the direction, a ligature, the Ångström
            // sign.
            ("a\u{200b}da", NameError::Character(0x200b)),
            ("a\u{200d}da", NameError::Character(0x200d)),
            ("\u{feff}ada", NameError::Character(0xfeff)),
            ("a\u{202e}da", NameError::Character(0x202e)),
            ("\u{fb01}n", NameError::Character(0xfb01)),
            ("\u{212b}sa", NameError::Character(0x212b)),
            ("ada\n", NameError::Character(0xa)),
            ("\u{1f980}", NameError::Character(0x1f980)),
            ("a\u{5d0}", NameError::Mixed),
        ] {
            assert_eq!(name(typed), Err(why), "{typed:?}");
        }
    }

    #[test]
    fn a_name_has_64_characters_at_most_in_the_form_that_is_stored() {
        assert!(name(&"a".repeat(64)).is_ok());
        assert_eq!(name(&"a".repeat(65)), Err(NameError::TooLong));
        assert!(name(&"e\u{301}".repeat(64)).is_ok());
        assert_eq!(name(&"x".repeat(1 << 20)), Err(NameError::TooLong));
    }
}
