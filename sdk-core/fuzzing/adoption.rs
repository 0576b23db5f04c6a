//! What another library has stored.

use serde_json::{Value, json};

use crate::{AdoptOptions, Configuration, sign_in::AuthState};

/// AppAuth's serialised `AuthState`.
///
/// What is read is what the document says, is written and read again as the same, and is only offered to its own issuer
/// and client. No error quotes the token.
pub fn auth_state(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(state) = AuthState::read(&text) else { return };
    let document: Value = serde_json::from_str(&text).expect("it was read");
    let token = state.refresh_token.expose().to_owned();
    assert!(!token.is_empty());
    let said = [&document["refreshToken"], &document["mLastTokenResponse"]["refresh_token"]];
    assert!(said.iter().any(|said| said.as_str() == Some(&token)));
    let written = json!({
        "refreshToken": token,
        "scope": state.scope.as_ref().map(|scope| scope.join(" ")).filter(|scope| !scope.is_empty()),
        "lastRegistrationResponse": { "client_id": state.client_id },
        "config": { "discoveryDoc": { "issuer": state.issuer }, "tokenEndpoint": state.token_endpoint },
    });
    let mut again = AuthState::read(&written.to_string()).expect("it was read before");
    // Of a scope without words, nothing is left.
    again.scope = again.scope.or_else(|| state.scope.clone().filter(Vec::is_empty));
    assert_eq!(again, state);
    let configuration =
        Configuration::builder("https://id.example.com", "notes").build().expect("it is sound");
    let names = |name: &Option<String>, ours: &str| {
        name.as_deref().is_none_or(|name| name.trim_end_matches('/') == ours)
    };
    match again.offer(&configuration, AdoptOptions::default()) {
        Ok(offer) => {
            assert!(
                names(&state.issuer, "https://id.example.com")
                    && state.client_id.is_none_or(|id| id == "notes")
            );
            assert_eq!(offer.token_endpoint, state.token_endpoint.filter(|_| state.issuer.is_none()));
        }
        Err(error) => {
            assert_eq!(error.refusal(), Some("auth_state_mismatch"));
            assert!(
                !names(&state.issuer, "https://id.example.com")
                    || state.client_id.is_some_and(|id| id != "notes")
            );
        }
    }
}
