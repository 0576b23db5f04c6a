//! Judging what a provider says about itself. Nothing here sends a request.

use moorline::SIGNATURE_ALGORITHMS;
use url::Url;

use super::checks::{
    ATTEMPTS, DEVICE_GRANT, DPOP, END_SESSION, ENDPOINTS, GRANTS, ID_TOKEN_ALGORITHMS, ISS, ISSUER, PAR,
    PKCE, PUBLIC_CLIENTS, REVOCATION,
};
use super::finding::{Check, Finding, quoted};
use super::metadata::{Endpoint, List, Metadata};

/// All judgements on `metadata`, which was found at `issuer`.
pub(super) fn judge(metadata: &Metadata, issuer: &str) -> Vec<Finding> {
    let mut findings = vec![same_issuer(metadata, issuer), endpoints(metadata)];
    findings.extend(MEMBERS.iter().map(|judge| judge(metadata).unwrap_or_else(|unreadable| unreadable)));
    findings
}

/// Judges what the metadata says of one feature. A member that cannot be read ends the judgement with `Err`.
type Judge = fn(&Metadata) -> Result<Finding, Finding>;

const MEMBERS: [Judge; 11] = [
    grants,
    public_clients,
    pkce,
    iss,
    pushed_requests,
    dpop,
    attempts,
    id_token_algorithms,
    revocation,
    end_session,
    device_grant,
];

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
    for name in REQUIRED_ENDPOINTS {
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
        let mut urls = REQUIRED_ENDPOINTS.iter().filter_map(|name| metadata.good(name));
        return if urls.all(|url| url.scheme() == "https") {
            ENDPOINTS.pass(
                "Authorization, token and key endpoints are absolute https URLs.",
                "Apps can reach them.",
            )
        } else {
            ENDPOINTS.pass(
                "Authorization, token and key endpoints are absolute URLs: https, or http to this machine \
                 (--allow-http).",
                "Apps on this machine can reach them; all others need https.",
            )
        };
    }
    ENDPOINTS.warning(
        sentence(&odd),
        "A strict app rejects the whole metadata, and its users can't sign in. Leave out what is not offered.",
    )
}

const REQUIRED_ENDPOINTS: [&str; 3] = ["authorization_endpoint", "token_endpoint", "jwks_uri"];
const OPTIONAL_ENDPOINTS: [&str; 7] = [
    "userinfo_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
    "registration_endpoint",
];

fn grants(metadata: &Metadata) -> Result<Finding, Finding> {
    if let List::Of(types) = metadata.list("response_types_supported")
        && !types.iter().any(|kind| kind == "code")
    {
        return Ok(GRANTS.fail("The response type `code` is not offered.", "No user can sign in with PKCE."));
    }
    let Some(types) = list(&GRANTS, metadata, "grant_types_supported", STRICT)? else {
        return Ok(GRANTS.warning(
            "grant_types_supported is missing, which means that there is no refresh token.",
            "A careful app does not expect one, and its users sign in again each time the access token expires.",
        ));
    };
    let has = |name: &str| types.iter().any(|kind| kind == name);
    if !has("authorization_code") {
        let users = "No user can sign in with PKCE.";
        return Ok(GRANTS.fail("The grant `authorization_code` is not offered.", users));
    }
    if !has("refresh_token") {
        let users = "Users sign in again each time the access token expires.";
        return Ok(GRANTS.fail("The grant `refresh_token` is not offered.", users));
    }
    if has("password") {
        return Ok(GRANTS.warning(
            "Code and refresh token are offered, and so is the password grant.",
            "Users get used to typing their password into apps, and a second factor is not asked for.",
        ));
    }
    Ok(GRANTS.pass("Code and refresh token are offered.", "Users stay signed in."))
}

fn public_clients(metadata: &Metadata) -> Result<Finding, Finding> {
    const NAME: &str = "token_endpoint_auth_methods_supported";
    let users = "An app with a secret inside protects nobody: whoever unpacks the app has the secret.";
    Ok(match list(&PUBLIC_CLIENTS, metadata, NAME, STRICT)? {
        Some(methods) if methods.iter().any(|method| method == "none") => PUBLIC_CLIENTS.pass(
            "Clients without a secret are offered (`none`).",
            "No app ships a secret that anybody can extract.",
        ),
        Some(_) => PUBLIC_CLIENTS.warning(format!("{NAME} does not list `none`."), users),
        None => {
            PUBLIC_CLIENTS.warning(format!("{NAME} is missing, which means `client_secret_basic`."), users)
        }
    })
}

