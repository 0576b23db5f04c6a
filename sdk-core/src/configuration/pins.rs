//! SPKI pins: which keys a host's certificate chain must run through, besides being trusted.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::SubjectPublicKeyInfoDer;

use super::error::ConfigurationError;

/// The pins of one host. They come on top of the platform's trust, never in its place. At least one backup and an
/// expiry are needed, so that neither a lost key nor an app that is never updated is locked out for ever.
///
/// A pin is `sha256/` and the base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo. It may be the server's
/// own certificate's, or that of an issuer which the server sends along or the configuration names as an extra root;
/// the chain has to run through it.
#[derive(Debug, Clone)]
pub struct HostPins {
    host: String,
    primary: Vec<String>,
    backup: Vec<String>,
    expires: Option<String>,
}

impl HostPins {
    /// Pins for `host`: a name or an address, without scheme and port. Its subdomains are not meant.
    pub fn new(host: &str) -> Self {
        Self { host: host.to_owned(), primary: Vec::new(), backup: Vec::new(), expires: None }
    }

    /// The pin of a key in use.
    #[must_use]
    pub fn primary(mut self, pin: &str) -> Self {
        self.primary.push(pin.to_owned());
        self
    }

    /// The pin of a key that is kept for the day when the one in use has to go.
    #[must_use]
    pub fn backup(mut self, pin: &str) -> Self {
        self.backup.push(pin.to_owned());
        self
    }

    /// When these pins stop to count: `2027-06-01` (the start of that day, UTC) or `2027-06-01T12:00:00Z`. From then
    /// on, the platform's trust alone decides, and a warning is logged.
    #[must_use]
    pub fn expires(mut self, date: &str) -> Self {
        self.expires = Some(date.to_owned());
        self
    }

    pub(crate) fn check(self) -> Result<PinSet, ConfigurationError> {
        let host = match url::Host::parse(&self.host) {
            Ok(url::Host::Domain(name)) if !name.contains('*') => normalized(&name),
            Ok(url::Host::Ipv4(address)) => address.to_string(),
            Ok(url::Host::Ipv6(address)) => address.to_string(),
            // A bare IPv6 address has no brackets outside of a URL.
            _ => match self.host.parse::<std::net::Ipv6Addr>() {
                Ok(address) => address.to_string(),
                Err(_) => return Err(ConfigurationError::PinHost(self.host)),
            },
        };
        // With a label that is empty it would be the name of no server, and the pins would count for none.
        if host.split('.').any(str::is_empty) {
            return Err(ConfigurationError::PinHost(self.host));
        }
        if self.primary.is_empty() {
            return Err(ConfigurationError::NoPrimaryPin(host));
        }
        if self.backup.is_empty() {
            return Err(ConfigurationError::NoBackupPin(host));
        }
        let mut hashes = Vec::new();
        for pin in self.primary.into_iter().chain(self.backup) {
            let Some(hash) = SpkiHash::parse(&pin) else {
                return Err(ConfigurationError::Pin { host, pin });
            };
            if hashes.contains(&hash) {
                return Err(ConfigurationError::DuplicatePin { host, pin });
            }
            hashes.push(hash);
        }
        let Some(given) = self.expires else { return Err(ConfigurationError::NoPinExpiry(host)) };
        let Some(expires_at) = unix_time(&given) else {
            return Err(ConfigurationError::PinExpiry { host, given });
        };
        Ok(PinSet { host, hashes, expires_at })
    }
}

/// The checked pins of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PinSet {
    host: String,
    hashes: Vec<SpkiHash>,
    pub(crate) expires_at: u64,
}

impl PinSet {
    /// The host, in lower case.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether these pins are for `host`, however it is spelt.
    pub(crate) fn is_for(&self, host: &str) -> bool {
        self.host == normalized(host)
    }

    /// Whether `hash` is one of them.
    pub(crate) fn contains(&self, hash: &SpkiHash) -> bool {
        self.hashes.contains(hash)
    }

    /// Whether they no longer count at `now`, in Unix seconds.
    pub(crate) const fn expired(&self, now: u64) -> bool {
        now >= self.expires_at
    }
}

/// The SHA-256 of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpkiHash([u8; 32]);

impl SpkiHash {
    /// Of this key.
    pub(crate) fn of(spki: &SubjectPublicKeyInfoDer<'_>) -> Self {
        Self(crate::crypto::sha256(spki))
    }

    pub(crate) fn parse(pin: &str) -> Option<Self> {
        let hash = STANDARD.decode(pin.strip_prefix("sha256/")?).ok()?;
        hash.try_into().ok().map(Self)
    }
}

impl fmt::Display for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower case, without the dot that ends a fully qualified name: `ID.example.com.` is the same host.
fn normalized(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Unix seconds of `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ssZ`.
fn unix_time(text: &str) -> Option<u64> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01, with the year taken to begin in March (H. Hinnant, "days_from_civil").
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + day_of_year
        - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Three numbers of exactly these many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_unix_seconds() {
        assert_eq!(unix_time("1970-01-01"), Some(0));
        assert_eq!(unix_time("2000-02-29"), Some(951_782_400));
        assert_eq!(unix_time("2027-06-01"), Some(1_811_808_000));
        assert_eq!(unix_time("2027-06-01T01:02:03Z"), Some(1_811_808_000 + 3_723));
        assert_eq!(unix_time("2100-03-01"), Some(4_107_542_400));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "soon",
            "2027-6-1",
            "2027-13-01",
            "2027-02-29",
            "2027-00-10",
            "2027-06-01T01:02:03",
            "2027-06-01-01",
            "1969-12-31",
            "+027-06-01",
            "2027-06-01T24:00:00Z",
        ] {
            assert_eq!(unix_time(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_is_the_same_in_any_spelling() {
        let pin = |byte: u8| SpkiHash([byte; 32]).to_string();
        let set = HostPins::new("ID.Example.com")
            .primary(&pin(1))
            .backup(&pin(2))
            .expires("2027-06-01")
            .check()
            .unwrap();
        assert!(
            set.is_for("id.example.com") && set.is_for("id.example.com.") && set.is_for("ID.EXAMPLE.COM")
        );
        assert!(!set.is_for("example.com") && !set.is_for("x.id.example.com"));
    }

    #[test]
    fn pins_count_until_the_day_of_their_expiry_begins() {
        let pin = |byte: u8| SpkiHash([byte; 32]).to_string();
        let set = HostPins::new("a.example")
            .primary(&pin(1))
            .backup(&pin(2))
            .expires("2027-06-01")
            .check()
            .unwrap();
        assert!(!set.expired(1_811_807_999));
        assert!(set.expired(1_811_808_000));
    }
}
