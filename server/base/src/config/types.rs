//! The small types that settings are made of: each parses from one string and is valid from then on.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};
use zeroize::Zeroizing;

/// A span of time, written as a number and a unit: `"60s"`, `"15m"`, `"12h"`, `"30d"`; `"0s"` is nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    /// A span of this many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// The span in whole seconds, as OAuth's `expires_in` wants it.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }

    /// The span in milliseconds, the unit of every time in the store.
    pub const fn as_millis(self) -> i64 {
        self.0 * 1000
    }

    /// The span as the standard library's type, for timers.
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0.unsigned_abs())
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not a span of time: write a number and a unit, such as \"60s\", \"15m\", \"12h\" or \"30d\""
            )
        };
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(unit_at);
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        // Ten years is more than any of these settings can sensibly be, and keeps later sums far from overflow.
        match number.checked_mul(factor) {
            Some(seconds) if seconds <= 3660 * 86_400 => Ok(Self(seconds)),
            _ => Err(format!("{text:?} is more than ten years")),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0s"),
            s if s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            s if s % 3600 == 0 => write!(f, "{}h", s / 3600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Reads an address and a port, and says what that is when it gets something else.
pub(super) fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    struct Listen;

    impl de::Visitor<'_> for Listen {
        type Value = SocketAddr;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an IP address and a port in quotes, such as \"0.0.0.0:8443\" or \"[::]:8443\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<SocketAddr, E> {
            text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_str(Listen)
}

/// Where the server's data is: the path of a SQLite file, or a `postgres://` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of the embedded database; created if it does not exist.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// A `postgres://` URL. It may hold a password: it prints as `postgres://…`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Zeroizing<String>);

impl Database {
    /// The file; `None` on Postgres.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl PostgresUrl {
    /// The URL with its password, to connect with.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://…")
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => write!(f, "{url:?}"),
        }
    }
}

/// A path alone: text is parsed, since it may be a URL.
impl From<PathBuf> for Database {
    fn from(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }
}

impl FromStr for Database {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(PostgresUrl(Zeroizing::new(text.to_owned()))));
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err("must be the path of a SQLite file, or a postgres:// URL".to_owned());
        }
        Ok(Self::Sqlite(path.into()))
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The issuer identifier (OpenID Connect Discovery §2): an `https` URL with no query and no fragment, kept as
/// the very string that clients compare. Plain `http` parses only for a loopback host; whether it is
/// *allowed* is decided where the server is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(Url, String);

