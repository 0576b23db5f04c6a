//! Clients and users as an operator writes them: for `client add` and `user add`, `dev --client` and `dev --user`, and
//! in a file of fixtures.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::accounts::Password;
use crate::accounts::users::NewUser;
use crate::oauth::clients::{Client, ConsentRule, SecretHash};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::is_loopback;
use moorline_server_base::policy::{SUPPORTED, Scope};
use moorline_server_keys::Algorithm;

/// A client to be registered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSpec {
    /// Its identifier.
    pub client_id: String,
    /// Its secret; without one it is a public client.
    #[serde(default)]
    pub client_secret: Option<ClientSecret>,
    /// The name on the consent page; by default the identifier.
    #[serde(default)]
    pub name: Option<String>,
    /// Its redirect URIs.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The scopes that it may request; by default all.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Browser origins that may call this server (CORS).
    #[serde(default)]
    pub origins: Vec<String>,
    /// Whether users are asked for their consent.
    #[serde(default)]
    pub consent: Consent,
    /// Whether its token requests need a DPoP proof (RFC 9449 §5.2).
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// What its access tokens are signed with; by default RS256.
    #[serde(default)]
    pub access_token_alg: Algorithm,
}

/// Whether users are asked for their consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consent {
    /// They are.
    #[default]
    Ask,
    /// They are not: an app of the operator of this server.
    Skip,
}

/// A client's secret: never printed, wiped when dropped.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for ClientSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            Err(de::Error::custom("a client secret must not be empty"))
        } else {
            Ok(Self::new(text))
        }
    }
}

impl ClientSpec {
    /// The client, if everything about it is valid.
    ///
    /// # Errors
    /// A message that says what is wrong.
    pub fn client(&self, now: Timestamp) -> Result<Client, String> {
        let about = |message: String| format!("client {:?}: {message}", self.client_id);
        // RFC 6749 appendix A.1, without the space that would have to be quoted everywhere.
        if self.client_id.is_empty() || !self.client_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(about("its id must be visible ASCII characters without spaces".to_owned()));
        }
        if self.redirect_uris.is_empty() {
            return Err(about("it needs at least one redirect URI".to_owned()));
        }
        for uri in &self.redirect_uris {
            check_redirect_uri(uri).map_err(about)?;
        }
        for origin in &self.origins {
            check_origin(origin).map_err(about)?;
        }
        if let Some(unknown) = self.scopes.iter().find(|scope| !SUPPORTED.contains(&scope.as_str())) {
            return Err(about(format!(
                "there is no scope {unknown:?}; the scopes are {}",
                SUPPORTED.join(" ")
            )));
        }
        let scopes = if self.scopes.is_empty() { SUPPORTED.join(" ") } else { self.scopes.join(" ") };
        Ok(Client {
            id: self.client_id.clone(),
            name: self.name.clone().unwrap_or_else(|| self.client_id.clone()),
            secret: self.client_secret.as_ref().map(|secret| SecretHash::of(secret.expose())),
            redirect_uris: self.redirect_uris.clone(),
            scopes: Scope::parse(&scopes).map_err(|error| about(error.to_string()))?,
            origins: self.origins.clone(),
            consent: match self.consent {
                Consent::Ask => ConsentRule::Ask,
                Consent::Skip => ConsentRule::Skip,
            },
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            access_token_alg: self.access_token_alg,
            created_at: now,
        })
    }
}

impl FromStr for ClientSpec {
    type Err = String;

