//! The URL of a Redis or Valkey server.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, de};
use url::Url;
use zeroize::Zeroizing;

const PORT: u16 = 6379;

/// A `redis://`, `rediss://` or `redis+unix://` URL, read. It prints without its user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    address: RedisAddress,
    username: Option<String>,
    password: Option<Zeroizing<String>>,
    database: u16,
    roots: Option<PathBuf>,
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisAddress {
    /// A host and port.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether TLS is spoken: `rediss://`.
        tls: bool,
    },
    /// A socket on this machine.
    Unix(PathBuf),
}

impl RedisUrl {
    /// Where the server is.
    #[must_use]
    pub const fn address(&self) -> &RedisAddress {
        &self.address
    }

    /// The user name, if one is needed.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// The password, to log in with.
    #[must_use]
    pub fn expose_password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.as_str())
    }

    /// The number of the database.
    #[must_use]
    pub const fn database(&self) -> u16 {
        self.database
    }

    /// A file of roots (PEM) to trust instead of the system's.
    #[must_use]
    pub fn roots(&self) -> Option<&Path> {
        self.roots.as_deref()
    }

    /// Whether what is sent can be read in a network.
    #[must_use]
    pub fn is_in_the_clear(&self) -> bool {
        match &self.address {
            RedisAddress::Tcp { tls: true, .. } => false,
            RedisAddress::Tcp { host, .. } => {
                host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            RedisAddress::Unix(_) => false,
        }
    }
}

impl FromStr for RedisUrl {
    type Err = String;

    /// The message never repeats the text: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        let (address, database) = match url.scheme() {
            "redis" => tcp(&url, false)?,
            "rediss" => tcp(&url, true)?,
            "redis+unix" => unix(&url)?,
            _ => return Err("must be a redis://, rediss:// or redis+unix:// URL".to_owned()),
        };
        if url.fragment().is_some() {
            return Err("must have no fragment".to_owned());
        }
        let mut this = Self {
            address,
            username: Some(decoded(url.username())?).filter(|name| !name.is_empty()),
            password: url.password().map(decoded).transpose()?.map(Zeroizing::new),
            database: number(database.unwrap_or_default())?,
            roots: None,
        };
        for (name, value) in url.query_pairs() {
            match (&*name, &this.address) {
                ("sslrootcert", RedisAddress::Tcp { tls: true, .. }) => this.roots = Some((&*value).into()),
                ("db", RedisAddress::Unix(_)) => this.database = number(&value)?,
                // A URL without a host has no room for a login.
                ("user", RedisAddress::Unix(_)) => this.username = Some(value.into_owned()),
                ("pass", RedisAddress::Unix(_)) => this.password = Some(Zeroizing::new(value.into_owned())),
                _ => return Err(format!("has a parameter {name:?} that is not known here")),
            }
        }
        if this.username.is_some() && this.password.is_none() {
            return Err("has a user name and no password".to_owned());
        }
        Ok(this)
    }
}

/// The address, and the path without its slash.
fn tcp(url: &Url, tls: bool) -> Result<(RedisAddress, Option<&str>), String> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("has no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let path = url.path().strip_prefix('/').filter(|path| !path.is_empty());
    Ok((RedisAddress::Tcp { host, port: url.port().unwrap_or(PORT), tls }, path))
}

fn unix(url: &Url) -> Result<(RedisAddress, Option<&str>), String> {
    if url.host_str().is_some_and(|host| !host.is_empty()) || url.path().len() < 2 {
        return Err("must be redis+unix:///PATH".to_owned());
    }
    Ok((RedisAddress::Unix(decoded(url.path())?.into()), None))
}

fn number(text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| "must end with the number of a database, such as /0, or with nothing".to_owned())
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| "is not UTF-8 once its percent signs are decoded".to_owned())
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            RedisAddress::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                write!(f, "{scheme}://{open}{host}{close}:{port}/{}", self.database)
            }
            RedisAddress::Unix(path) => write!(f, "redis+unix://{}?db={}", path.display(), self.database),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Zeroizing::new(String::deserialize(deserializer)?).parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> RedisUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_url_has_a_host_a_port_a_login_and_a_database() {
        let read = url("rediss://moorline:p%40ss%2F@cache.example.com:6380/3?sslrootcert=/etc/ca.pem");
        let host = "cache.example.com".to_owned();
        assert_eq!(read.address(), &RedisAddress::Tcp { host, port: 6380, tls: true });
        assert_eq!((read.username(), read.expose_password()), (Some("moorline"), Some("p@ss/")));
        assert_eq!((read.database(), read.roots()), (3, Some(Path::new("/etc/ca.pem"))));
        let short = url("redis://:the-password@localhost");
        assert_eq!((short.username(), short.expose_password()), (None, Some("the-password")));
        assert_eq!(short.to_string(), "redis://localhost:6379/0");
        assert_eq!(url("redis://[::1]:7/").to_string(), "redis://[::1]:7/0");
        let socket = url("redis+unix:///run/redis/redis.sock?db=2&pass=the-password");
        assert_eq!(socket.address(), &RedisAddress::Unix("/run/redis/redis.sock".into()));
        assert_eq!((socket.database(), socket.expose_password()), (2, Some("the-password")));
    }

    #[test]
    fn neither_a_url_nor_what_is_wrong_with_one_prints_its_password() {
        let read = url("redis://m:the-password@localhost");
        assert!(!format!("{read} {read:?}").contains("the-password"));
        for wrong in [
            "",
            "localhost:6379",
            "http://:the-password@localhost",
            "redis://",
            "redis://m@localhost",
            "redis://:the-password@localhost/one",
            "redis://:the-password@localhost/-1",
            "redis://:the-password@localhost/99999",
            "redis://:the-password@localhost:port",
            "redis://:the-password@localhost#0",
            "redis://:the-password@localhost?db=1",
            "redis://:the-password@localhost?sslrootcert=/ca.pem",
            "redis://:%ff@localhost",
            "redis+unix://",
            "redis+unix://host/socket",
        ] {
            let text = wrong.parse::<RedisUrl>().expect_err(wrong);
            assert!(!text.contains("the-password"), "{text}");
        }
    }

    #[test]
    fn only_tls_and_this_machine_are_not_in_the_clear() {
        for (text, in_the_clear) in [
            ("redis://cache.example.com", true),
            ("redis://10.0.0.1", true),
            ("redis://[2001:db8::1]", true),
            ("rediss://cache.example.com", false),
            ("redis://localhost", false),
            ("redis://127.0.0.1", false),
            ("redis://[::1]", false),
            ("redis+unix:///run/redis.sock", false),
        ] {
            assert_eq!(url(text).is_in_the_clear(), in_the_clear, "{text}");
        }
    }
}
