//! A report for a bug tracker: what a developer needs to know about an app's SDK, and nothing secret.

use serde_json::{Value, json};

use crate::{
    SessionState,
    configuration::Configuration,
    logging::{is_recording, recent},
    session::Session,
    time::unix_millis,
    vault::FORMAT,
};

impl Session {
    /// See [`Moorline::diagnostics`](crate::Moorline::diagnostics).
    pub(crate) fn diagnostics(&self) -> String {
        let report = json!({
            "sdk": {
                "version": env!("CARGO_PKG_VERSION"),
                "system": std::env::consts::OS,
                "architecture": std::env::consts::ARCH,
                "cryptography": if cfg!(feature = "aws-lc-rs") { "aws-lc-rs" } else { "ring" },
                "vault_format": FORMAT,
            },
            "state": name_of(&self.store.state()),
            "session": self.session_facts(),
            "configuration": configuration_facts(self.configuration()),
            "recording": is_recording(),
            "events": recent().iter().map(crate::logging::LogEvent::to_json).collect::<Vec<_>>(),
        });
        format!("{report:#}")
    }

    fn session_facts(&self) -> Option<Value> {
        let info = self.store.info()?;
        Some(json!({
            "token_type": format!("{:?}", info.token_type),
            "scope": info.scope,
            "access_token_expires_in": info.access_token_expires_in.map(|left| left.as_secs()),
            "has_refresh_token": info.has_refresh_token,
            "signed_in_at": unix_millis(info.signed_in_at),
            "refreshes": info.refreshes,
            "last_refusal": info.last_refusal,
        }))
    }
}

/// The state without the user.
fn name_of(state: &SessionState) -> String {
    match state {
        SessionState::SignedIn(_) => "signed_in".to_owned(),
        SessionState::SigningIn => "signing_in".to_owned(),
        SessionState::Locked => "locked".to_owned(),
        SessionState::SignedOut(reason) => format!("signed_out: {reason}"),
        SessionState::NeedsReauth(reason) => format!("needs_reauth: {reason}"),
    }
}

/// The configuration without what may name a user or be a secret: the account, and the values of parameters.
fn configuration_facts(configuration: &Configuration) -> Value {
    let parameters = configuration.authorization_parameters().iter().map(|(name, _)| name);
    json!({
        "issuer": configuration.issuer(),
        "client_id": configuration.client_id(),
        "redirect_uri": configuration.redirect_uri(),
        "scopes": configuration.scopes(),
        "resources": configuration.resources(),
        "pinned_hosts": configuration.pins().iter().map(|pins| pins.host()).collect::<Vec<_>>(),
        "extra_roots": configuration.extra_roots().len(),
        "allows_bearer": configuration.allows_bearer(),
        "connect_timeout": configuration.connect_timeout().as_secs_f64(),
        "request_timeout": configuration.request_timeout().as_secs_f64(),
        "authorization_parameters": parameters.collect::<Vec<_>>(),
    })
}