impl Issuer {
    /// The identifier as it is written in tokens and metadata, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.1
    }

    /// The issuer as a URL, for joining and for its parts.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The issuer with `path` (which starts with a slash) appended.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.1)
    }

    /// Whether the browser reaches this server by TLS, so that cookies may be `Secure` and `__Host-`.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The scheme, host and port, as a browser writes them in `Origin`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl FromStr for Issuer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("{text:?} is not a URL: {error}"))?;
        let loopback = is_loopback(url.host());
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => {
                return Err(format!(
                    "{text:?} must start with https:// (http:// is only for a loopback address)"
                ));
            }
            other => return Err(format!("{text:?} must be an https:// URL, not {other}:")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{text:?} must have no query and no fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an issuer must have no user name and no password in it".to_owned());
        }
        // Routes are mounted at the root of the host, so an issuer with a path would publish addresses that
        // nothing answers.
        if url.path() != "/" {
            return Err(format!("{text:?} must have no path"));
        }
        let written = text.trim_end_matches('/').to_owned();
        Ok(Self(url, written))
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Addresses of one network: `"10.0.0.0/8"`, or one address, `"10.0.0.1"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the address is one of them. An IPv4 address that is written as an IPv6 one counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        one.or_else(|_| text.parse()).map(Self).map_err(|_| {
            format!("{text:?} is not an address such as \"10.0.0.1\", nor a network such as \"10.0.0.0/8\"")
        })
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Whether a URL's host can only be this very machine.
pub fn is_loopback(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// The key that every secret in the database is sealed with: 256 bits, never printed, wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A master key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key itself, for deriving and sealing.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for MasterKey {
    type Err = String;

    /// Parses base64 (either alphabet, with or without padding). The message never repeats the input.
    fn from_str(text: &str) -> Result<Self, String> {
        use base64::Engine as _;
        use base64::alphabet;
        use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

        const ANY: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let text = text.trim();
        let decoded = GeneralPurpose::new(&alphabet::STANDARD, ANY)
            .decode(text)
            .or_else(|_| GeneralPurpose::new(&alphabet::URL_SAFE, ANY).decode(text))
            .map(Zeroizing::new)
            .map_err(|_| "the master key must be base64".to_owned())?;
        let bytes: [u8; 32] = decoded
            .as_slice()
            .try_into()
            .map_err(|_| format!("the master key must be 32 bytes, and is {}", decoded.len()))?;
        Ok(Self::new(bytes))
    }
}

/// The master keys: the current one, which seals, and those before it, which only open.
#[derive(Clone, Debug)]
pub struct MasterKeys {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

impl MasterKeys {
    /// The key that seals.
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Every key, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(current: MasterKey) -> Self {
        Self { current, previous: Vec::new() }
    }
}

impl FromStr for MasterKeys {
    type Err = String;

    /// Parses one key a line. The message never repeats the input.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.split_whitespace().map(str::parse);
        let current = lines.next().unwrap_or_else(|| "".parse())?;
        let previous: Vec<MasterKey> = lines.collect::<Result<_, _>>()?;
        let keys = Self { current, previous };
        let mut seen: Vec<&[u8; 32]> = keys.all().map(MasterKey::expose).collect();
        seen.sort_unstable();
        if seen.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("the same master key is there twice".to_owned());
        }
        Ok(keys)
    }
}

impl<'de> Deserialize<'de> for MasterKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Zeroizing::new(String::deserialize(deserializer)?).parse().map_err(de::Error::custom)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!("90s".parse(), Ok(Span::seconds(90)));
        assert_eq!("15m".parse(), Ok(Span::seconds(900)));
        assert_eq!("0s".parse(), Ok(Span::seconds(0)));
        assert_eq!("30d".parse::<Span>().unwrap().to_string(), "30d");
        for wrong in ["", "15", "m", "-3s", "1.5h", "15 m", "1w", "99999999999999999999s", "4000d"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_issuer_is_https_or_loopback_and_has_no_query_path_or_password() {
        assert_eq!("https://id.example.com/".parse::<Issuer>().unwrap().as_str(), "https://id.example.com");
        assert_eq!("http://127.0.0.1:8443".parse::<Issuer>().unwrap().as_str(), "http://127.0.0.1:8443");
        for wrong in [
            "http://id.example.com",
            "id.example.com",
            "ftp://localhost",
            "https://id.example.com?x=1",
            "https://id.example.com#x",
            "https://id.example.com/tenant",
            "https://me:secret@id.example.com",
        ] {
            let message = wrong.parse::<Issuer>().unwrap_err();
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn a_network_is_one_address_or_a_prefix() {
        let has = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(has("10.0.0.1", "10.0.0.1") && !has("10.0.0.1", "10.0.0.2"));
        assert!(has("10.0.0.0/8", "10.200.0.2") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("10.0.0.0/8", "::ffff:10.0.0.2") && has("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(has("2001:db8::/32", "2001:db8:1::1") && !has("2001:db8::/32", "10.0.0.1"));
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80", "[::1]", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_master_key_is_32_bytes_of_base64_and_never_prints() {
        let key: MasterKey = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n".parse().unwrap();
        assert_eq!(key.expose(), &[1; 32]);
        assert_eq!(format!("{key:?}"), "[redacted]");
        let message = "c2VjcmV0".parse::<MasterKey>().unwrap_err();
        assert!(!message.contains("c2Vj"), "{message}");
    }

    #[test]
    fn several_master_keys_are_lines_and_the_first_is_the_current_one() {
        let one = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        let two = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
        let keys: MasterKeys = format!("{two}\n{one}\n\n").parse().unwrap();
        let all: Vec<_> = keys.all().map(|key| key.expose()[0]).collect();
        assert_eq!((keys.current().expose(), all), (&[2; 32], vec![2, 1]));
        assert_eq!(format!("{keys:?}"), "MasterKeys { current: [redacted], previous: [[redacted]] }");
        for wrong in ["", "\n", &format!("{one}\nc2VjcmV0"), &format!("{one}\n{two}\n{one}")] {
            let message = wrong.parse::<MasterKeys>().unwrap_err();
            assert!(!message.contains("AQEB") && !message.contains("c2Vj"), "{message}");
        }
    }
}
