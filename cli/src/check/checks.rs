//! Every check, in the order of the report.

use super::finding::Check;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident: $id:literal, $title:literal, $spec:literal, $needs_client:literal;)*) => {
        $($(#[$doc])* pub(super) static $name: Check =
            Check { id: $id, title: $title, spec: $spec, needs_client: $needs_client };)*

        /// All of them.
        pub(super) static ALL: &[&Check] = &[$(&$name),*];
    };
}

checks! {
    DISCOVERY: "discovery", "discovery", "OIDC Discovery §4, RFC 8414 §3", false;
    ISSUER: "issuer", "issuer", "OIDC Discovery §4.3, RFC 8414 §3.3", false;
    ENDPOINTS: "endpoints", "endpoints", "OIDC Discovery §3, RFC 8414 §2", false;
    TLS: "tls", "TLS", "RFC 9325 §3.1.1", false;
    GRANTS: "grants", "code and refresh", "RFC 8414 §2, RFC 9700 §2.4", false;
    PUBLIC_CLIENTS: "public_clients", "public clients", "RFC 8252 §8.4, RFC 8414 §2", false;
    PKCE: "pkce", "PKCE", "RFC 7636 §4.2, RFC 9700 §2.1.1", false;
    ISS: "iss", "iss", "RFC 9207 §3", false;
    PAR: "par", "pushed requests", "RFC 9126 §5", false;
    DPOP: "dpop", "DPoP", "RFC 9449 §5.1", false;
    ATTEMPTS: "refresh_attempt", "refresh attempts", "RFC 9700 §4.14.2", false;
    JWKS: "jwks", "keys", "RFC 7517 §4, RFC 7518 §3.3", false;
    ID_TOKEN_ALGORITHMS: "id_token_algorithms", "ID token algs", "OIDC Discovery §3, RFC 8725 §3.2", false;
    ERRORS: "errors", "refusals", "RFC 6749 §5.2", false;
    REVOCATION: "revocation", "revocation", "RFC 7009 §2", false;
    END_SESSION: "end_session", "end-session", "OIDC RP-Initiated Logout §2", false;
    DEVICE_GRANT: "device_grant", "device grant", "RFC 8628 §4", false;
    SIGN_IN: "sign_in", "sign-in", "RFC 8252 §7.3", true;
    ISS_RETURNED: "iss_returned", "iss returned", "RFC 9207 §2", true;
    ID_TOKEN: "id_token", "ID token", "OIDC Core §3.1.3.7", true;
    ACCESS_LIFETIME: "access_token_lifetime", "access token", "RFC 6749 §5.1, RFC 9700 §4.10", true;
    REFRESH_TOKEN: "refresh_token", "refresh token", "RFC 6749 §6, RFC 9700 §4.14.2", true;
    BINDING: "dpop_binding", "DPoP binding", "RFC 9449 §5", true;
    NONCES: "dpop_nonces", "DPoP nonces", "RFC 9449 §8", true;
    LOST_ANSWER_ATTEMPT: "lost_answer_with_attempt", "lost, attempt", "RFC 9700 §4.14.2", true;
    LOST_ANSWER: "lost_answer", "lost answer", "RFC 9700 §4.14.2", true;
    RACE_ATTEMPT: "race_with_attempt", "race, attempt", "RFC 9700 §4.14.2", true;
    RACE: "race", "race", "RFC 9700 §4.14.2", true;
    LATE: "late_spent_token", "spent token late", "RFC 9700 §4.14.2", true;
    REVOKED: "revoked_session", "revoked session", "RFC 7009 §2.1", true;
    ENDED: "ended_session", "ended session", "RFC 6749 §5.2", true;
    CODE_TWICE: "code_twice", "code twice", "RFC 6749 §4.1.2", true;
    PAR_USED: "par_used", "pushed sign-in", "RFC 9126 §2.2", true;
    WRONG_VERIFIER: "wrong_verifier", "wrong verifier", "RFC 7636 §4.6", true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_checks_share_a_name_and_each_names_a_section() {
        for (at, check) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.id != check.id && other.title != check.title));
            assert!(check.spec.contains('§'), "{}", check.id);
            assert!(check.title.len() <= 16, "{}", check.title);
        }
    }
}
