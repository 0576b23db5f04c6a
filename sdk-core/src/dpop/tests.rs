//! Proofs, and what is sent with them.

use serde_json::Value;

use super::*;
use crate::vault::Secret;

/// RFC 7638 has an example for RSA only; this is the key of RFC 9449 §4.1's example proof, with the `jkt` of its §6.1.
#[test]
fn the_thumbprint_of_the_rfcs_key_is_the_rfcs() {
    let members = r#"{"crv":"P-256","kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
    let jwk: Value = serde_json::from_str(members).unwrap();
    let x = jwk["x"].as_str().unwrap();
    let y = jwk["y"].as_str().unwrap();
    assert_eq!(key::thumbprint_of(x, y), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn a_key_comes_back_from_the_vault_as_it_was() {
    let key = ProofKey::generate();
    let json = serde_json::to_string(&key).unwrap();
    let kept: ProofKey = serde_json::from_str(&json).unwrap();
    assert_eq!((kept.thumbprint(), &kept), (key.thumbprint(), &key));
    assert_ne!(ProofKey::generate(), key);
    let stored = Secret::from(key.clone());
    assert!(!format!("{key:?}").contains(stored.expose()));
    for nonsense in ["\"\"", "\"AAAA\"", "7", "null"] {
        assert!(serde_json::from_str::<ProofKey>(nonsense).is_err(), "{nonsense}");
    }
}
