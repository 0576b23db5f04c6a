//! The ways in which programs rewrite an address that passes through them.

use url::form_urlencoded;

/// The lines put together, as they are and with each usual rewriting undone.
pub(super) fn spellings(lines: &[&str]) -> Vec<String> {
    let mut plain = lines.concat();
    // Chats and mail programs allow a break, or hide a mark, with characters that nobody sees.
    plain.retain(|c| !INVISIBLE.contains(&c));
    let mut found = vec![plain.clone()];
    let mut add = |text: String| {
        if !found.contains(&text) {
            found.push(text);
        }
    };
    add(plain.replace("&amp;", "&").replace("&#38;", "&").replace("&#x26;", "&"));
    // A shell escapes `?`, `=` and `&`, and ends a line that goes on with a backslash.
    add(plain.replace('\\', ""));
    // Mail: RFC 2045 §6.7.
    let soft_breaks: String = lines.iter().map(|line| line.strip_suffix('=').unwrap_or(line)).collect();
    add(soft_breaks.replace("=3D", "=").replace("=3d", "=").replace("=26", "&").replace("=3F", "?"));
    // An address within another one, or one that was encoded as a whole.
    if plain.contains('%') {
        let once = percent_decoded(&plain);
        let twice = percent_decoded(&once);
        add(once);
        add(twice);
    }
    found
}

/// Soft hyphen, zero-width space and (non-)joiners, direction marks, word joiner, byte order mark.
const INVISIBLE: [char; 8] =
    ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{feff}'];

/// Decodes `%XX` and nothing else: a `+` stays one.
fn percent_decoded(text: &str) -> String {
    let kept = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(kept.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}
