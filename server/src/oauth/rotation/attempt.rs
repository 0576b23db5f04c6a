//! The attempt key: what a client makes before it first sends a refresh token, and sends again with every retry.

use moorline_server_base::digest::sha256;

/// The attempt key of a request, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// None was sent.
    Absent,
    /// Something was sent that can't be one.
    Malformed,
    /// A well-formed one, by its hash.
    Key(AttemptHash),
}

/// The SHA-256 of an attempt key: all that is ever kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AttemptHash([u8; 32]);

impl std::fmt::Debug for AttemptHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttemptHash([redacted])")
    }
}

impl Attempt {
    /// Reads the form parameter `refresh_attempt` and its alias, the header `Idempotency-Key`.
    ///
    /// The key is 22 to 128 unreserved characters (RFC 3986 §2.3): the 256 random bits of our SDK are 43, a UUID is
    /// 36. The header may be quoted, as the IETF draft has it, or not. Both may be sent when they say the same.
    #[must_use]
    pub fn read(parameter: Option<&str>, header: Option<&[u8]>) -> Self {
        let parameter = parameter.map(|text| key(text.as_bytes()));
        let header = header.map(|bytes| key(unquoted(bytes)));
        match (parameter, header) {
            (None, None) => Self::Absent,
            (Some(Some(one)), None) | (None, Some(Some(one))) => Self::Key(one),
            (Some(Some(one)), Some(Some(other))) if one == other => Self::Key(one),
            _ => Self::Malformed,
        }
    }
}

impl AttemptHash {
    /// The hash of an attempt key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(sha256(key))
    }

    /// The hash as it is stored in the database.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash that is stored in the database.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

fn key(text: &[u8]) -> Option<AttemptHash> {
    let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let good = (22..=128).contains(&text.len()) && text.iter().all(unreserved);
    good.then(|| AttemptHash::of(text))
}

fn unquoted(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE";

    #[test]
    fn parameter_and_header_are_alike_quoted_or_not() {
        let by_parameter = Attempt::read(Some(KEY), None);
        assert!(matches!(by_parameter, Attempt::Key(_)));
        let quoted = format!("\"{KEY}\"");
        for header in [KEY, quoted.as_str()] {
            assert_eq!(Attempt::read(None, Some(header.as_bytes())), by_parameter);
            assert_eq!(Attempt::read(Some(KEY), Some(header.as_bytes())), by_parameter);
        }
    }

    #[test]
    fn parameter_and_header_that_differ_are_malformed() {
        let other = KEY.replace('Z', "Y");
        assert_eq!(Attempt::read(Some(KEY), Some(other.as_bytes())), Attempt::Malformed);
        assert_eq!(Attempt::read(Some(KEY), Some(b"short")), Attempt::Malformed);
    }

    #[test]
    fn a_short_oversized_or_strange_attempt_is_malformed() {
        for text in ["", "short", &"a".repeat(21), &"a".repeat(129), &format!("{KEY} "), &format!("{KEY}\"")]
        {
            assert_eq!(Attempt::read(Some(text), None), Attempt::Malformed, "{text}");
        }
        assert!(matches!(Attempt::read(Some(&"a".repeat(22)), None), Attempt::Key(_)));
        assert!(matches!(Attempt::read(Some(&"a".repeat(128)), None), Attempt::Key(_)));
        assert_eq!(Attempt::read(None, Some(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), Attempt::Malformed);
    }

    #[test]
    fn no_attempt_is_not_an_empty_one() {
        assert_eq!(Attempt::read(None, None), Attempt::Absent);
        assert_eq!(Attempt::read(None, Some(b"\"\"")), Attempt::Malformed);
    }
}
