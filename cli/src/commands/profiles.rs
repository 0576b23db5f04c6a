//! `moorline profiles`: what is on this machine. Opens no vault.

use serde_json::{Value, json};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;

pub(crate) fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let mut rows: Vec<Value> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for profile in Profile::all(&context.home)? {
        // One profile that can't be read shouldn't hide the others.
        match profile.settings() {
            Ok(Some(settings)) => {
                lines.push(format!("{}\t{}\t{}", profile.name(), settings.issuer, settings.client_id));
                rows.push(json!({
                    "name": profile.name(),
                    "issuer": settings.issuer,
                    "client_id": settings.client_id,
                    "key_store": if settings.insecure_file_key { "insecure_file" } else { "platform" },
                }));
            }
            Ok(None) => {}
            Err(failure) => context.output.warn(failure),
        }
    }
    if rows.is_empty() && !context.output.is_json() {
        context.output.hint("There are no profiles yet. `moorline login` makes one.");
        return Ok(Exit::Success);
    }
    context.output.result(&json!({ "profiles": rows }), || lines.join("\n"))?;
    Ok(Exit::Success)
}
