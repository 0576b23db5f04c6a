//! Judging what a provider says about itself. Nothing here sends a request.

use url::Url;

use super::checks::{
    ATTEMPTS, DEVICE_GRANT, DPOP, END_SESSION, ENDPOINTS, GRANTS, ID_TOKEN_ALGORITHMS, ISS, ISSUER, PAR,
    PKCE, PUBLIC_CLIENTS, REVOCATION,
};
use super::finding::{Finding, quoted};
use super::metadata::{Endpoint, List, Metadata};

/// All judgements on `metadata`, which was found at `issuer`.
pub(super) fn judge(metadata: &Metadata, issuer: &str) -> Vec<Finding> {
    vec![
        same_issuer(metadata, issuer),
        endpoints(metadata),
        grants(metadata),
        public_clients(metadata),
        pkce(metadata),
        iss(metadata),
        pushed_requests(metadata),
        dpop(metadata),
        attempts(metadata),
        id_token_algorithms(metadata),
        revocation(metadata),
        end_session(metadata),
        device_grant(metadata),
    ]
}

fn same_issuer(metadata: &Metadata, expected: &str) -> Finding {
    let users =
        "No app accepts the provider, so no user can sign in: the two must be the same to the letter.";
    match metadata.text("issuer") {
        Ok(Some(issuer)) if issuer == expected => ISSUER
            .pass("The metadata names the same issuer.", "Nobody can pass off another provider as this one."),
        Ok(Some(issuer)) => ISSUER
            .fail(format!("The metadata names {} instead of {}.", quoted(issuer), quoted(expected)), users),
        Ok(None) => ISSUER.fail("The metadata names no issuer.", users),
        Err(why) => ISSUER.fail(format!("The issuer in the metadata is unusable: {why}."), users),
    }
}

fn endpoints(metadata: &Metadata) -> Finding {
    let mut broken = Vec::new();
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        match metadata.endpoint(name) {
            Endpoint::Good(_) => {}
            Endpoint::Absent => broken.push(format!("{name} is missing")),
            Endpoint::Odd(why) => broken.push(format!("{name}: {why}")),
        }
    }
    if !broken.is_empty() {
        return ENDPOINTS.fail(sentence(&broken), "No user can sign in.");
    }
    let odd: Vec<String> = OPTIONAL_ENDPOINTS
        .iter()
        .filter_map(|name| match metadata.endpoint(name) {
            Endpoint::Odd(why) => Some(format!("{name}: {why}")),
            Endpoint::Good(_) | Endpoint::Absent => None,
        })
        .collect();
    if odd.is_empty() {
        return ENDPOINTS
            .pass("Authorization, token and key endpoints are absolute https URLs.", "Apps can reach them.");
    }
    ENDPOINTS.warning(
        sentence(&odd),
        "A strict app rejects the whole metadata, and its users can't sign in. Leave out what is not offered.",
    )
}

const OPTIONAL_ENDPOINTS: [&str; 7] = [
    "userinfo_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
    "registration_endpoint",
];

fn grants(metadata: &Metadata) -> Finding {
    if let List::Of(types) = metadata.list("response_types_supported")
        && !types.iter().any(|kind| kind == "code")
    {
        return GRANTS.fail("The response type `code` is not offered.", "No user can sign in with PKCE.");
    }
    let types = match metadata.list("grant_types_supported") {
        List::Of(types) => types,
        List::Absent => {
            return GRANTS.warning(
                "grant_types_supported is missing, which means that there is no refresh token.",
                "A careful app does not expect one, and its users sign in again each time the access token expires.",
            );
        }
        List::Odd => {
            return GRANTS.warning(
                "grant_types_supported is not a list of strings.",
                "A strict app rejects the metadata, and its users can't sign in.",
            );
        }
    };
    let has = |name: &str| types.iter().any(|kind| kind == name);
    if !has("authorization_code") {
        return GRANTS
            .fail("The grant `authorization_code` is not offered.", "No user can sign in with PKCE.");
    }
    if !has("refresh_token") {
        return GRANTS.fail(
            "The grant `refresh_token` is not offered.",
            "Users sign in again each time the access token expires.",
        );
    }
    if has("password") {
        return GRANTS.warning(
            "Code and refresh token are offered, and so is the password grant.",
            "Users get used to typing their password into apps, and a second factor is not asked for.",
        );
    }
    GRANTS.pass("Code and refresh token are offered.", "Users stay signed in.")
}

