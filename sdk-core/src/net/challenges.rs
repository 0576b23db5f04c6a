//! Challenges of `WWW-Authenticate` (RFC 9110 §11.3 and §11.6.1).

use ::http::{HeaderMap, header};

/// One challenge. What it says is what the server said, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    /// The names in lower case.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Whether it is of this scheme, in whatever case.
    pub(crate) fn is_of(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter. `name` is in lower case; of two that have one name, the first counts.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The error that it names (RFC 6750 §3, RFC 9449 §7.1).
    pub(crate) fn error(&self) -> Option<&str> {
        self.parameter("error").filter(|code| !code.is_empty())
    }
}

/// All challenges of a response, in order. Several fields are one list, as if they were joined by commas (RFC 9110
/// §5.3). A part that is malformed is skipped, and spoils no other.
pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut all = Vec::new();
    for value in headers.get_all(header::WWW_AUTHENTICATE) {
        // Octets above ASCII may occur in quoted strings (obs-text); nothing that we compare has any.
        let text = String::from_utf8_lossy(value.as_bytes());
        for element in elements(&text) {
            read_element(element, &mut all);
        }
    }
    all
}

/// The elements of a list, split at the commas outside of quoted strings. Empty ones are skipped (RFC 9110 §5.6.1.2).
fn elements(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| match character {
        _ if std::mem::take(&mut escaped) => false,
        '\\' if quoted => {
            escaped = true;
            false
        }
        '"' => {
            quoted = !quoted;
            false
        }
        ',' => !quoted,
        _ => false,
    })
    .map(|element| element.trim_matches(WHITE_SPACE))
    .filter(|element| !element.is_empty())
}

/// Adds what an element says: a challenge begins, or it is a parameter of the one before.
fn read_element(element: &str, all: &mut Vec<Challenge>) {
    if read_parameters(element, all) {
        return;
    }
    let (scheme, rest) = token(element);
    if scheme.is_empty() || !(rest.is_empty() || rest.starts_with(WHITE_SPACE)) {
        return;
    }
    all.push(Challenge { scheme: scheme.to_owned(), parameters: Vec::new() });
    // What is no parameter is a token68: it means something to schemes that are not ours.
    read_parameters(rest.trim_start_matches(WHITE_SPACE), all);
}

/// Adds parameters to the last challenge. Returns whether `text` begins with one. There is one in an element; some
/// servers separate several with a space alone.
fn read_parameters(mut text: &str, all: &mut [Challenge]) -> bool {
    let mut any = false;
    while let Some((name, value, rest)) = parameter(text) {
        any = true;
        if let Some(challenge) = all.last_mut() {
            challenge.parameters.push((name.to_ascii_lowercase(), value));
        }
        text = rest.trim_start_matches(WHITE_SPACE);
    }
    any
}

/// `token BWS "=" BWS ( token / quoted-string )`: the name, the value, and what follows.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = token(text);
    let rest = rest.trim_start_matches(WHITE_SPACE).strip_prefix('=')?;
    let rest = rest.trim_start_matches(WHITE_SPACE);
    if name.is_empty() {
        return None;
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, rest) = quoted_string(quoted)?;
        return Some((name, value, rest));
    }
    // Some servers leave out the quotes around what is no token, such as a URL. `abc=` and `abc==` are token68.
    let end = rest.find(WHITE_SPACE).unwrap_or(rest.len());
    let (value, rest) = rest.split_at(end);
    (!value.trim_start_matches('=').is_empty() && !value.contains('"'))
        .then(|| (name, value.to_owned(), rest))
}

/// The content of a quoted string, from behind its first quote (RFC 9110 §5.6.4), and what follows.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// The token at the beginning (RFC 9110 §5.6.2), which may be empty, and what follows.
fn token(text: &str) -> (&str, &str) {
    let is_part =
        |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    text.split_at(text.find(|character| !is_part(character)).unwrap_or(text.len()))
}

const WHITE_SPACE: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn read(fields: &[&str]) -> Vec<(String, Vec<(String, String)>)> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        challenges(&headers).into_iter().map(|challenge| (challenge.scheme, challenge.parameters)).collect()
    }

    fn written(fields: &[&str]) -> String {
        let challenges = read(fields).into_iter().map(|(scheme, parameters)| {
            let parameters = parameters.iter().map(|(name, value)| format!(" {name}=<{value}>"));
            scheme + &parameters.collect::<String>()
        });
        challenges.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn challenges_are_read_by_their_grammar() {
        for (field, expected) in [
            (r#"DPoP error="use_dpop_nonce""#, "DPoP error=<use_dpop_nonce>"),
            ("DPoP error=use_dpop_nonce", "DPoP error=<use_dpop_nonce>"),
            ("dpop\t  ERROR \t= \t use_dpop_nonce", "dpop error=<use_dpop_nonce>"),
            (r#"Bearer realm="a, b", error="x""#, "Bearer realm=<a, b> error=<x>"),
            (r#"Bearer realm="say \"hi\", \\o/", scope="""#, r#"Bearer realm=<say "hi", \o/> scope=<>"#),
            (
                r#"Basic realm="x", DPoP algs="ES256 RS256", error=e"#,
                "Basic realm=<x> | DPoP algs=<ES256 RS256> error=<e>",
            ),
            ("Negotiate, Bearer", "Negotiate | Bearer"),
            ("Negotiate YWJj, Bearer error=x", "Negotiate | Bearer error=<x>"),
            ("Negotiate YWI=, NTLM YQ==, Bearer error=x", "Negotiate | NTLM | Bearer error=<x>"),
            (", ,Bearer ,, error=x ,", "Bearer error=<x>"),
            (r#"Basic realm="error=\"invalid_token\"""#, r#"Basic realm=<error="invalid_token">"#),
            ("Bearer", "Bearer"),
            ("", ""),
        ] {
            assert_eq!(written(&[field]), expected, "{field}");
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        assert_eq!(written(&["Basic realm=a", "DPoP error=b"]), "Basic realm=<a> | DPoP error=<b>");
        assert_eq!(written(&["DPoP algs=ES256", "error=b"]), "DPoP algs=<ES256> error=<b>");
    }

    #[test]
    fn what_is_malformed_spoils_nothing_else() {
        for (fields, expected) in [
            (&["=x", "Bearer error=a"][..], "Bearer error=<a>"),
            (&["error=lost, Bearer error=a"], "Bearer error=<a>"),
            (&[r#"Bearer realm="never closed, error=a"#, "DPoP error=b"], "Bearer | DPoP error=<b>"),
            (
                &["Bearer realm=https://a.example/?x, error=a"],
                "Bearer realm=<https://a.example/?x> error=<a>",
            ),
            (&[r#"Bearer realm="x" error="a""#], "Bearer realm=<x> error=<a>"),
            (
                &["Bearer error_description=The token expired, error=a"],
                "Bearer error_description=<The> error=<a>",
            ),
            (&["Bearer \u{fc}=x, error=a"], "Bearer error=<a>"),
            (&["{\"error\":\"x\"}"], ""),
            (&["\\\"\\,\"=\"\\"], ""),
        ] {
            assert_eq!(written(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn of_two_parameters_of_one_name_the_first_counts() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=a, ERROR=b, scope=\"\""),
        );
        let read = challenges(&headers);
        assert_eq!((read[0].error(), read[0].parameter("scope")), (Some("a"), Some("")));
        assert!(read[0].is_of("bearer") && !read[0].is_of("DPoP"));
    }
}
