//! A provider's metadata, read member by member: what has another type than it should is odd, never an error.

use serde_json::{Map, Value};
use url::Url;

use super::finding::quoted;
use super::probe;

/// The document that a provider publishes about itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata {
    members: Map<String, Value>,
    allow_http: bool,
}

/// An address in the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    Absent,
    /// Why it can't be used.
    Odd(String),
    Good(Url),
}

/// A list of texts in the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum List {
    Absent,
    /// Not a list of texts.
    Odd,
    Of(Vec<String>),
}

impl Metadata {
    /// `None` if the document is no JSON object.
    pub(super) fn new(value: Value, allow_http: bool) -> Option<Self> {
        match value {
            Value::Object(members) => Some(Self { members, allow_http }),
            _ => None,
        }
    }

    /// A text; `null` counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("it is {} instead of a string", kind(other))),
        }
    }

    pub(super) fn endpoint(&self, name: &str) -> Endpoint {
        let text = match self.text(name) {
            Ok(Some(text)) => text,
            Ok(None) => return Endpoint::Absent,
            Err(why) => return Endpoint::Odd(why),
        };
        match Url::parse(text) {
            _ if text.trim().is_empty() => Endpoint::Odd("it is empty".to_owned()),
            Ok(url) if url.fragment().is_some() => Endpoint::Odd("it has a fragment".to_owned()),
            Ok(url) => match probe::address(&url, self.allow_http) {
                Ok(()) => Endpoint::Good(url),
                Err(why) => Endpoint::Odd(why),
            },
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                Endpoint::Odd(format!("{} is not an absolute URL", quoted(text)))
            }
            Err(error) => Endpoint::Odd(format!("{} is not a URL: {error}", quoted(text))),
        }
    }

    /// The address, if it can be used.
    pub(super) fn good(&self, name: &str) -> Option<Url> {
        match self.endpoint(name) {
            Endpoint::Good(url) => Some(url),
            Endpoint::Absent | Endpoint::Odd(_) => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> List {
        match self.members.get(name) {
            None | Some(Value::Null) => List::Absent,
            Some(Value::Array(items)) => {
                let texts: Option<Vec<String>> =
                    items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                texts.map_or(List::Odd, List::Of)
            }
            Some(_) => List::Odd,
        }
    }

    /// Whether the list is there and has `value`.
    pub(super) fn lists(&self, name: &str, value: &str) -> bool {
        matches!(self.list(name), List::Of(values) if values.iter().any(|other| other == value))
    }

    /// `true`, and nothing that only looks like it.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.members.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// What is there under this name but neither `true` nor `false`.
    pub(super) fn odd_flag(&self, name: &str) -> Option<&'static str> {
        self.members.get(name).filter(|value| !value.is_boolean() && !value.is_null()).map(kind)
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn endpoint(value: Value) -> Endpoint {
        Metadata::new(json!({ "x": value }), false).unwrap().endpoint("x")
    }

    #[test]
    fn an_endpoint_is_a_url_or_odd_or_absent() {
        assert_eq!(endpoint(Value::Null), Endpoint::Absent);
        assert!(matches!(endpoint(json!("https://id.example.com/x?tenant=1")), Endpoint::Good(_)));
        for odd in [
            json!(""),
            json!(" "),
            json!("/token"),
            json!("token"),
            json!("http://id.example.com/token"),
            json!("https://"),
            json!("https://id.example.com/token#x"),
            json!(["https://id.example.com"]),
            json!(1),
            json!({}),
            json!(false),
            json!("javascript:alert(1)"),
            json!("https://[::1"),
        ] {
            assert!(matches!(endpoint(odd.clone()), Endpoint::Odd(_)), "{odd}");
        }
    }

    #[test]
    fn a_list_is_of_texts_or_odd_or_absent() {
        let metadata =
            Metadata::new(json!({ "a": ["S256"], "b": ["S256", 1], "c": "S256", "d": null }), false);
        let metadata = metadata.unwrap();
        assert!(metadata.lists("a", "S256") && !metadata.lists("a", "plain"));
        assert_eq!((metadata.list("b"), metadata.list("c")), (List::Odd, List::Odd));
        assert_eq!((metadata.list("d"), metadata.list("e")), (List::Absent, List::Absent));
    }

    #[test]
    fn only_true_is_true() {
        let metadata = Metadata::new(json!({ "a": true, "b": "true", "c": 1 }), false).unwrap();
        assert!(metadata.flag("a") && !metadata.flag("b") && !metadata.flag("c") && !metadata.flag("d"));
        assert_eq!(metadata.odd_flag("b"), Some("a string"));
        assert!(Metadata::new(json!([]), false).is_none());
    }
}