fn public_clients(metadata: &Metadata) -> Finding {
    match metadata.list("token_endpoint_auth_methods_supported") {
        List::Of(methods) if methods.iter().any(|method| method == "none") => PUBLIC_CLIENTS.pass(
            "Clients without a secret are offered (`none`).",
            "No app ships a secret that anybody can extract.",
        ),
        List::Of(_) => PUBLIC_CLIENTS.warning(
            "token_endpoint_auth_methods_supported does not list `none`.",
            "An app with a secret inside protects nobody: whoever unpacks the app has the secret.",
        ),
        List::Absent => PUBLIC_CLIENTS.warning(
            "token_endpoint_auth_methods_supported is missing, which means `client_secret_basic`.",
            "An app with a secret inside protects nobody: whoever unpacks the app has the secret.",
        ),
        List::Odd => PUBLIC_CLIENTS.warning(
            "token_endpoint_auth_methods_supported is not a list of strings.",
            "A strict app rejects the metadata, and its users can't sign in.",
        ),
    }
}

fn pkce(metadata: &Metadata) -> Finding {
    match metadata.list("code_challenge_methods_supported") {
        List::Of(methods) if methods.iter().any(|method| method == "S256") => {
            if methods.iter().any(|method| method == "plain") {
                return PKCE.warning(
                    "S256 is offered, and so is `plain`.",
                    "An app that chooses `plain` sends the verifier through the browser, in the open.",
                );
            }
            PKCE.pass("S256 is offered.", "A code that another app intercepts is of no use.")
        }
        List::Of(_) => PKCE.fail(
            "S256 is not offered.",
            "Another app on the phone that intercepts the code signs in as the user.",
        ),
        List::Absent => PKCE.warning(
            "code_challenge_methods_supported is missing.",
            "An app can't know that S256 protects the code; some refuse to sign in.",
        ),
        List::Odd => PKCE.warning(
            "code_challenge_methods_supported is not a list of strings.",
            "An app can't know that S256 protects the code; some refuse to sign in.",
        ),
    }
}

fn iss(metadata: &Metadata) -> Finding {
    const NAME: &str = "authorization_response_iss_parameter_supported";
    let users = "In an app with two providers, one of them can get the other's codes (mix-up attack).";
    if metadata.flag(NAME) {
        return ISS.pass(
            "Each authorization response says who sent it.",
            "A code never goes to another provider (mix-up attack).",
        );
    }
    match metadata.odd_flag(NAME) {
        Some(kind) => ISS.warning(format!("{NAME} is {kind} instead of true."), users),
        None => ISS.warning("Not offered.", users),
    }
}

fn pushed_requests(metadata: &Metadata) -> Finding {
    match metadata.endpoint("pushed_authorization_request_endpoint") {
        Endpoint::Good(_) if metadata.flag("require_pushed_authorization_requests") => {
            PAR.pass("Required.", "Nobody can change the request on its way through the browser.")
        }
        Endpoint::Good(_) => {
            PAR.pass("Offered (PAR).", "Nobody can change the request on its way through the browser.")
        }
        Endpoint::Odd(why) => PAR.warning(
            format!("The endpoint is unusable: {why}."),
            "Requests go through the browser in the open.",
        ),
        Endpoint::Absent => PAR.note(
            "Not offered (PAR).",
            "Requests go through the browser in the open: another app may read or change them.",
        ),
    }
}

fn dpop(metadata: &Metadata) -> Finding {
    const NAME: &str = "dpop_signing_alg_values_supported";
    match metadata.list(NAME) {
        List::Of(algorithms) if algorithms.iter().any(|name| name == "ES256") => DPOP.pass(
            "Offered with ES256, which phones' key stores have.",
            "A stolen token is of no use without the phone's key.",
        ),
        List::Of(_) => DPOP.warning(
            "Offered, but not with ES256, the algorithm that phones' key stores have.",
            "Keys can't be kept in the phone's hardware; whoever copies an app's data can use its tokens.",
        ),
        List::Odd => DPOP.warning(format!("{NAME} is not a list of strings."), BEARER),
        List::Absent => DPOP.warning("Not offered: tokens are bearer tokens.", BEARER),
    }
}

const BEARER: &str = "Whoever steals a user's token can use it.";

fn attempts(metadata: &Metadata) -> Finding {
    const NAME: &str = "refresh_attempt_supported";
    if metadata.flag(NAME) {
        return ATTEMPTS.pass(
            "Offered: a refresh that is sent again with the same attempt is answered again.",
            "A lost answer signs nobody out, and no grace period lets a thief in.",
        );
    }
    match metadata.odd_flag(NAME) {
        Some(kind) => ATTEMPTS.warning(format!("{NAME} is {kind} instead of true."), "Apps do not use it."),
        None => ATTEMPTS.note(
            "Not offered (an extension).",
            "What a lost answer costs depends on the provider: see `lost answer` in a check with --client-id.",
        ),
    }
}

