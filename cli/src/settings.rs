//! A profile's settings: which provider, which client, which keys. Nothing in them is secret.

use moorline::{Configuration, ConfigurationBuilder, HostPins, Moorline};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::failure::Failure;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pins: Vec<Pins>,
    /// The PEM text itself: a file may have gone tomorrow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_pem: Option<String>,
    #[serde(default)]
    pub(crate) allow_http: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) allow_bearer: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) api_origins: Vec<String>,
    #[serde(default)]
    pub(crate) insecure_file_key: bool,
    /// The host of the redirect URI, if it is not 127.0.0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_host: Option<RedirectHost>,
    /// The port of the redirect URI, if it is not any free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_port: Option<u16>,
}

/// The host of the redirect URI (RFC 8252 §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum RedirectHost {
    /// The loopback address.
    #[serde(rename = "127.0.0.1")]
    #[value(name = "127.0.0.1")]
    Address,
    /// Its name, for providers that accept nothing else.
    #[serde(rename = "localhost")]
    #[value(name = "localhost")]
    Localhost,
}

/// A default is not stored, so that the version before can read the file.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_false(said: &bool) -> bool {
    !*said
}

/// The pins of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    pub(crate) host: String,
    pub(crate) primary: Vec<String>,
    pub(crate) backup: Vec<String>,
    pub(crate) expires: String,
}

impl Settings {
    /// The SDK's configuration.
    pub(crate) fn configuration(&self, parameters: &[(String, String)]) -> Result<Configuration, Failure> {
        let mut builder =
            Configuration::builder(&self.issuer, &self.client_id).scopes(self.scopes.iter().cloned());
        builder = builder.resources(&self.resources);
        if self.allow_http {
            builder = builder.allow_http_on_loopback();
        }
        if self.allow_bearer {
            builder = builder.allow_bearer();
        }
        if let Some(pem) = &self.ca_pem {
            builder = builder.extra_root_pem(pem);
        }
        builder = self.pins.iter().map(Pins::to_sdk).fold(builder, ConfigurationBuilder::pins);
        for origin in &self.api_origins {
            builder = builder.api_origin(origin);
        }
        for (name, value) in parameters {
            builder = builder.authorization_parameter(name, value);
        }
        Ok(builder.build()?)
    }

    /// `address`, completed, if the access token may go there.
    pub(crate) fn resolve_for_token(&self, moorline: &Moorline, address: &str) -> Result<Url, Failure> {
        let url = self.resolve(address)?;
        if moorline.configuration().may_receive_tokens(&url) {
            return Ok(url);
        }
        Err(Failure::usage(format!(
            "the access token may not be sent to {url}; if that is right, allow it with `moorline login --api {}`",
            url.origin().ascii_serialization()
        )))
    }

    /// `address` as it is, or completed with the API's origin where it begins with a slash.
    pub(crate) fn resolve(&self, address: &str) -> Result<Url, Failure> {
        let base = self.api_origins.first().unwrap_or(&self.issuer);
        let url = if address.starts_with('/') {
            Url::parse(base).and_then(|base| base.join(address))
        } else {
            Url::parse(address)
        };
        url.map_err(|error| Failure::usage(format!("{address:?} is not an address ({error})")))
    }
}

impl Pins {
    fn to_sdk(&self) -> HostPins {
        let pins = HostPins::new(&self.host).expires(&self.expires);
        let pins = self.primary.iter().fold(pins, |pins, pin| pins.primary(pin));
        self.backup.iter().fold(pins, |pins, pin| pins.backup(pin))
    }

    /// Gathers what the command line says by host. `HOST=` may be left out for the issuer's own.
    pub(crate) fn gather(
        issuer: &str,
        primary: &[String],
        backup: &[String],
        expires: &str,
    ) -> Result<Vec<Self>, Failure> {
        let mut gathered: Vec<Self> = Vec::new();
        let given = primary.iter().map(|pin| (pin, true)).chain(backup.iter().map(|pin| (pin, false)));
        for (text, is_primary) in given {
            let (host, pin) = host_and_pin(issuer, text)?;
            let at = gathered.iter().position(|pins| pins.host == host).unwrap_or_else(|| {
                let pins =
                    Self { host, primary: Vec::new(), backup: Vec::new(), expires: expires.to_owned() };
                gathered.push(pins);
                gathered.len() - 1
            });
            let pins = &mut gathered[at];
            if is_primary { &mut pins.primary } else { &mut pins.backup }.push(pin);
        }
        Ok(gathered)
    }
}