    /// Reads `id=…,secret=…,redirect=…,scope=a b,name=…,origin=…,consent=ask|skip,dpop=offered|required,
    /// access_token_alg=RS256|ES256`; `redirect` and `origin` may repeat.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut spec = Self {
            client_id: String::new(),
            client_secret: None,
            name: None,
            redirect_uris: Vec::new(),
            scopes: Vec::new(),
            origins: Vec::new(),
            consent: Consent::Ask,
            dpop_bound_access_tokens: false,
            access_token_alg: Algorithm::default(),
        };
        for (key, value) in pairs(text)? {
            match key {
                "id" => value.clone_into(&mut spec.client_id),
                "secret" if value.is_empty() => return Err("a client secret must not be empty".to_owned()),
                "secret" => spec.client_secret = Some(ClientSecret::new(value)),
                "name" => spec.name = Some(value.to_owned()),
                "redirect" => spec.redirect_uris.push(value.to_owned()),
                "scope" => spec.scopes.extend(value.split_whitespace().map(str::to_owned)),
                "origin" => spec.origins.push(value.to_owned()),
                "consent" if value == "ask" => spec.consent = Consent::Ask,
                "consent" if value == "skip" => spec.consent = Consent::Skip,
                "consent" => return Err(format!("consent is {value:?}, and must be ask or skip")),
                "dpop" if value == "offered" => spec.dpop_bound_access_tokens = false,
                "dpop" if value == "required" => spec.dpop_bound_access_tokens = true,
                "dpop" => return Err(format!("dpop is {value:?}, and must be offered or required")),
                "access_token_alg" => {
                    spec.access_token_alg =
                        value.parse().map_err(|why| format!("access_token_alg: {why}"))?;
                }
                _ => return Err(unknown(key, KEYS)),
            }
        }
        // Checked at once, so that the command line can report it; only the time and the database come later.
        spec.client(Timestamp::from_millis(0)).map(|_| spec)
    }
}

const KEYS: &str = "id, secret, name, redirect, scope, origin, consent, dpop and access_token_alg";

/// A user to be added.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// What they type to sign in.
    pub username: String,
    /// Their password.
    pub password: Password,
    /// Their name.
    #[serde(default)]
    pub name: Option<String>,
    /// Their address.
    #[serde(default)]
    pub email: Option<String>,
    /// Their roles; by default `user`.
    #[serde(default = "plain")]
    pub roles: Vec<String>,
}

fn plain() -> Vec<String> {
    vec!["user".to_owned()]
}

impl UserSpec {
    /// The account, with the hash of the password.
    pub fn new_user(&self, password_hash: String) -> NewUser {
        NewUser {
            username: self.username.clone(),
            password_hash: Some(password_hash),
            name: self.name.clone(),
            email: self.email.clone(),
            roles: self.roles.clone(),
        }
    }
}

impl FromStr for UserSpec {
    type Err = String;

    /// Reads `username=…,password=…,role=…,name=…,email=…`; `role` may repeat.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut username, mut password, mut name, mut email, mut roles) =
            (None, None, None, None, Vec::new());
        for (key, value) in pairs(text)? {
            match key {
                "username" => username = Some(value.to_owned()),
                "password" => password = Some(Password::new(value)),
                "name" => name = Some(value.to_owned()),
                "email" => email = Some(value.to_owned()),
                "role" => roles.push(value.to_owned()),
                _ => return Err(unknown(key, "username, password, role, name and email")),
            }
        }
        let spec = Self {
            username: username.ok_or("username=… is missing")?,
            password: password.ok_or("password=… is missing")?,
            name,
            email,
            roles: if roles.is_empty() { plain() } else { roles },
        };
        use garde::Validate as _;
        spec.new_user(String::new()).validate().map_err(|report| report.to_string().trim().to_owned())?;
        Ok(spec)
    }
}

/// Clients and users from a file: `{ "clients": […], "users": […] }`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixtures {
    /// Clients.
    #[serde(default)]
    pub clients: Vec<ClientSpec>,
    /// Users.
    #[serde(default)]
    pub users: Vec<UserSpec>,
}

fn pairs(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let split = |pair: &'_ str| pair.find('=').ok_or("write key=value pairs with commas between".to_owned());
    text.split(',').map(|pair| split(pair).map(|at| (pair[..at].trim(), &pair[at + 1..]))).collect()
}

fn unknown(key: &str, known: &str) -> String {
    format!("there is no {key:?} here; the keys are {known}")
}

/// Whether a response may be sent there (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1).
fn check_redirect_uri(uri: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("redirect URI {uri:?} {why}"));
    // A URL parser repairs these in silence; a Location header does not.
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("must be visible ASCII characters without spaces");
    }
    let url = Url::parse(uri).map_err(|error| format!("redirect URI {uri:?}: {error}"))?;
    if url.fragment().is_some() {
        return wrong("must have no fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must have no user name and no password");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url.host()) => Ok(()),
        "http" => wrong("must be https:// (http:// is only for a loopback address)"),
        // RFC 8252 §7.1: an app's scheme is a domain name of its maker in reverse order. That also keeps
        // `javascript:`, `data:` and their like out.
        scheme if scheme.contains('.') => Ok(()),
        _ => wrong(
            "has a scheme without a dot: an app's scheme is a domain name in reverse, such as com.example.notes",
        ),
    }
}

