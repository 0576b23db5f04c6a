//! PKCE (RFC 7636), S256 only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use moorline_server_base::digest::sha256;

/// Whether this can be the challenge of an S256: base64url of 32 bytes.
pub(super) fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether this can be a verifier: 43 to 128 unreserved characters (RFC 7636 §4.1).
pub(super) fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// Whether the verifier is the one that the challenge was made of, in constant time.
pub(super) fn matches(verifier: &str, challenge: &str) -> bool {
    let made = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
    made.as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_rfcs_verifier_matches_its_challenge() {
        assert!(is_verifier(VERIFIER) && is_challenge(CHALLENGE));
        assert!(matches(VERIFIER, CHALLENGE));
        assert!(!matches(CHALLENGE, CHALLENGE));
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        assert!(!is_verifier(&"a".repeat(42)) && is_verifier(&"a".repeat(43)));
        assert!(is_verifier(&"a".repeat(128)) && !is_verifier(&"a".repeat(129)));
        assert!(!is_verifier(&format!("{}+", "a".repeat(50))));
        assert!(!is_challenge("short") && !is_challenge(&format!("{CHALLENGE}=")));
    }
}
