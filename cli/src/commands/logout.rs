//! `moorline logout`: deletes the session on this machine first, then revokes it at the provider.

use moorline::{RevocationOutcome, SignOutOptions};
use serde_json::json;

use super::{Context, one_line};
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let (settings, moorline) = context.open().await?;
    let sign_out = moorline.sign_out(SignOutOptions::default()).await?;
    let mut json = json!({
        "profile": context.profile.name(),
        "state": "signed_out",
        "revoked": sign_out.revoked,
        "revocation": sign_out.revocation.as_str(),
    });
    if let RevocationOutcome::Refused(code) = &sign_out.revocation {
        json["revocation_error"] = code.as_str().into();
    }
    context.output.result(&json, || match sign_out.revocation {
        RevocationOutcome::Revoked => format!("Signed out of {}", settings.issuer),
        RevocationOutcome::NothingToRevoke => {
            "Signed out on this machine; there was nothing to revoke".to_owned()
        }
        _ => "Signed out on this machine".to_owned(),
    })?;
    match &sign_out.revocation {
        RevocationOutcome::Revoked | RevocationOutcome::NothingToRevoke => {}
        RevocationOutcome::Refused(code) => context.output.warn(format_args!(
            "{} refuses to revoke the session ({}); its tokens stay valid there until they expire",
            settings.issuer,
            one_line(code)
        )),
        RevocationOutcome::NotOffered => context.output.warn(format_args!(
            "{} offers no revocation; the session's tokens stay valid there until they expire",
            settings.issuer
        )),
        _ => context.output.warn(format_args!(
            "{} has not confirmed yet that the session is revoked; the revocation is queued. Run `moorline logout` \
             again when the provider can be reached; a login or a refresh sends it, too",
            settings.issuer
        )),
    }
    Ok(Exit::Success)
}
