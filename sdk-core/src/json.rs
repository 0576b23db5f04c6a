//! JSON as providers send it, and as JWS demands it.
//!
//! What a provider sends is read tolerantly: what a document says clearly is not lost for what surrounds it, or for a
//! member that nobody needs. [`mend`] has the list.
//!
//! Where a document decides something, no name may come twice, at any depth. RFC 7515 §4 and RFC 7519 §4 let a reader
//! take the last of two members of one name, or refuse. Two readers that take different ones can be played against
//! each other, so we refuse.

mod mend;

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroize as _;

use crate::wiped::WipedObject;
use mend::mend;

/// A document of a provider. Of two members of one name, the last counts; of two documents, the first.
pub(crate) fn read<T: DeserializeOwned>(document: &[u8]) -> Option<T> {
    Text::of(document).read(|_| true)
}

/// What `take` finds in an object that follows something else, such as a warning of the server's, which may have braces
/// of its own. What is inside of another object, whole or cut, is not looked at.
pub(crate) fn find<T>(text: &[u8], take: impl Fn(&Map<String, Value>) -> Option<T>) -> Option<T> {
    let text = Text::of(text);
    let mut rest = &*text.0;
    for _ in 0..MOST_BRACES {
        rest = &rest[rest.find('{')?..];
        let whole = mend(rest);
        let object =
            whole.as_ref().and_then(|(object, _)| serde_json::from_slice::<WipedObject>(object).ok());
        if let Some(found) = object.and_then(|object| take(&object)) {
            return Some(found);
        }
        let inside = &rest[1..];
        rest = match whole {
            _ if !inside.trim_ascii_start().starts_with('"') => inside,
            Some((_, behind)) => behind,
            None => return None,
        };
    }
    None
}

/// The object in a document of a provider, or `None` if it is none, repeats a name, or another document follows.
pub(crate) fn read_unambiguous(document: &[u8]) -> Option<Map<String, Value>> {
    Text::of(document).read::<Strict>(|rest| !rest.contains('{')).and_then(Strict::into_object)
}

/// Whether a whole JSON object has arrived.
pub(crate) fn is_whole(document: &[u8]) -> bool {
    mend(&Text::of(document).0).is_some_and(|(mended, _)| mended.starts_with(b"{"))
}

/// The object in a part of a JWS, or `None` if it is none, repeats a name, or is not plain UTF-8.
pub(crate) fn strict_object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice::<Strict>(text).ok().and_then(Strict::into_object)
}

