//! `moorline refresh`: a new access token, even if the current one is still valid.

use serde_json::json;

use super::{Context, rough, whole_seconds};
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let (_, moorline) = context.open().await?;
    let token = moorline.refresh(None).await?;
    let refreshes = moorline.session_info().map(|info| info.refreshes);
    let json = json!({
        "profile": context.profile.name(),
        "access_token_expires_in": whole_seconds(token.expires_in()),
        "refreshes": refreshes,
    });
    context.output.result(&json, || match token.expires_in() {
        Some(left) => format!("Refreshed; the new access token is valid for {}", rough(left)),
        None => "Refreshed".to_owned(),
    })?;
    Ok(Exit::Success)
}
