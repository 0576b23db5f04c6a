//! `moorline logout`: gone from this machine first, then revoked at the provider.

use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let (settings, moorline) = context.open()?;
    let sign_out = moorline.sign_out().await?;
    let json =
        json!({ "profile": context.profile.name(), "state": "signed_out", "revoked": sign_out.revoked });
    context.output.result(&json, || {
        if sign_out.revoked {
            format!("Signed out of {}", settings.issuer)
        } else {
            "Signed out on this machine".to_owned()
        }
    });
    if !sign_out.revoked {
        context.output.warn(
            "the provider has not revoked the session: it couldn't be reached (run `moorline logout` once more when it can), it has no way to, or the vault was lost and the token with it",
        );
    }
    Ok(Exit::Success)
}
