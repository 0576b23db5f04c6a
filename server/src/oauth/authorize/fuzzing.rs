//! Authorization requests.

use std::collections::HashSet;

use http::HeaderValue;
use url::Url;
use url::form_urlencoded::Serializer;

use super::answer::AnswerError;
use super::validate::{self, Arrival};
use crate::oauth::clients::{Client, ConsentRule};
use crate::oauth::params::KnownParams;
use crate::oauth::requests::AuthorizationRequest;
use crate::oauth::{pkce, redirect};
use crate::tokens::Settings;
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::{Config, MasterKey};
use moorline_server_base::policy::Scope;
use moorline_server_keys::Algorithm;

const REDIRECT_URIS: [&str; 3] =
    ["com.example.notes:/signed-in", "http://127.0.0.1/callback", "https://app.example/cb?tenant=1"];
const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// The query of an authorization request.
///
/// Every answer goes to a redirect URI of the client's, without a fragment; an accepted request has a PKCE challenge
/// and no scope but the client's, and is accepted again as it was.
pub fn authorize(input: &[u8]) {
    let params = KnownParams::read(input, &validate::PARAMETERS);
    let (client, settings) = (client(), settings());
    match validate::request(&settings, arrival(), &client, &params) {
        Ok(request) => accepted(&request, &client, &params),
        Err(AnswerError::Redirect(location)) => {
            let presented = params.value("redirect_uri").expect("there is somewhere to go");
            assert!(redirect_is_registered(presented));
            assert!(location.starts_with(presented) && HeaderValue::from_str(&location).is_ok());
            goes_to(&location, presented, &["error", "error_description", "iss"]);
        }
        Err(AnswerError::Malformed(_)) => assert_eq!(params.value("redirect_uri"), None),
        Err(AnswerError::UnknownRedirect) => {
            assert!(!params.value("redirect_uri").is_some_and(redirect_is_registered));
        }
        Err(error) => panic!("{error:?} for a client that is known"),
    }
}

fn accepted(request: &AuthorizationRequest, client: &Client, params: &KnownParams) {
    assert!(redirect_is_registered(&request.redirect_uri));
    assert!(pkce::is_challenge(&request.code_challenge));
    assert!(!request.scope.is_empty() && request.scope.is_within(&client.scopes));
    assert_eq!(params.value("response_type"), Some("code"));
    assert_eq!(params.value("code_challenge_method"), Some("S256"));
    assert_eq!(request.state.as_deref(), params.value("state"));
    assert_eq!(request.dpop_jkt.as_deref(), params.value("dpop_jkt"));
    assert!(request.expires_at > NOW);
    let answer = redirect::with_answer(&request.redirect_uri, &[("code", "c+/&"), ("state", "s#=")]);
    goes_to(&answer, &request.redirect_uri, &["code", "state"]);

    let mut query = Serializer::new(String::new());
    query.append_pair("response_type", "code").append_pair("code_challenge_method", "S256");
    query.append_pair("redirect_uri", &request.redirect_uri);
    query.append_pair("scope", &request.scope.to_string());
    query.append_pair("code_challenge", &request.code_challenge);
    for (name, value) in
        [("state", &request.state), ("nonce", &request.nonce), ("dpop_jkt", &request.dpop_jkt)]
    {
        query.append_pair(name, value.as_deref().unwrap_or_default());
    }
    let params = KnownParams::read(query.finish().as_bytes(), &validate::PARAMETERS);
    let again = validate::request(&settings(), arrival(), client, &params).expect("it was good before");
    assert_eq!((&again.scope, &again.state, &again.nonce), (&request.scope, &request.state, &request.nonce));
}

/// An answer comes to the very place that was registered, with its parameters once.
fn goes_to(location: &str, redirect_uri: &str, names: &[&str]) {
    let (location, place) = (Url::parse(location), Url::parse(redirect_uri));
    let (Ok(location), Ok(place)) = (location, place) else { panic!("an answer goes to an address") };
    assert!(location.fragment().is_none());
    assert_eq!(
        (location.scheme(), location.host(), location.path()),
        (place.scheme(), place.host(), place.path())
    );
    let mut seen = HashSet::new();
    assert!(location.query_pairs().all(|(name, _)| seen.insert(name.into_owned())));
    assert!(names.iter().all(|name| seen.contains(*name)));
}

fn redirect_is_registered(presented: &str) -> bool {
    REDIRECT_URIS.iter().any(|registered| redirect::matches(registered, presented))
}

fn arrival() -> Arrival {
    Arrival { id: "r".repeat(22), at: NOW }
}

fn settings() -> Settings {
    let issuer = "https://id.example.com".parse().expect("it is a good issuer");
    Settings::new(&Config::new(issuer, std::path::PathBuf::from("moorline.db"), MasterKey::new([7; 32])))
}

fn client() -> Client {
    Client {
        id: "notes".to_owned(),
        name: "Notes".to_owned(),
        secret: None,
        redirect_uris: REDIRECT_URIS.map(str::to_owned).to_vec(),
        scopes: Scope::parse("openid offline_access notes.read").expect("it is a good scope"),
        origins: Vec::new(),
        consent: ConsentRule::Ask,
        dpop_bound_access_tokens: false,
        access_token_alg: Algorithm::default(),
        created_at: NOW,
    }
}
