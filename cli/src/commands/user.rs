//! `moorline user`: what the provider says about the user at present.

use super::{Context, claims, one_line};
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let (_, moorline) = context.open().await?;
    let user = moorline.user_info().await?;
    let claims = claims(&user);
    context.output.result(&claims, || {
        let lines = claims.as_object().into_iter().flatten().map(|(name, value)| match value.as_str() {
            Some(text) => one_line(&format!("{name}: {text}")),
            None => one_line(&format!("{name}: {value}")),
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Success)
}