fn pkce(metadata: &Metadata) -> Result<Finding, Finding> {
    const NAME: &str = "code_challenge_methods_supported";
    let users = "An app can't know that S256 protects the code; some refuse to sign in.";
    let Some(methods) = list(&PKCE, metadata, NAME, users)? else {
        return Ok(PKCE.warning(format!("{NAME} is missing."), users));
    };
    let has = |name: &str| methods.iter().any(|method| method == name);
    Ok(match (has("S256"), has("plain")) {
        (true, true) => PKCE.warning(
            "S256 is offered, and so is `plain`.",
            "An app that chooses `plain` sends the verifier through the browser, in the open.",
        ),
        (true, false) => PKCE.pass("S256 is offered.", "A code that another app intercepts is of no use."),
        (false, _) => PKCE.fail(
            "S256 is not offered.",
            "Another app on the phone that intercepts the code signs in as the user.",
        ),
    })
}

fn iss(metadata: &Metadata) -> Result<Finding, Finding> {
    let users = "In an app with two providers, one of them can get the other's codes (mix-up attack).";
    Ok(if flag(&ISS, metadata, "authorization_response_iss_parameter_supported", users)? {
        ISS.pass(
            "Each authorization response says who sent it.",
            "A code never goes to another provider (mix-up attack).",
        )
    } else {
        ISS.warning("Not offered.", users)
    })
}

fn pushed_requests(metadata: &Metadata) -> Result<Finding, Finding> {
    let offered = endpoint(
        &PAR,
        metadata,
        "pushed_authorization_request_endpoint",
        "Requests go through the browser in the open.",
    )?;
    Ok(if offered {
        let required = metadata.flag("require_pushed_authorization_requests");
        PAR.pass(
            if required { "Required." } else { "Offered (PAR)." },
            "Nobody can change the request on its way through the browser.",
        )
    } else {
        PAR.note(
            "Not offered (PAR).",
            "Requests go through the browser in the open: another app may read or change them.",
        )
    })
}

fn dpop(metadata: &Metadata) -> Result<Finding, Finding> {
    let users = "Whoever steals a user's token can use it.";
    Ok(match list(&DPOP, metadata, "dpop_signing_alg_values_supported", users)? {
        Some(algorithms) if algorithms.iter().any(|name| name == "ES256") => DPOP.pass(
            "Offered with ES256, which phones' key stores have.",
            "A stolen token is of no use without the phone's key.",
        ),
        Some(_) => DPOP.warning(
            "Offered, but not with ES256, the algorithm that phones' key stores have.",
            "Keys can't be kept in the phone's hardware; whoever copies an app's data can use its tokens.",
        ),
        None => DPOP.warning("Not offered: tokens are bearer tokens.", users),
    })
}

fn attempts(metadata: &Metadata) -> Result<Finding, Finding> {
    Ok(if flag(&ATTEMPTS, metadata, "refresh_attempt_supported", "Apps do not use it.")? {
        ATTEMPTS.pass(
            "Offered: a refresh that is sent again with the same attempt is answered again.",
            "A lost answer signs nobody out, and no grace period lets a thief in.",
        )
    } else {
        ATTEMPTS.note(
            "Not offered (an extension).",
            "What a lost answer costs depends on the provider: see `lost answer` in a check with --client-id.",
        )
    })
}

