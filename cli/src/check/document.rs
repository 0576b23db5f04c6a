//! JSON documents as providers really send them: read with tolerance, and what is odd is remembered.

use serde_json::Value;
use zeroize::Zeroizing;

use super::finding::quoted;
use super::probe::Answer;

/// A JSON document, and what was odd about it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    /// In words, for a report.
    pub(super) oddities: Vec<String>,
}

/// Why an answer is no JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A web page: a captive portal, a proxy, a bot challenge or the wrong address.
    WebPage,
    /// A document that ends in the middle.
    HalfADocument,
    /// Compressed, although the request did not allow it.
    Compressed(String),
    Empty,
    NotJson,
}

impl Unreadable {
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::WebPage => "a web page instead of JSON",
            Self::HalfADocument => "half a JSON document",
            Self::Compressed(_) => "a compressed document, although the request did not allow it",
            Self::Empty => "an empty body",
            Self::NotJson => "something that is not JSON",
        }
    }
}

/// Reads the body of `answer`.
pub(super) fn read(answer: &Answer) -> Result<Document, Unreadable> {
    let mut oddities = Vec::new();
    if let Some(encoding) = answer.header("content-encoding")
        && !encoding.eq_ignore_ascii_case("identity")
        && !encoding.trim().is_empty()
    {
        return Err(Unreadable::Compressed(quoted(encoding)));
    }
    let body = match answer.body.strip_prefix(b"\xef\xbb\xbf") {
        Some(body) => {
            oddities.push("it begins with a byte order mark (RFC 8259 §8.1 forbids it)".to_owned());
            body
        }
        None => &answer.body[..],
    };
    let content_type = answer.header("content-type").unwrap_or_default();
    if !is_json(content_type) {
        oddities.push(format!("its Content-Type is {}", quoted(content_type)));
    }
    match serde_json::from_slice(body) {
        Ok(value) => Ok(Document { value, oddities }),
        Err(error) => read_oddly(body, content_type, &error, oddities),
    }
}

/// A document with a character that is not UTF-8 is still readable; everything else is not.
fn read_oddly(
    body: &[u8],
    content_type: &str,
    error: &serde_json::Error,
    mut oddities: Vec<String>,
) -> Result<Document, Unreadable> {
    let text = Zeroizing::new(String::from_utf8_lossy(body).into_owned());
    let begins = text.trim_start();
    if begins.is_empty() {
        return Err(Unreadable::Empty);
    }
    if begins.starts_with('<') || content_type.to_ascii_lowercase().contains("html") {
        return Err(Unreadable::WebPage);
    }
    if std::str::from_utf8(body).is_err()
        && let Ok(value) = serde_json::from_str(&text)
    {
        oddities.push("it is not UTF-8 (RFC 8259 §8.1)".to_owned());
        return Ok(Document { value, oddities });
    }
    Err(if error.is_eof() { Unreadable::HalfADocument } else { Unreadable::NotJson })
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

#[cfg(test)]
pub(super) mod tests {
    use reqwest::header::{HeaderMap, HeaderName};

    use super::*;

    /// An answer by hand.
    pub(in crate::check) fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        Answer { status, headers, body: Zeroizing::new(body.to_vec()) }
    }

    fn of(content_type: &str, body: &[u8]) -> Result<Document, Unreadable> {
        read(&answer(200, &[("content-type", content_type)], body))
    }

    #[test]
    fn documents_with_small_faults_are_read_and_the_faults_are_named() {
        let json = "application/json";
        assert!(of(json, b"{\"a\":1}").unwrap().oddities.is_empty());
        assert!(of("Application/JSON; charset=utf-8", b"{}").unwrap().oddities.is_empty());
        assert!(of("application/jwk-set+json", b"{}").unwrap().oddities.is_empty());
        assert!(of(json, b"\xef\xbb\xbf{}").unwrap().oddities[0].contains("byte order mark"));
        assert!(of("text/plain", b"{}").unwrap().oddities[0].contains("text/plain"));
        assert!(of(json, b"{\"a\":\"M\xfcnchen\"}").unwrap().oddities[0].contains("UTF-8"));
    }

    #[test]
    fn what_is_no_json_is_named_as_what_it_is() {
        let page = b"\n<!doctype html><title>Wi-Fi</title>";
        assert_eq!(of("text/html", page).unwrap_err(), Unreadable::WebPage);
        assert_eq!(of("application/json", page).unwrap_err(), Unreadable::WebPage);
        assert_eq!(of("application/json", b"{\"issuer\":\"htt").unwrap_err(), Unreadable::HalfADocument);
        assert_eq!(of("application/json", b" ").unwrap_err(), Unreadable::Empty);
        assert_eq!(of("text/plain", b"Not found").unwrap_err(), Unreadable::NotJson);
        let gzip = answer(200, &[("content-encoding", "gzip")], b"\x1f\x8b\x08");
        assert!(matches!(read(&gzip), Err(Unreadable::Compressed(_))));
        let deep = "[".repeat(100_000);
        assert!(of("application/json", deep.as_bytes()).is_err());
    }
}
