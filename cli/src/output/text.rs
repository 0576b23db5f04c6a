//! What is taken out of a text before a user sees it.

/// A provider's or an API's text, fit for a terminal: a control character, or one that turns the direction of writing
/// round, could show what was never said.
pub(super) fn plain(text: &str) -> String {
    let turns_round = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_obeyed = |c: char| c != '\n' && c != '\t' && c.is_control() || turns_round(c);
    text.replace("\r\n", "\n").replace(is_obeyed, "\u{fffd}")
}

/// The text with `…` for the user names and passwords in its URLs (RFC 3986 §3.2.1).
pub(crate) fn without_passwords(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let url = after.split(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).next().unwrap_or_default();
        let authority = url.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        rest = after;
        // A password may have a slash in it that should have been encoded.
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        let is_password = port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit()));
        if let (true, Some(end)) = (authority.contains('@') || is_password, url.rfind('@')) {
            shown.push('…');
            rest = &after[end..];
        }
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left_in_a_text_of_others() {
        assert_eq!(
            plain("Ada \u{1b}]0;x\u{7}\u{9b}31m\rroot\u{202e}txt"),
            "Ada \u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}root\u{fffd}txt"
        );
        assert_eq!(plain("a\tb\r\nÄda – 你好 👩‍💻\n"), "a\tb\nÄda – 你好 👩‍💻\n");
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        for (text, expected) in [
            (
                "the issuer \"https://ada:s3cret@id.example/x\" has",
                "the issuer \"https://…@id.example/x\" has",
            ),
            ("https://ada:p@ss@host", "https://…@host"),
            ("https://ada:p@ss/s3cret@host/x", "https://…@host/x"),
            ("https://ada:s3/cret@host/x", "https://…@host/x"),
            ("https://id.example:8080/@ada", "https://id.example:8080/@ada"),
            ("a http://token@h/ and https://b:c@d/", "a http://…@h/ and https://…@d/"),
            ("https://social.example/@ada", "https://social.example/@ada"),
            ("https://a.example, ada@example.com", "https://a.example, ada@example.com"),
            ("no URL: a@b", "no URL: a@b"),
        ] {
            assert_eq!(without_passwords(text), expected);
        }
    }
}
