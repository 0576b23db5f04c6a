//! `moorline token`: the one command that prints a token.

use serde_json::json;

use super::{Context, whole_seconds};
use crate::arguments::Token;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context<'_>, token: Token) -> Result<Exit, Failure> {
    let (_, moorline) = context.open()?;
    let token = moorline.access_token(token.min_validity).await?;
    let json = json!({
        "access_token": token.secret(),
        "token_type": "Bearer",
        "expires_in": whole_seconds(token.expires_in()),
    });
    context.output.result(&json, || token.secret().to_owned());
    Ok(Exit::Success)
}
