//! Entity tags and the conditions on them (RFC 9110 §8.8.3, §13).

use http::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};

use crate::web::Problem;

/// The tag of a version of a note.
pub(super) fn of(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value")
}

/// What a request says in `If-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// There must be one, whichever.
    Any,
    /// It must be one of these.
    Tags(Vec<String>),
}

impl Expected {
    /// Reads `If-Match`.
    ///
    /// # Errors
    /// 400 when it is malformed.
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        condition(headers, IF_MATCH)
    }

    /// Whether this version is what is expected. The comparison is strong: a weak tag never matches.
    pub(super) fn accepts(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.contains(&format!("\"{version}\"")),
        }
    }
}

/// Whether `If-None-Match` says that the client has this version already (weak comparison).
///
/// # Errors
/// 400 when it is malformed.
pub(super) fn is_known(headers: &HeaderMap, version: i64) -> Result<bool, Problem> {
    Ok(match condition(headers, IF_NONE_MATCH)? {
        None => false,
        Some(Expected::Any) => true,
        Some(Expected::Tags(tags)) => {
            let current = format!("\"{version}\"");
            tags.iter().any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == current)
        }
    })
}

fn condition(headers: &HeaderMap, name: HeaderName) -> Result<Option<Expected>, Problem> {
    let malformed = || {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-condition", "A precondition is malformed")
            .detail(format!("{name} must be * or entity tags in quotes, with commas between."))
    };
    let mut tags = Vec::new();
    let mut any = false;
    for value in headers.get_all(&name) {
        for tag in value.to_str().map_err(|_| malformed())?.split(',').map(str::trim) {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            if tag == "*" {
                any = true;
            } else if opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"') {
                tags.push(tag.to_owned());
            } else {
                return Err(malformed());
            }
        }
    }
    match (any, tags.is_empty()) {
        (false, true) => Ok(None),
        (false, false) => Ok(Some(Expected::Tags(tags))),
        (true, true) => Ok(Some(Expected::Any)),
        (true, false) => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_condition_is_a_star_or_tags() {
        let read = |value| Expected::read(&headers(IF_MATCH, value)).map_err(|_| ());
        assert_eq!(read("*"), Ok(Some(Expected::Any)));
        assert!(read("\"1\", \"2\"").unwrap().unwrap().accepts(2));
        assert!(!read("W/\"2\"").unwrap().unwrap().accepts(2));
        assert_eq!(Expected::read(&HeaderMap::new()).map_err(|_| ()), Ok(None));
        for wrong in ["2", "\"", "", "*, \"1\"", "W/2"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_weak_tag_is_good_enough_to_save_a_download() {
        assert!(is_known(&headers(IF_NONE_MATCH, "W/\"7\""), 7).unwrap());
        assert!(is_known(&headers(IF_NONE_MATCH, "*"), 7).unwrap());
        assert!(!is_known(&headers(IF_NONE_MATCH, "\"6\""), 7).unwrap());
    }
}
