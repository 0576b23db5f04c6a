//! Where in a TOML text a setting stands, so that an error can name the line.

use toml::de::{DeTable, DeValue};

/// The line (from 1) of the key of this dotted path, however it is written: in a table, dotted, or inline.
pub(super) fn line_of_key(text: &str, path: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    for part in path.split('.') {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == part) else { break };
        found = Some(line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

/// The line (from 1) of a byte.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_tables_dotted_and_inline() {
        let text = "issuer = 'x'\n\n[tokens]\n# a comment\naccess_lifetime = '1m'\n\n[http]\nplain = true\n";
        assert_eq!(line_of_key(text, "issuer"), Some(1));
        assert_eq!(line_of_key(text, "tokens.access_lifetime"), Some(5));
        assert_eq!(line_of_key(text, "http.plain"), Some(8));
        assert_eq!(line_of_key("a = 1\nhttp.plain = true", "http.plain"), Some(2));
        assert_eq!(line_of_key("\nhttp = { plain = true }", "http.plain"), Some(2));
        assert_eq!(line_of_key(text, "nothing"), None);
    }
}