fn check_origin(origin: &str) -> Result<(), String> {
    let url = Url::parse(origin).map_err(|error| format!("origin {origin:?}: {error}"))?;
    let written = url.origin().ascii_serialization();
    let fine =
        written == origin && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url.host())));
    if fine && !matches!(url.host(), Some(Host::Domain(""))) {
        Ok(())
    } else {
        Err(format!(
            "origin {origin:?} must be written as a browser does: https://host, with a port if it is not 443"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_written_in_one_line() {
        let spec: ClientSpec =
            "id=web,secret=s3cret,redirect=https://a.example/cb?x=1,redirect=http://127.0.0.1/cb,scope=openid notes.read"
                .parse()
                .unwrap();
        assert_eq!(spec.client_id, "web");
        assert_eq!(spec.redirect_uris, ["https://a.example/cb?x=1", "http://127.0.0.1/cb"]);
        assert_eq!(spec.scopes, ["openid", "notes.read"]);
        assert!(!format!("{spec:?}").contains("s3cret"));
        assert!(!spec.dpop_bound_access_tokens);
        let strict: ClientSpec = "id=x,redirect=https://a.example/cb,dpop=required".parse().unwrap();
        assert!(strict.client(Timestamp::from_millis(0)).unwrap().dpop_bound_access_tokens);
        assert_eq!(strict.access_token_alg, Algorithm::Rs256);
        let fast: ClientSpec = "id=x,redirect=https://a.example/cb,access_token_alg=ES256".parse().unwrap();
        assert_eq!(fast.client(Timestamp::from_millis(0)).unwrap().access_token_alg, Algorithm::Es256);
    }

    #[test]
    fn fixtures_name_the_algorithm_of_a_clients_access_tokens() {
        let read = |alg: &str| {
            let client = format!(r#"{{ "client_id": "x", "redirect_uris": ["https://a.example/cb"]{alg} }}"#);
            serde_json::from_str::<ClientSpec>(&client)
        };
        assert_eq!(read("").unwrap().access_token_alg, Algorithm::Rs256);
        assert_eq!(read(r#", "access_token_alg": "ES256""#).unwrap().access_token_alg, Algorithm::Es256);
        for wrong in ["HS256", "none", "es256", ""] {
            let refused = read(&format!(r#", "access_token_alg": "{wrong}""#)).unwrap_err().to_string();
            assert!(refused.contains("`RS256` or `ES256`"), "{refused}");
        }
    }

    #[test]
    fn a_redirect_uri_that_leads_astray_is_refused() {
        for wrong in [
            "http://app.example.com/cb",
            "https://app.example.com/cb#x",
            "https://me:secret@app.example.com/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "notes:/cb",
            "/cb",
            "https://app.example.com/c\tb",
            " https://app.example.com/cb",
            "https://äpp.example.com/cb",
        ] {
            assert!(check_redirect_uri(wrong).is_err(), "{wrong}");
        }
        for fine in ["https://app.example.com/cb?x=1", "http://[::1]/cb", "com.example.notes:/signed-in"] {
            assert_eq!(check_redirect_uri(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn an_origin_is_written_as_a_browser_writes_it() {
        assert_eq!(check_origin("https://app.example.com"), Ok(()));
        assert_eq!(check_origin("http://localhost:5173"), Ok(()));
        for wrong in
            ["https://app.example.com/", "https://app.example.com:443", "http://app.example.com", "*", "null"]
        {
            assert!(check_origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mistake_in_a_line_is_named() {
        let client = |text: &str| text.parse::<ClientSpec>().unwrap_err();
        assert!(client("id=x,redirect=https://a.example/cb,color=red").contains("color"));
        assert!(client("id=x,redirect=https://a.example/cb,dpop=yes").contains("required"));
        let wrong = client("id=x,redirect=https://a.example/cb,access_token_alg=HS256");
        assert!(wrong.contains("HS256") && wrong.contains("RS256 or ES256"), "{wrong}");
        assert!(client("id=x").contains("redirect"));
        assert!(client("id=x,redirect=https://a.example/cb,scope=admin").contains("admin"));
        assert!(client("nonsense").contains("key=value"));
        let user = |text: &str| text.parse::<UserSpec>().unwrap_err();
        assert!(user("username=x").contains("password"));
        assert!(user("username=x,password=y,role=root").contains("root"));
    }
}
