//! Headers of responses.

use std::time::{Duration, UNIX_EPOCH};

use ::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{head_and_body, place};
use crate::net::{
    NetError, challenges, challenges::Challenge, encoding::Body, retry_after, wants_other_token,
};

/// The values of `WWW-Authenticate` fields, a line each.
///
/// All that is read is in the fields, and reads as the same again when it is written by the grammar. Only an error
/// prevents a refresh.
pub fn challenges_of(input: &[u8]) {
    let headers = fields(input.split(|byte| *byte == b'\n'));
    let all = challenges(&headers);
    let errors = || all.iter().filter_map(|challenge| challenge.error());
    if errors().all(|error| error == "invalid_token") {
        assert!(wants_other_token(&headers, "DPoP") && wants_other_token(&headers, "Bearer"));
    }
    let lines: Vec<String> = all.iter().map(written).collect();
    for lines in [lines.clone(), vec![lines.join(", ")]] {
        let again = fields(lines.iter().map(String::as_bytes));
        // A control character within a quoted string is not to be written.
        if again.get_all(header::WWW_AUTHENTICATE).iter().count() == lines.len() {
            assert_eq!(challenges(&again), all);
        }
    }
}

/// A challenge as the grammar has it, with every value quoted.
fn written(challenge: &Challenge) -> String {
    let parameters = challenge.parameters.iter().map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{value}\"")
    });
    let all: Vec<_> = parameters.collect();
    if all.is_empty() { challenge.scheme.clone() } else { format!("{} {}", challenge.scheme, all.join(",")) }
}

fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let values = lines.filter_map(|line| HeaderValue::from_bytes(line.trim_ascii()).ok());
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::WWW_AUTHENTICATE, value);
    }
    headers
}

/// Header fields, a line each.
///
/// No wait is longer than an hour; a number of seconds is that number.
pub fn retry_after_of(input: &[u8]) {
    let (headers, _) = head_and_body(input);
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let Some(wait) = retry_after(&headers, now) else { return };
    assert!(wait <= Duration::from_secs(3_600));
    let mut values = headers.get_all(header::RETRY_AFTER).iter();
    if let (Some(first), None) = (values.next(), values.next())
        && let Some(seconds) = first.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok())
    {
        assert_eq!(wait.as_secs(), seconds.min(3_600));
    }
}

/// Header fields, a line each, up to an empty line; and a body.
///
/// However the body is cut into chunks, the same comes of it, and never more than the limit. What is not encoded stays
/// as it is. Of gzip, no header is left that describes the encoded body.
pub fn content_coding(input: &[u8]) {
    let (headers, body) = head_and_body(input);
    let (first, second) = body.split_at(place(input, body.len() + 1));
    for is_document in [false, true] {
        let decoded = |chunks: &[&[u8]]| decoded(&headers, chunks, is_document).ok();
        // Which of two faults is found first may depend on the chunks.
        assert_eq!(decoded(&[body]), decoded(&[first, second]));
    }
}

const LIMIT: usize = 4096;

fn decoded(headers: &HeaderMap, chunks: &[&[u8]], is_document: bool) -> Result<Vec<u8>, NetError> {
    let mut left = headers.clone();
    let mut body = Body::new(StatusCode::OK, &left, LIMIT, is_document)?;
    chunks.iter().try_for_each(|chunk| body.extend(chunk))?;
    let decoded = body.finish(&mut left)?;
    assert!(decoded.len() <= LIMIT);
    if left.len() < headers.len() {
        assert!(!left.contains_key(header::CONTENT_ENCODING) && !left.contains_key(header::CONTENT_LENGTH));
    } else if !(is_document && chunks.concat().starts_with(&[0x1f, 0x8b])) {
        assert_eq!(*decoded, chunks.concat());
    }
    Ok(decoded.to_vec())
}
