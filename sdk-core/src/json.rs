//! JSON as providers send it, and as JWS demands it.
//!
//! What a provider sends is read tolerantly: a byte order mark is skipped (RFC 8259 §8.1), and what is not UTF-8 is
//! replaced. It only ever occurs in texts for people.
//!
//! Where a document decides something, no name may come twice, at any depth. RFC 7515 §4 and RFC 7519 §4 let a reader
//! take the last of two members of one name, or refuse. Two readers that take different ones can be played against
//! each other, so we refuse.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroizing;

/// A document of a provider. Of two members of one name, the last counts.
pub(crate) fn read<T: DeserializeOwned>(document: &[u8]) -> Option<T> {
    let document = document.strip_prefix(BYTE_ORDER_MARK).unwrap_or(document);
    match String::from_utf8_lossy(document) {
        Cow::Borrowed(text) => serde_json::from_str(text).ok(),
        // The copy may hold tokens.
        Cow::Owned(text) => serde_json::from_str(&Zeroizing::new(text)).ok(),
    }
}

/// The object in a document of a provider, or `None` if it is none or repeats a name.
pub(crate) fn read_unambiguous(document: &[u8]) -> Option<Map<String, Value>> {
    read::<Strict>(document).and_then(Strict::into_object)
}

/// The object in a part of a JWS, or `None` if it is none, repeats a name, or is not plain UTF-8.
pub(crate) fn strict_object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice::<Strict>(text).ok().and_then(Strict::into_object)
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

struct Strict(Value);

impl Strict {
    fn into_object(self) -> Option<Map<String, Value>> {
        match self.0 {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom("a name is repeated"));
            }
            let Strict(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_comes_through_as_it_is() {
        let text = br#"{"a":[1,-2,3.5,"x",true,null,{"b":{}}],"c":"\u00e9"}"#;
        assert_eq!(
            Value::Object(strict_object(text).unwrap()),
            serde_json::from_slice::<Value>(text).unwrap()
        );
    }

    #[test]
    fn a_repeated_name_is_refused_at_any_depth_and_however_it_is_escaped() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert_eq!(strict_object(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_without_a_panic() {
        for text in
            ["", "null", "[]", "1", "{", r#"{"a":1}x"#, &"[".repeat(100_000), &"{\"a\":".repeat(100_000)]
        {
            assert_eq!(strict_object(text.as_bytes()), None);
        }
        assert_eq!(strict_object(b"{\"a\":\"\xff\"}"), None);
    }

    #[test]
    fn a_document_of_a_provider_is_read_whatever_surrounds_it() {
        let plain = br#"{"error":"invalid_grant"}"#;
        for text in [
            [BYTE_ORDER_MARK, plain].concat(),
            [plain.as_slice(), b" \r\n\t\n"].concat(),
            [BYTE_ORDER_MARK, b"\n ", plain, b"\n"].concat(),
        ] {
            assert_eq!(read::<Map<String, Value>>(&text), strict_object(plain), "{}", text.escape_ascii());
            assert_eq!(read_unambiguous(&text), strict_object(plain));
        }
        assert_eq!(strict_object(&[BYTE_ORDER_MARK, plain].concat()), None, "a JWS has none");
    }

    #[test]
    fn what_is_not_utf_8_is_replaced_and_costs_nothing_else() {
        let latin_1 = b"{\"error\":\"invalid_grant\",\"error_description\":\"ung\xfcltig\"}";
        let read = read_unambiguous(latin_1).unwrap();
        assert_eq!(
            (&read["error"], &read["error_description"]),
            (&"invalid_grant".into(), &"ung\u{fffd}ltig".into())
        );
        assert_eq!(strict_object(latin_1), None);
        assert_eq!(read_unambiguous(b"{\"a\xfc\":1,\"a\xfd\":2}"), None, "the two names look alike");
    }

    #[test]
    fn a_document_that_decides_something_repeats_no_name() {
        let twice = br#"{"a":1,"a":2}"#;
        assert_eq!(read_unambiguous(twice), None);
        assert_eq!(read::<Map<String, Value>>(twice).unwrap()["a"], 2);
    }
}