fn id_token_algorithms(metadata: &Metadata) -> Finding {
    const NAME: &str = "id_token_signing_alg_values_supported";
    let algorithms = match metadata.list(NAME) {
        List::Of(algorithms) => algorithms,
        List::Absent => {
            return ID_TOKEN_ALGORITHMS.warning(
                format!("{NAME} is missing."),
                "A strict app rejects the metadata, and its users can't sign in.",
            );
        }
        List::Odd => {
            return ID_TOKEN_ALGORITHMS.warning(
                format!("{NAME} is not a list of strings."),
                "A strict app rejects the metadata, and its users can't sign in.",
            );
        }
    };
    let usable: Vec<&str> =
        algorithms.iter().map(String::as_str).filter(|name| PUBLIC_KEY.contains(name)).collect();
    if usable.is_empty() {
        return ID_TOKEN_ALGORITHMS.fail(
            "No algorithm with a public key is offered for ID tokens.",
            "An app without a secret can't verify who signed in.",
        );
    }
    if algorithms.iter().any(|name| name == "none") {
        return ID_TOKEN_ALGORITHMS.warning(
            format!("{} are offered, and so is `none`.", usable.join(", ")),
            "An app that accepts what is offered accepts an ID token that anybody wrote.",
        );
    }
    ID_TOKEN_ALGORITHMS.pass(format!("{}.", usable.join(", ")), "Apps verify who signed in.")
}

const PUBLIC_KEY: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

fn revocation(metadata: &Metadata) -> Finding {
    let users = "After a sign-out, a copy of the refresh token goes on working until it expires.";
    match metadata.endpoint("revocation_endpoint") {
        Endpoint::Good(_) => REVOCATION.pass("Offered.", "A sign-out ends the session at the provider, too."),
        Endpoint::Odd(why) => REVOCATION.warning(format!("The endpoint is unusable: {why}."), users),
        Endpoint::Absent => REVOCATION.warning("Not offered.", users),
    }
}

fn end_session(metadata: &Metadata) -> Finding {
    let users =
        "After a sign-out, the browser is still signed in: the next person on this phone needs no password.";
    match metadata.endpoint("end_session_endpoint") {
        Endpoint::Good(_) => {
            END_SESSION.pass("Offered.", "An app can sign the user out of the browser, too.")
        }
        Endpoint::Odd(why) => END_SESSION.warning(format!("The endpoint is unusable: {why}."), users),
        Endpoint::Absent => END_SESSION.warning("Not offered.", users),
    }
}

fn device_grant(metadata: &Metadata) -> Finding {
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
    let listed = metadata.lists("grant_types_supported", GRANT);
    match (metadata.endpoint("device_authorization_endpoint"), listed) {
        (Endpoint::Good(_), true) => {
            DEVICE_GRANT.pass("Offered.", "Users can sign in on a TV with their phone.")
        }
        (Endpoint::Good(_), false) => DEVICE_GRANT.warning(
            "There is an endpoint, but grant_types_supported does not list the grant.",
            "A careful app on a TV does not offer a sign-in.",
        ),
        (Endpoint::Odd(why), _) => {
            DEVICE_GRANT.warning(format!("The endpoint is unusable: {why}."), "No user can sign in on a TV.")
        }
        (Endpoint::Absent, true) => DEVICE_GRANT.warning(
            "grant_types_supported lists the grant, but there is no endpoint.",
            "An app on a TV offers a sign-in that can't work.",
        ),
        (Endpoint::Absent, false) => DEVICE_GRANT
            .note("Not offered.", "Users can't sign in on a device without a keyboard, such as a TV."),
    }
}

fn sentence(parts: &[String]) -> String {
    format!("{}.", parts.join("; "))
}

/// Whether tokens are asked for with DPoP proofs.
pub(super) fn uses_dpop(metadata: &Metadata) -> bool {
    metadata.lists("dpop_signing_alg_values_supported", "ES256")
}

/// Whether refreshes carry attempts.
pub(super) fn knows_attempts(metadata: &Metadata) -> bool {
    metadata.flag("refresh_attempt_supported")
}

/// The pushed request's endpoint, if there is one, and whether all requests must be pushed.
pub(super) fn pushed(metadata: &Metadata) -> (Option<Url>, bool) {
    (
        metadata.good("pushed_authorization_request_endpoint"),
        metadata.flag("require_pushed_authorization_requests"),
    )
}

#[cfg(test)]
mod tests;