/// Base64 may end in `=`, so it is the `sha256/` that divides.
fn host_and_pin(issuer: &str, text: &str) -> Result<(String, String), Failure> {
    let malformed =
        || Failure::usage(format!("the pin {text:?} is malformed; write it as HOST=sha256/… or sha256/…"));
    let at = text.find("sha256/").ok_or_else(malformed)?;
    let (host, pin) = text.split_at(at);
    let host = match host.strip_suffix('=') {
        Some(host) if !host.is_empty() => normalized(host),
        None if host.is_empty() => Url::parse(issuer)
            .ok()
            .and_then(|issuer| issuer.host_str().map(str::to_owned))
            .ok_or_else(|| Failure::usage(format!("the issuer {issuer:?} is not an address")))?,
        _ => return Err(malformed()),
    };
    Ok((host, pin.to_owned()))
}

/// The name as the SDK compares it, so that one host is not pinned twice. The SDK reports what is no name.
fn normalized(host: &str) -> String {
    match url::Host::parse(host) {
        Ok(url::Host::Domain(name)) => name.strip_suffix('.').unwrap_or(&name).to_owned(),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            issuer: "https://id.example.com/tenant".into(),
            client_id: "notes".into(),
            scopes: vec!["openid".into()],
            pins: Vec::new(),
            ca_pem: None,
            allow_http: false,
            allow_bearer: false,
            resources: Vec::new(),
            api_origins: Vec::new(),
            insecure_file_key: false,
            redirect_host: None,
            redirect_port: None,
        }
    }

    #[test]
    fn pins_are_gathered_by_host() {
        let words = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let pins = Pins::gather(
            "https://id.example.com:8443/x",
            &words(&["sha256/a=", "api.example.com=sha256/b="]),
            &words(&["api.example.com=sha256/c=", "id.example.com=sha256/d="]),
            "2027-06-01",
        )
        .unwrap();
        assert_eq!(pins.len(), 2);
        assert_eq!(
            (pins[0].host.as_str(), &pins[0].primary[..]),
            ("id.example.com", &words(&["sha256/a="])[..])
        );
        assert_eq!(pins[0].backup, words(&["sha256/d="]));
        assert_eq!(
            (pins[1].host.as_str(), &pins[1].backup[..]),
            ("api.example.com", &words(&["sha256/c="])[..])
        );
        let one_host = words(&["LOCALHOST=sha256/a=", "localhost=sha256/b=", "LocalHost.=sha256/c="]);
        let pins = Pins::gather("https://id.example.com", &one_host, &[], "2027-06-01").unwrap();
        assert_eq!((pins.len(), pins[0].host.as_str(), pins[0].primary.len()), (1, "localhost", 3));
        for bad in ["", "x", "=sha256/a=", "hostsha256/a=", "sha1/a="] {
            assert!(
                Pins::gather("https://id.example.com", &[bad.to_owned()], &[], "2027-06-01").is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_address_with_a_slash_is_completed() {
        let resolve = |settings: &Settings, address: &str| settings.resolve(address).unwrap().to_string();
        assert_eq!(resolve(&settings(), "/v1/notes?limit=1"), "https://id.example.com/v1/notes?limit=1");
        let with_api = Settings { api_origins: vec!["https://api.example.com".into()], ..settings() };
        assert_eq!(resolve(&with_api, "/v1/notes"), "https://api.example.com/v1/notes");
        assert_eq!(resolve(&with_api, "https://other.example/x"), "https://other.example/x");
        assert!(settings().resolve("v1/notes").is_err());
    }

    #[test]
    fn settings_come_back_as_they_were_kept() {
        let text = serde_json::to_string(&settings()).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings());
    }
}
