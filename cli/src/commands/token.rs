//! `moorline token`: the one command that prints a token, alone or with what a request by it must carry.

use std::time::Duration;

use moorline::{AccessTokenOptions, Moorline, TokenType};
use serde_json::json;

use super::{Context, whole_seconds};
use crate::arguments::Token;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

pub(crate) async fn run(context: &Context<'_>, token: Token) -> Result<Exit, Failure> {
    let (settings, moorline) = context.open().await?;
    if let Some([method, address]) = token.request.as_deref() {
        return for_request(context, &settings, &moorline, &token, [method, address]).await;
    }
    let found = moorline.access_token(options(&token)).await?;
    check_validity(token.min_validity, found.expires_in())?;
    let json = json!({
        "access_token": found.secret(),
        "token_type": found.token_type().as_str(),
        "expires_in": whole_seconds(found.expires_in()),
    });
    context.output.result(&json, || found.secret().to_owned())?;
    if found.token_type() == TokenType::DPoP && !context.output.is_json() {
        context.output.hint(
            "It is bound to this machine's key: a request needs a proof too. `moorline get URL` makes one, and so \
             does `moorline token --for METHOD URL`.",
        );
    }
    Ok(Exit::Success)
}

/// The SDK returns the freshest token if the provider's are all shorter than what was asked.
fn check_validity(asked: Option<Duration>, left: Option<Duration>) -> Result<(), Failure> {
    match (asked, left) {
        (Some(asked), Some(left)) if left < asked => Err(Failure::ShortLived { asked, left }),
        _ => Ok(()),
    }
}

fn options(token: &Token) -> AccessTokenOptions {
    let mut options = AccessTokenOptions::from(token.min_validity.unwrap_or(DEFAULT_VALIDITY));
    options.resource.clone_from(&token.resource);
    options.scope =
        token.scope.iter().flat_map(|scopes| scopes.split_whitespace()).map(str::to_owned).collect();
    options
}

/// As header fields, one a line: `curl -H @-` reads them.
async fn for_request(
    context: &Context<'_>,
    settings: &Settings,
    moorline: &Moorline,
    token: &Token,
    [method, address]: [&String; 2],
) -> Result<Exit, Failure> {
    if reqwest::Method::from_bytes(method.as_bytes()).is_err() {
        return Err(Failure::usage(format!("{method:?} is not an HTTP method (RFC 9110 §9.1), such as GET")));
    }
    let url = settings.resolve_for_token(moorline, address)?;
    if let Some(nonce) = &token.nonce {
        moorline.learn_nonce(url.as_str(), nonce)?;
    }
    let headers = moorline.request_headers(method, url.as_str(), options(token)).await?;
    check_validity(
        token.min_validity,
        moorline.session_info().and_then(|info| info.access_token_expires_in),
    )?;
    let json = json!({ "authorization": headers.authorization(), "dpop": headers.dpop() });
    context.output.result(&json, || {
        let proof = headers.dpop().map(|proof| format!("\nDPoP: {proof}")).unwrap_or_default();
        format!("Authorization: {}{proof}", headers.authorization())
    })?;
    Ok(Exit::Success)
}

const DEFAULT_VALIDITY: Duration = Duration::from_secs(60);
