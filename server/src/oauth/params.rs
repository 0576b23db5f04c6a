//! The parameters of a request (`application/x-www-form-urlencoded`), read strictly.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use zeroize::Zeroizing;

/// More than any request of ours has.
const MOST: usize = 64;

/// The parameters by name. A name that is repeated is an error (RFC 6749 §3.1); an empty value is one that was left
/// out. Values are wiped when dropped, since they may be secrets; they never print.
#[derive(Default)]
pub(super) struct Params(Vec<(String, Zeroizing<String>)>);

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Parameters that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParamsError {
    #[error("The content type must be application/x-www-form-urlencoded.")]
    ContentType,
    #[error("The parameters are malformed.")]
    Malformed,
    #[error("A parameter is repeated.")]
    Repeated,
}

impl ParamsError {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::ContentType => "The content type must be application/x-www-form-urlencoded.",
            Self::Malformed => "The parameters are malformed.",
            Self::Repeated => "A parameter is repeated.",
        }
    }
}

impl Params {
    /// Reads the body of a form.
    pub(super) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Self, ParamsError> {
        is_form(headers)?;
        Self::parse(body)
    }

    /// Reads a query or a form.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ParamsError> {
        let mut found = Self::default();
        for (name, value) in pairs(text) {
            found.add(decode(name)?, decode(value)?)?;
        }
        Ok(found)
    }

    fn add(&mut self, name: String, value: String) -> Result<(), ParamsError> {
        let value = Zeroizing::new(value);
        if self.raw(&name).is_some() {
            return Err(ParamsError::Repeated);
        }
        if self.0.len() == MOST {
            return Err(ParamsError::Malformed);
        }
        self.0.push((name, value));
        Ok(())
    }

    /// The value of a parameter; `None` when it is absent or empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// The value of a parameter as it was sent, even if it is empty.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The parameters that mean something at an endpoint; a parameter that is not recognized is ignored (RFC 6749 §3.1),
/// whatever it holds. One that is repeated or malformed is no value, and can be reported to the client by name.
#[derive(Debug, Default)]
pub(super) struct KnownParams {
    params: Params,
    faults: Vec<(&'static str, ParamsError)>,
}

impl KnownParams {
    pub(super) fn read(text: &[u8], known: &[&'static str]) -> Self {
        let mut found = Self::default();
        for (name, value) in pairs(text) {
            let name = decode(name).ok().and_then(|name| known.iter().find(|known| **known == name));
            let Some(name) = name else { continue };
            let added = decode(value).and_then(|value| found.params.add((*name).to_owned(), value));
            if let Err(fault) = added {
                found.faults.push((name, fault));
            }
        }
        found
    }

    /// The first fault among the parameters that `is_meant` names.
    pub(super) fn fault(&self, is_meant: impl Fn(&str) -> bool) -> Option<(&'static str, ParamsError)> {
        self.faults.iter().find(|(name, _)| is_meant(name)).copied()
    }

    /// The value of a parameter; `None` when it is absent, empty, repeated or malformed.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.params.value(name).filter(|_| self.fault(|other| other == name).is_none())
    }
}

fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
    })
}

/// Whether a body says that it is a form.
pub(super) fn is_form(headers: &HeaderMap) -> Result<(), ParamsError> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (types.next(), types.next()) else { return Err(ParamsError::ContentType) };
    let kind = kind.to_str().map_err(|_| ParamsError::ContentType)?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_form = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if is_form { Ok(()) } else { Err(ParamsError::ContentType) }
}

/// Decodes strictly, unlike a browser: a stray `%`, a control character and bytes that are not UTF-8 are malformed.
pub(super) fn decode(text: &[u8]) -> Result<String, ParamsError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (&[high, low], after) = rest.split_first_chunk::<2>().ok_or(ParamsError::Malformed)?;
                rest = after;
                hex(high)? << 4 | hex(low)?
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| ParamsError::Malformed)?;
    if text.chars().any(char::is_control) { Err(ParamsError::Malformed) } else { Ok(text) }
}

fn hex(digit: u8) -> Result<u8, ParamsError> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(ParamsError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let params = Params::parse(b"a=1+2%203&b=%C3%A4&c=&d").unwrap();
        assert_eq!(params.value("a"), Some("1 2 3"));
        assert_eq!(params.value("b"), Some("ä"));
        assert_eq!((params.value("c"), params.value("d"), params.value("e")), (None, None, None));
    }

    #[test]
    fn a_repeated_parameter_is_refused_even_if_it_says_the_same() {
        assert_eq!(Params::parse(b"a=1&a=1").unwrap_err(), ParamsError::Repeated);
        assert_eq!(Params::parse(b"a=1&%61=2").unwrap_err(), ParamsError::Repeated);
        assert_eq!(Params::parse(b"a=1&a=").unwrap_err(), ParamsError::Repeated);
    }

    #[test]
    fn a_parameter_that_is_not_recognized_is_ignored_however_often_it_comes() {
        let params = KnownParams::read(b"foo=1&a=1&foo=2&bar&b=&f%6fo=3&foo=%&%=4", &["a", "b"]);
        assert_eq!((params.value("a"), params.value("b"), params.value("foo")), (Some("1"), None, None));
        assert_eq!(params.fault(|_| true), None);
    }

    #[test]
    fn a_repeated_or_malformed_parameter_has_no_value_and_a_fault_with_its_name() {
        let params = KnownParams::read(b"a=1&a=1&b=%00&c=3&c=&d=4", &["a", "b", "c", "d"]);
        for (name, fault) in
            [("a", ParamsError::Repeated), ("b", ParamsError::Malformed), ("c", ParamsError::Repeated)]
        {
            assert_eq!(params.value(name), None, "{name}");
            assert_eq!(params.fault(|other| other == name), Some((name, fault)));
        }
        assert_eq!(params.value("d"), Some("4"));
        assert_eq!(params.fault(|other| other == "d"), None);
    }

    #[test]
    fn malformed_encodings_are_refused() {
        for text in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%ff", b"a=\xff", b"a=%00", b"a=b%0Ac", b"%0d=1"] {
            assert_eq!(Params::parse(text).unwrap_err(), ParamsError::Malformed);
        }
        let many = (0..=MOST).map(|n| format!("a{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Params::parse(many.as_bytes()).unwrap_err(), ParamsError::Malformed);
    }

    #[test]
    fn a_form_says_that_it_is_one() {
        let headers = |value: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        assert!(Params::form(&headers("application/x-www-form-urlencoded; charset=UTF-8"), b"a=1").is_ok());
        assert_eq!(Params::form(&headers("application/json"), b"{}").unwrap_err(), ParamsError::ContentType);
        assert_eq!(Params::form(&HeaderMap::new(), b"a=1").unwrap_err(), ParamsError::ContentType);
    }
}
