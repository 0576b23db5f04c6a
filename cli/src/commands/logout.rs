//! `moorline logout`: deletes the session on this machine first, then revokes it at the provider.

use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let (settings, moorline) = context.open().await?;
    let sign_out = moorline.sign_out().await?;
    let json =
        json!({ "profile": context.profile.name(), "state": "signed_out", "revoked": sign_out.revoked });
    context.output.result(&json, || {
        if sign_out.revoked {
            format!("Signed out of {}", settings.issuer)
        } else {
            "Signed out on this machine".to_owned()
        }
    })?;
    if !sign_out.revoked {
        context.output.warn(
            "the provider did not revoke anything in this call: nobody was signed in, it could not be reached \
             (run `moorline logout` once more when it can be), it refused or cannot revoke, or the token was lost \
             with the vault",
        );
    }
    Ok(Exit::Success)
}