/// The text of a document. A copy may hold tokens.
struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// A byte order mark is skipped (RFC 8259 §8.1) or says that it is UTF-16, and what is no text is replaced: mostly
    /// it is in a text for people.
    fn of(document: &'a [u8]) -> Self {
        let utf_16 = |unit: fn([u8; 2]) -> u16, text: &[u8]| {
            let units = text.as_chunks::<2>().0.iter().map(|two| unit(*two));
            let decoded = char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER));
            // Room for all of it: growing would leave copies behind.
            let mut text = String::with_capacity(text.len() * 2);
            text.extend(decoded);
            Cow::Owned(text)
        };
        Self(match document {
            [0xef, 0xbb, 0xbf, text @ ..] => String::from_utf8_lossy(text),
            [0xff, 0xfe, text @ ..] => utf_16(u16::from_le_bytes, text),
            [0xfe, 0xff, text @ ..] => utf_16(u16::from_be_bytes, text),
            text => String::from_utf8_lossy(text),
        })
    }

    /// The document, if what follows it may follow.
    fn read<T: DeserializeOwned>(&self, may_follow: fn(&str) -> bool) -> Option<T> {
        if let Ok(read) = serde_json::from_str(&self.0) {
            return Some(read);
        }
        let (document, rest) = mend(&self.0)?;
        if may_follow(rest) { serde_json::from_slice(&document).ok() } else { None }
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

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

/// At so many braces, a document may begin.
const MOST_BRACES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    fn what_is_almost_json_says_what_it_says() {
        let deep = format!(r#"{{"a":"b","x":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        let deeper =
            format!(r#"{{"x":[1,{}"{{\"]"{},],"a":"b"}}"#, "{\"y\":".repeat(5000), ",}".repeat(5000));
        for text in [
            r#"{"a":"b","x":"\ud800"}"#,
            r#"{"a":"b","x":"\udc00\ud83d\ude00\ud83d"}"#,
            r#"{"a":"b","x":"\ud800\u0041\u12"}"#,
            r#"{"a":"b","\ud800":1}"#,
            r#"{"a":"b","x":"it\'s \é"}"#,
            "{\"a\":\"b\",\"x\":\"one\n\ttwo\0\"}",
            r#"{"a":"b","x":1e999}"#,
            r#"{"x":-1e999,"a":"b"}"#,
            r#"{"a":"b","x":Infinity}"#,
            r#"{"a":"b","x":[NaN,-Infinity,+1,.5,0x10,undefined,True]}"#,
            r#"{"a":"b",}"#,
            r#"{"x":[1,],"a":"b" , }"#,
            "{\"a\":\"b\"}\0",
            "\0\0{\"a\":\0\"b\"}",
            r#"{"a":"b"}<!-- served by x -->"#,
            r#"{"a":"b"};"#,
            r#"{"a":"b"}}"#,
            r#"{"a":"b"}{"a":"c"}"#,
            &deep,
            &deeper,
        ] {
            let first: Option<Map<String, Value>> = read(text.as_bytes());
            assert_eq!(first.unwrap_or_else(|| panic!("{text}"))["a"], "b", "{text}");
            assert_eq!(read_unambiguous(text.as_bytes()).is_some(), !text.contains("}{"), "{text}");
            assert!(is_whole(text.as_bytes()));
            assert_eq!(strict_object(text.as_bytes()), None, "a JWS is JSON: {text}");
        }
        let escaped: Map<String, Value> =
            read("{\"a\":\"\n\u{1}\",\"b\":\"\\ud83d\\ude00\\q\"}".as_bytes()).unwrap();
        assert_eq!((&escaped["a"], &escaped["b"]), (&"\n\u{1}".into(), &"😀\u{fffd}q".into()));
    }

    #[test]
    fn utf_16_is_read_where_its_mark_says_so() {
        let text = r#"{"a":"é😀"}"#;
        let little: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        for document in [little, big] {
            assert_eq!(read_unambiguous(&document).unwrap()["a"], "é😀");
        }
        assert_eq!(read_unambiguous(b"\xff\xfe{"), None);
    }

    #[test]
    fn what_is_no_whole_document_is_none() {
        let deep = "{\"a\":".repeat(100_000);
        for text in [
            "",
            "{",
            "}",
            "]",
            ",",
            ":",
            "{{}}",
            "[{}",
            "\"",
            "\"\\",
            "{\"a",
            "{\"a\\u12",
            "{\"a\":",
            "{\"a\":\"b\"",
            "{\"a\":\"b\",",
            "{a:1}",
            "{'a':1}",
            "{\"a\" \"b\"}",
            "{,\"a\":1}",
            "<html>{}</html>",
            "é{}",
            "x{}",
            "[{}]",
            "null",
            &deep,
        ] {
            assert_eq!(read_unambiguous(text.as_bytes()), None, "{text}");
            assert_eq!(read::<Map<String, Value>>(text.as_bytes()), None, "{text}");
        }
        for cut in ["", "{\"a\":\"}", "{\"a\":{}", "{\"a\":\"\\", "<html>", &deep] {
            assert!(!is_whole(cut.as_bytes()), "{cut}");
        }
    }

    #[test]
    fn an_object_is_found_behind_a_text_with_braces_of_its_own_and_never_inside_of_another() {
        let found = |text: &str| find(text.as_bytes(), |object| object.get("a").cloned());
        let object = r#"{"a":"b"}"#;
        for before in [
            "",
            "<b>Warning</b>: {main} in x.php\n",
            "{main}{closure}{{x}}",
            "Undefined {$x in y\n",
            "unexpected '{' in y\n",
            "{ in y\n",
            "function() {}",
            r#"{"notice":1}"#,
            r#"{"notice"}"#,
            "\u{feff}é {é} ",
            "{}{}{}{}{}{}{}",
        ] {
            assert_eq!(found(&format!("{before}{object}")), Some("b".into()), "{before}");
            assert_eq!(found(&format!("{before}{object} {{\"a\":\"c\"}}")), Some("b".into()), "{before}");
            assert_eq!(found(&format!("{before}{{\"x\":{object}}}")), None, "{before}");
            assert_eq!(found(&format!("{before}{{ \"x\":{object},")), None, "it is cut: {before}");
        }
        for nothing in ["", "{", "x", "{}{}{}{}{}{}{}{}{\"a\":\"b\"}", &"{".repeat(100_000)] {
            assert_eq!(found(nothing), None);
        }
    }

    #[test]
    fn a_document_that_decides_something_repeats_no_name() {
        let twice = br#"{"a":1,"a":2}"#;
        assert_eq!(read_unambiguous(twice), None);
        assert_eq!(read::<Map<String, Value>>(twice).unwrap()["a"], 2);
    }
}
