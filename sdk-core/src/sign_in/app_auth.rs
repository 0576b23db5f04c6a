//! The serialised `AuthState` of AppAuth (<https://appauth.io>), so that an app that leaves it asks nobody to sign in
//! again. AppAuth for Android writes this JSON; the Swift library writes the same from AppAuth's archive on iOS.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{adopt::Offer, options::AdoptOptions};
use crate::{configuration::Configuration, error::Error, json, secret::Secret, wiped::WipedObject};

/// What an `AuthState` says, as far as an adoption needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AuthState {
    pub(crate) refresh_token: Secret,
    pub(crate) scope: Option<Vec<String>>,
    pub(crate) client_id: Option<String>,
    /// The `issuer` of the discovery document.
    pub(crate) issuer: Option<String>,
    pub(crate) token_endpoint: Option<String>,
}

impl AuthState {
    /// Reads the JSON of AppAuth's `jsonSerializeString()`.
    ///
    /// # Errors
    /// [`Error::Refused`] with `invalid_auth_state` if it is none, or has no refresh token.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let state = (text.len() <= LONGEST).then(|| json::strict_object(text.as_bytes())).flatten();
        let state = state.ok_or_else(|| invalid("the text is no JSON object as AppAuth writes it"))?;
        // It has tokens.
        let state = WipedObject::deserialize(Value::Object(state))
            .map_err(|_| invalid("the text is no JSON object"))?;
        Self::of(&state)
    }

    fn of(state: &Map<String, Value>) -> Result<Self, Error> {
        let state = |name: &str| state.get(name).unwrap_or(&Value::Null);
        // The request of the latest response is that of the token in use.
        let requests =
            ["mLastTokenResponse", "lastAuthorizationResponse"].map(|response| &state(response)["request"]);
        let configurations = requests.map(|request| &request["configuration"]);
        let in_configurations = |name: &[&str]| {
            configurations
                .into_iter()
                .chain([state("config")])
                .find_map(|configuration| text(name.iter().fold(configuration, |value, name| &value[*name])))
        };
        let refresh_token =
            text(state("refreshToken")).or_else(|| text(&state("mLastTokenResponse")["refresh_token"]));
        let refresh_token = refresh_token.ok_or_else(|| {
            invalid("the AuthState has no refresh token (was the scope offline_access requested?)")
        })?;
        let scopes = [state("scope"), &state("mLastTokenResponse")["scope"], &requests[1]["scope"]];
        let scope = scopes.into_iter().find_map(text);
        let client_id = requests.into_iter().find_map(|request| text(&request["clientId"]));
        Ok(Self {
            refresh_token: Secret::new(refresh_token.to_owned()),
            scope: scope.map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect()),
            client_id: client_id
                .or_else(|| text(&state("lastRegistrationResponse")["client_id"]))
                .map(str::to_owned),
            issuer: in_configurations(&["discoveryDoc", "issuer"]).map(str::to_owned),
            token_endpoint: in_configurations(&["tokenEndpoint"]).map(str::to_owned),
        })
    }

    /// The offer to adopt it, if it is of this configuration's issuer and client: a token is only ever sent to the
    /// issuer that it came from.
    ///
    /// # Errors
    /// [`Error::Refused`] with `auth_state_mismatch` if it is of others.
    pub(crate) fn offer(
        self,
        configuration: &Configuration,
        mut options: AdoptOptions,
    ) -> Result<Offer, Error> {
        let same_issuer = |issuer: &str| without_slash(issuer) == without_slash(configuration.issuer());
        if let Some(issuer) = self.issuer.as_deref().filter(|issuer| !same_issuer(issuer)) {
            return Err(mismatch("issuer", issuer, configuration.issuer()));
        }
        if let Some(client_id) = self.client_id.filter(|client_id| client_id != configuration.client_id()) {
            return Err(mismatch("client", &client_id, configuration.client_id()));
        }
        options.scopes = options.scopes.or(self.scope);
        let token_endpoint = if self.issuer.is_none() { self.token_endpoint } else { None };
        Ok(Offer { refresh_token: self.refresh_token, options, token_endpoint })
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// AppAuth has it as a URL, which may have lost or won its last slash.
fn without_slash(issuer: &str) -> &str {
    issuer.strip_suffix('/').unwrap_or(issuer)
}

fn invalid(why: &str) -> Error {
    Error::refused("invalid_auth_state", why)
}

fn mismatch(what: &str, theirs: &str, ours: &str) -> Error {
    let theirs = crate::secret::redact(theirs, &[]);
    Error::refused(
        "auth_state_mismatch",
        format!(
            "the AuthState is of the {what} {theirs:?}, and the configuration names {ours:?}; nothing was sent"
        ),
    )
}

/// AppAuth's own is some kilobytes, with the provider's whole metadata.
const LONGEST: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As AppAuth for Android 0.11.1 writes it after a refresh.
    const REAL: &str = include_str!("app_auth/auth_state.json");

    fn configuration() -> Configuration {
        Configuration::builder("https://id.example.com", "notes").build().unwrap()
    }

    fn code_of(state: &Value) -> String {
        let offer = AuthState::read(&state.to_string())
            .and_then(|read| read.offer(&configuration(), AdoptOptions::default()));
        offer.unwrap_err().refusal().unwrap().to_owned()
    }

    #[test]
    fn the_state_of_app_auth_for_android_is_read() {
        let read = AuthState::read(REAL).unwrap();
        assert_eq!(
            read,
            AuthState {
                refresh_token: Secret::new("rt-2".into()),
                scope: Some(vec!["openid".into(), "offline_access".into()]),
                client_id: Some("notes".into()),
                issuer: Some("https://id.example.com".into()),
                token_endpoint: Some("https://id.example.com/oauth/token".into()),
            }
        );
        let offer = read.offer(&configuration(), AdoptOptions::default()).unwrap();
        assert_eq!((offer.refresh_token.expose(), offer.token_endpoint), ("rt-2", None));
        assert_eq!(offer.options.scopes.unwrap(), ["openid", "offline_access"]);
    }

    #[test]
    fn what_is_missing_says_nothing_and_the_token_endpoint_counts_without_an_issuer() {
        let least = AuthState::read(r#"{"refreshToken":"rt"}"#).unwrap();
        assert_eq!((&least.client_id, &least.issuer, &least.scope), (&None, &None, &None));
        let state = json!({
            "mLastTokenResponse": {
                "refresh_token": "rt",
                "request": { "clientId": "notes", "configuration": { "tokenEndpoint": "https://id.example.com/t" } },
            },
        });
        let read = AuthState::read(&state.to_string()).unwrap();
        let offer = read.offer(&configuration(), AdoptOptions::default()).unwrap();
        assert_eq!(offer.token_endpoint.as_deref(), Some("https://id.example.com/t"));
    }

    #[test]
    fn a_state_of_another_issuer_or_client_is_refused() {
        let of = |issuer: &str, client_id: &str| {
            json!({
                "refreshToken": "rt",
                "lastAuthorizationResponse": {
                    "request": { "clientId": client_id, "configuration": { "discoveryDoc": { "issuer": issuer } } },
                },
            })
        };
        for state in [of("https://evil.example", "notes"), of("https://id.example.com", "another")] {
            assert_eq!(code_of(&state), "auth_state_mismatch");
        }
        let slash = AuthState::read(&of("https://id.example.com/", "notes").to_string()).unwrap();
        slash.offer(&configuration(), AdoptOptions::default()).unwrap();
    }

    #[test]
    fn a_state_without_a_refresh_token_and_text_that_is_no_state_are_refused() {
        for state in
            [json!({}), json!({ "refreshToken": "" }), json!({ "refreshToken": 7 }), json!([]), json!(null)]
        {
            assert_eq!(code_of(&state), "invalid_auth_state", "{state}");
        }
        for text in
            ["", "rt-1", "{", r#"{"refreshToken":"a","refreshToken":"b"}"#, "<map/>", &" ".repeat(2 << 20)]
        {
            let error = AuthState::read(text).unwrap_err();
            assert_eq!(error.refusal(), Some("invalid_auth_state"));
            assert!(!error.to_string().contains("rt-1"));
        }
    }

    #[test]
    fn scopes_of_the_app_take_the_place_of_those_of_the_state() {
        let read = AuthState::read(r#"{"refreshToken":"rt","scope":"openid"}"#).unwrap();
        let options = AdoptOptions { scopes: Some(vec!["notes".into()]), ..AdoptOptions::default() };
        assert_eq!(read.offer(&configuration(), options).unwrap().options.scopes.unwrap(), ["notes"]);
    }
}