fn id_token_algorithms(metadata: &Metadata) -> Result<Finding, Finding> {
    const NAME: &str = "id_token_signing_alg_values_supported";
    let algorithms = list(&ID_TOKEN_ALGORITHMS, metadata, NAME, STRICT)?;
    let Some(algorithms) = algorithms.filter(|algorithms| !algorithms.is_empty()) else {
        return Ok(ID_TOKEN_ALGORITHMS.warning(format!("{NAME} is missing or empty."), STRICT));
    };
    let usable: Vec<&str> =
        algorithms.iter().map(String::as_str).filter(|name| SIGNATURE_ALGORITHMS.contains(name)).collect();
    if usable.is_empty() {
        let offered: Vec<String> = algorithms.iter().take(MOST_SHOWN).map(|name| quoted(name)).collect();
        return Ok(ID_TOKEN_ALGORITHMS.fail(
            format!("Offered: {}. The SDK verifies {}.", offered.join(", "), SIGNATURE_ALGORITHMS.join(", ")),
            "No user can sign in: the SDK refuses ID tokens that it can't verify with a public key.",
        ));
    }
    if algorithms.iter().any(|name| name == "none") {
        return Ok(ID_TOKEN_ALGORITHMS.warning(
            format!("{} are offered, and so is `none`.", usable.join(", ")),
            "An app that accepts what is offered accepts an ID token that anybody wrote.",
        ));
    }
    Ok(ID_TOKEN_ALGORITHMS.pass(format!("{}.", usable.join(", ")), "Apps verify who signed in."))
}

/// Names from a provider, in a report of one screen.
const MOST_SHOWN: usize = 5;

fn revocation(metadata: &Metadata) -> Result<Finding, Finding> {
    let users = "After a sign-out, a copy of the refresh token goes on working until it expires.";
    Ok(if endpoint(&REVOCATION, metadata, "revocation_endpoint", users)? {
        REVOCATION.pass("Offered.", "A sign-out ends the session at the provider, too.")
    } else {
        REVOCATION.warning("Not offered.", users)
    })
}

fn end_session(metadata: &Metadata) -> Result<Finding, Finding> {
    let users =
        "After a sign-out, the browser is still signed in: the next person on this phone needs no password.";
    Ok(if endpoint(&END_SESSION, metadata, "end_session_endpoint", users)? {
        END_SESSION.pass("Offered.", "An app can sign the user out of the browser, too.")
    } else {
        END_SESSION.warning("Not offered.", users)
    })
}

fn device_grant(metadata: &Metadata) -> Result<Finding, Finding> {
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
    const NAME: &str = "device_authorization_endpoint";
    let listed = metadata.lists("grant_types_supported", GRANT);
    Ok(match (endpoint(&DEVICE_GRANT, metadata, NAME, "No user can sign in on a TV.")?, listed) {
        (true, true) => DEVICE_GRANT.pass("Offered.", "Users can sign in on a TV with their phone."),
        (true, false) => DEVICE_GRANT.warning(
            "There is an endpoint, but grant_types_supported does not list the grant.",
            "A careful app on a TV does not offer a sign-in.",
        ),
        (false, true) => DEVICE_GRANT.warning(
            "grant_types_supported lists the grant, but there is no endpoint.",
            "An app on a TV offers a sign-in that can't work.",
        ),
        (false, false) => DEVICE_GRANT
            .note("Not offered.", "Users can't sign in on a device without a keyboard, such as a TV."),
    })
}

/// Whether an optional endpoint is offered. One that is unusable costs `users` something.
fn endpoint(check: &'static Check, metadata: &Metadata, name: &str, users: &str) -> Result<bool, Finding> {
    match metadata.endpoint(name) {
        Endpoint::Good(_) => Ok(true),
        Endpoint::Absent => Ok(false),
        Endpoint::Odd(why) => Err(check.warning(format!("The endpoint is unusable: {why}."), users)),
    }
}

/// The list of this name, if there is one. One that cannot be read costs `users` something.
fn list(
    check: &'static Check,
    metadata: &Metadata,
    name: &str,
    users: &str,
) -> Result<Option<Vec<String>>, Finding> {
    match metadata.list(name) {
        List::Of(values) => Ok(Some(values)),
        List::Absent => Ok(None),
        List::Odd => Err(check.warning(format!("{name} is not a list of strings."), users)),
    }
}

/// Whether the flag of this name is `true`. One that is not a boolean costs `users` something.
fn flag(check: &'static Check, metadata: &Metadata, name: &str, users: &str) -> Result<bool, Finding> {
    match metadata.odd_flag(name) {
        Some(kind) => Err(check.warning(format!("{name} is {kind} instead of true."), users)),
        None => Ok(metadata.flag(name)),
    }
}

const STRICT: &str = "A strict app rejects the metadata, and its users can't sign in.";

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
