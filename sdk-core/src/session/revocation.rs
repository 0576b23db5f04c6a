//! Telling the provider that a session is over (RFC 7009), now or at the next chance.

use std::sync::{Arc, atomic::Ordering};

use ::http::StatusCode;
use serde_json::{Map, Value};
use url::Url;

use super::engine::Session;
use crate::{
    Error,
    dpop::{Credentials, refuses_proof},
    net::{NetError, Request, Response},
    vault::{Change, Revocation, WhenLost},
};

impl Session {
    /// Tells the provider all that is queued. Whether nothing is left to tell.
    pub(crate) async fn tell_revocations(&self) -> bool {
        let _one_at_a_time = self.telling.lock().await;
        let told = self.try_to_tell().await;
        if let Err(error) = &told {
            tracing::info!(%error, "revocations stay queued");
        }
        told.is_ok()
    }

    /// How many revocations a provider has refused so far, or had no place for.
    pub(super) fn told_in_vain(&self) -> usize {
        self.told_in_vain.load(Ordering::SeqCst)
    }

    /// The same, in the background: the network seems to work just now.
    pub(crate) fn tell_revocations_later(self: &Arc<Self>) {
        let session = self.clone();
        // Without threads, the next chance comes later.
        let _ = self.executor.spawn(async move { session.tell_revocations().await });
    }

    async fn try_to_tell(&self) -> Result<(), Error> {
        let queued = self
            .look(|account| account.map(|account| account.revocations.clone()))
            .await?
            .unwrap_or_default();
        if queued.is_empty() {
            return Ok(());
        }
        let metadata = self.metadata().await?;
        let mut outcome = Ok(());
        for revocation in queued {
            let told = match &metadata.revocation_endpoint {
                Some(endpoint) => self.revoke(endpoint, &revocation).await,
                None => Ok(false),
            };
            match told {
                Ok(true) => {}
                Ok(false) => {
                    self.told_in_vain.fetch_add(1, Ordering::SeqCst);
                }
                // It stays queued. Without a network, all do: each would wait for it anew. With one, others may fare better.
                Err(error @ Untold::NoAnswer(_)) => return Err(error.into()),
                Err(error) => {
                    outcome = Err(error.into());
                    continue;
                }
            }
            self.update(WhenLost::Fail, move |account| {
                account.revocations.retain(|queued| *queued != revocation);
                Change::Write(())
            })
            .await?;
        }
        outcome
    }

    /// Whether the provider has revoked the token. Errors: what may be different next time.
    async fn revoke(&self, endpoint: &Url, revocation: &Revocation) -> Result<bool, Untold> {
        let hint = if revocation.is_refresh_token { "refresh_token" } else { "access_token" };
        let request = Request::post_form(
            endpoint.clone(),
            [
                ("token", revocation.token.expose()),
                ("token_type_hint", hint),
                ("client_id", self.configuration.client_id()),
            ],
        );
        let by = Credentials { key: revocation.proof_key.as_ref(), access_token: None };
        let response = self.sender.send(&request, by).await.map_err(Untold::NoAnswer)?;
        match response.status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(true),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Untold::Later),
            status if status.is_server_error() || status.is_redirection() => Err(Untold::Later),
            // The next proof may be taken.
            _ if refuses_proof(&response) => Err(Untold::Later),
            status if is_final(&response) => {
                tracing::warn!(status = status.as_u16(), "the provider refuses to revoke a token");
                Ok(false)
            }
            // A gateway, a captive portal, or the provider on a bad day.
            _ => Err(Untold::Later),
        }
    }
}

/// Why a revocation stays queued.
enum Untold {
    /// Nobody has answered.
    NoAnswer(NetError),
    /// The answer is not the provider's last word.
    Later,
}

impl From<Untold> for Error {
    fn from(untold: Untold) -> Self {
        match untold {
            Untold::NoAnswer(error) => error.into(),
            Untold::Later => Self::Offline,
        }
    }
}

/// Whether the provider would say the same again: its no is one of the protocol's (RFC 6749 §5.2, RFC 7009 §2.2.1).
fn is_final(response: &Response) -> bool {
    let body = response.json::<Map<String, Value>>();
    let code = body.as_ref().and_then(|body| body.get("error")).and_then(Value::as_str);
    code.is_some_and(|code| FINAL.contains(&code))
}

const FINAL: [&str; 6] = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
];
