//! The `Authorization` header of a request to a protected resource: `Bearer` (RFC 6750) or `DPoP` (RFC 9449 §7.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::refusal::Refusal;
use super::scheme::Scheme;

/// A token as it was presented; nothing is checked yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    pub(super) scheme: Scheme,
    pub(super) token: &'a str,
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl<'a> Credential<'a> {
    /// Reads the token from the header, or from the body of a form where an endpoint accepts that (RFC 6750 §2.2).
    pub(super) fn read(
        headers: &'a HeaderMap,
        query: Option<&str>,
        in_form: Option<&'a str>,
    ) -> Result<Self, Refusal> {
        let in_query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .any(|(name, _)| name == "access_token");
        if in_query {
            // RFC 9700 §4.3.2: addresses end up in logs and histories.
            return Err(Refusal::Malformed("An access token must not be in the address."));
        }
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = match (values.next(), in_form) {
            (Some(_), Some(_)) => {
                return Err(Refusal::Malformed(
                    "Send the access token in the header or in the body, not in both.",
                ));
            }
            (Some(value), None) => value,
            (None, Some(token)) if is_token(token) => return Ok(Self { scheme: Scheme::Bearer, token }),
            (None, Some(_)) => return Err(Refusal::Malformed("The access_token in the body is malformed.")),
            (None, None) => return Err(Refusal::Missing),
        };
        if values.next().is_some() {
            return Err(Refusal::Malformed("There is more than one Authorization header."));
        }
        let malformed = || {
            Refusal::Malformed(
                "The Authorization header is not of the form \"DPoP TOKEN\" or \"Bearer TOKEN\".",
            )
        };
        let (scheme, token) =
            value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(malformed)?;
        // RFC 9110 §11.4: any number of spaces.
        let token = token.trim_start_matches(' ');
        let scheme = if scheme.eq_ignore_ascii_case("bearer") {
            Scheme::Bearer
        } else if scheme.eq_ignore_ascii_case("dpop") {
            Scheme::Dpop
        } else {
            return Err(Refusal::Missing);
        };
        if is_token(token) { Ok(Self { scheme, token }) } else { Err(malformed()) }
    }
}

/// RFC 6750 §2.1: b64token; RFC 9449 §7.1: token68, which is the same.
fn is_token(text: &str) -> bool {
    let characters = text.trim_end_matches('=');
    !characters.is_empty()
        && characters.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    fn read<'a>(headers: &'a HeaderMap, query: Option<&str>) -> Result<(Scheme, &'a str), Refusal> {
        Credential::read(headers, query, None).map(|credential| (credential.scheme, credential.token))
    }

    #[test]
    fn a_token_is_taken_from_the_header_alone() {
        for (value, expected) in [
            ("Bearer abc.def-_", (Scheme::Bearer, "abc.def-_")),
            ("bearer abc", (Scheme::Bearer, "abc")),
            ("Bearer   abc==", (Scheme::Bearer, "abc==")),
            ("DPoP abc", (Scheme::Dpop, "abc")),
            ("dpop abc", (Scheme::Dpop, "abc")),
        ] {
            assert_eq!(read(&header(value), Some("limit=1")).unwrap(), expected, "{value}");
        }
        assert!(matches!(read(&HeaderMap::new(), None), Err(Refusal::Missing)));
        assert!(matches!(read(&header("Basic YTpi"), None), Err(Refusal::Missing)));
        for wrong in
            ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer a=b", "Bearer =", "DPoP", "DPoP a b"]
        {
            assert!(matches!(read(&header(wrong), None), Err(Refusal::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_refused_even_beside_a_good_header() {
        let good = header("Bearer abc");
        assert!(matches!(read(&good, Some("limit=1&access%5Ftoken=abc")), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn a_token_in_a_form_is_a_bearer_token_and_there_is_none_beside_it() {
        let read = |headers: &HeaderMap, query, token| {
            Credential::read(headers, query, Some(token)).map(|found| (found.scheme, found.token.to_owned()))
        };
        let none = HeaderMap::new();
        assert_eq!(read(&none, None, "abc").unwrap(), (Scheme::Bearer, "abc".to_owned()));
        assert!(matches!(read(&none, None, "a b"), Err(Refusal::Malformed(_))));
        assert!(matches!(read(&none, Some("access_token=abc"), "abc"), Err(Refusal::Malformed(_))));
        for header in ["Bearer abc", "DPoP abc", "Basic YTpi"].map(header) {
            assert!(matches!(read(&header, None, "abc"), Err(Refusal::Malformed(_))));
        }
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        for second in ["Bearer def", "DPoP def"] {
            let mut headers = header("Bearer abc");
            headers.append(AUTHORIZATION, second.parse().unwrap());
            assert!(matches!(read(&headers, None), Err(Refusal::Malformed(_))));
        }
    }
}
