//! Response headers, read by their grammar (RFC 9110).

use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, header};

/// How long the server asks to wait (RFC 9110 §10.2.3): seconds, or a date, which is compared with the response's own date
/// if it has one, and else with `now`.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    Some(until.duration_since(date.unwrap_or(now)).unwrap_or_default())
}

/// Whether a 401 asks for another access token (RFC 6750 §3.1): it names `invalid_token`, or no error at all.
pub(crate) fn wants_other_token(headers: &HeaderMap) -> bool {
    let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let challenges: Vec<_> = challenges.filter_map(|value| value.to_str().ok()).collect();
    let text = challenges.join(", ");
    !text.contains("error=") || text.contains("invalid_token")
}
