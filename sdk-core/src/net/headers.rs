//! Response headers, read by their grammar (RFC 9110).

use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, HeaderName, StatusCode, header};

use super::challenges::challenges;

/// How long the server asks to wait (RFC 9110 §10.2.3): seconds, or a date, which is compared with the response's own
/// date if it has one, and else with `now`. An hour at most: an app is not locked out for longer by one response. What
/// is neither is ignored.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    texts(headers, &header::RETRY_AFTER).find_map(|text| {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than a number can have: as long as can be.
            return Some(text.parse().map_or(LONGEST_WAIT, Duration::from_secs).min(LONGEST_WAIT));
        }
        let until = httpdate::parse_http_date(text).ok()?;
        let wait = until.duration_since(date(headers).unwrap_or(now)).unwrap_or_default();
        Some(wait.min(LONGEST_WAIT))
    })
}

/// How long a response that is no success asks to wait: a 429 that does not say means ten seconds, and an outage may
/// say (RFC 9110 §10.2.3, RFC 6585 §4).
pub fn wait_asked(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some(retry_after(headers, now).unwrap_or(DEFAULT_WAIT)),
        StatusCode::REQUEST_TIMEOUT => retry_after(headers, now),
        status if status.is_server_error() => retry_after(headers, now),
        _ => None,
    }
}

/// The time at which the response was made, by the server's clock (RFC 9110 §6.6.1).
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    texts(headers, &header::DATE).find_map(|text| httpdate::parse_http_date(text).ok())
}

/// Whether a 401 asks for another access token of `scheme` (RFC 6750 §3.1): it names `invalid_token`, or no error at
/// all. Where more is asked of the user (`insufficient_user_authentication`, RFC 9470, or `insufficient_scope`), a
/// new token of the same session does not help.
pub(crate) fn wants_other_token(headers: &HeaderMap, scheme: &str) -> bool {
    let all = challenges(headers);
    let ours: Vec<_> = all.iter().filter(|challenge| challenge.is_of(scheme)).collect();
    // An API that knows bearer tokens alone says so by that scheme, whatever token it was sent.
    let ours = if ours.is_empty() {
        all.iter().filter(|challenge| challenge.is_of("Bearer") || challenge.is_of("DPoP")).collect()
    } else {
        ours
    };
    ours.iter().all(|challenge| challenge.error().is_none_or(|error| error == "invalid_token"))
}

/// The values of all fields of this name that are text, without white space around them: HTTP/2 keeps it.
pub(crate) fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::trim_ascii)
}

/// Longer is not honoured.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// How long to wait after a 429 that does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use ::http::HeaderValue;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 §5.6.7.
    const THEN: Duration = Duration::from_secs(784_111_777);

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn asked(value: &str) -> Option<u64> {
        let now = UNIX_EPOCH + THEN - Duration::from_secs(3600);
        retry_after(&headers(&[(header::RETRY_AFTER, value)]), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_of_any_of_the_three_forms() {
        for (value, seconds) in [
            ("120", 120),
            (" \t120\t ", 120),
            ("0", 0),
            ("007", 7),
            ("3601", 3600),
            ("99999999999999999999999", 3600),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 3600),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 3600),
            ("Sun Nov  6 08:49:37 1994", 3600),
            ("Sun, 06 Nov 1994 01:49:37 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ] {
            assert_eq!(asked(value), Some(seconds), "{value}");
        }
    }

    #[test]
    fn odd_values_of_retry_after_are_ignored() {
        for value in [
            "",
            "-1",
            "+5",
            "1.5",
            "1e3",
            "5s",
            "soon",
            "1, 2",
            "Sun, 06 Nov 1994",
            "1994-11-06T08:49:37Z",
            "\u{fc}",
        ] {
            assert_eq!(asked(value), None, "{value}");
        }
        let two = headers(&[(header::RETRY_AFTER, "soon"), (header::RETRY_AFTER, "7")]);
        assert_eq!(retry_after(&two, UNIX_EPOCH), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_date_is_compared_with_the_servers_own_clock() {
        let both = headers(&[
            (header::RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (header::DATE, " Sun, 06 Nov 1994 08:48:37 GMT "),
        ]);
        assert_eq!(retry_after(&both, UNIX_EPOCH), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_401_asks_for_another_token_only_if_our_challenge_says_so_or_nothing() {
        for (fields, wants) in [
            (&[][..], true),
            (&["DPoP"], true),
            (&["DPoP error=invalid_token"], true),
            (&[r#"dpop error = "invalid_token", error_description="insufficient_scope, really""#], true),
            (&[r#"DPoP error="insufficient_user_authentication", acr_values="high""#], false),
            (&["DPoP error=insufficient_scope"], false),
            (&["DPoP error=invalid_request"], false),
            (&["Bearer error=insufficient_scope, DPoP error=invalid_token"], true),
            (&["Bearer error=invalid_token", "DPoP error=insufficient_user_authentication"], false),
            (&[r#"DPoP error="insufficient_scope", realm="invalid_token""#], false),
            (&["Bearer error=insufficient_scope"], false),
            (&["Bearer error=invalid_token"], true),
            (&[r#"Basic realm="error=insufficient_scope""#], true),
            (&["<html>"], true),
        ] {
            let fields: Vec<_> = fields.iter().map(|field| (header::WWW_AUTHENTICATE, *field)).collect();
            assert_eq!(wants_other_token(&headers(&fields), "DPoP"), wants, "{fields:?}");
        }
    }
}
