//! A callback that is pasted.

use url::Url;

use super::Expected;

const REDIRECT: &str = "http://127.0.0.1:4321/callback";
const STATE: &str = "st4te_1";
const ISSUER: &str = "https://id.example.com";

/// Lines of a terminal, or of a file.
///
/// What is found is a callback of this sign-in, to its own address, and the same is found in it again. Why nothing is
/// found never quotes the text.
pub fn pasted_callback(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // As many as are kept.
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(super::MOST_LINES)
        .map(str::to_owned)
        .collect();
    let expected = Expected::new(REDIRECT, STATE, Some(ISSUER));
    for from_terminal in [false, true] {
        let callback = match expected.find(&lines, from_terminal) {
            Ok(callback) => callback,
            Err(problem) => {
                assert!(problem.to_string().is_ascii());
                continue;
            }
        };
        let query = callback.strip_prefix(REDIRECT).expect("it goes to this program");
        assert!(query.starts_with('?') && !query.contains(|c: char| c.is_control() || c.is_whitespace()));
        let url = Url::parse(&callback).expect("it is an address");
        let values = |name: &str| {
            url.query_pairs().filter(|(other, _)| other == name).map(|(_, value)| value).collect()
        };
        let [states, issuers, codes, errors]: [Vec<_>; 4] = ["state", "iss", "code", "error"].map(values);
        assert_eq!(states, [STATE]);
        assert!(issuers.is_empty() || issuers == [ISSUER]);
        assert!(codes.iter().chain(&errors).any(|value| !value.is_empty()));
        assert!(codes.len() < 2 && errors.len() < 2);
        assert_eq!(expected.find(std::slice::from_ref(&callback), false), Ok(callback));
    }
}
