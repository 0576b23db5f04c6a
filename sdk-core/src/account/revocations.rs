//! Revokes tokens at the provider (RFC 7009), at once or when the network works again.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::http::StatusCode;
use tokio::sync::watch;

use super::{documents::metadata, store::AccountStore};
use crate::{
    dpop::refuses_proof,
    error::Error,
    net::{NetError, Response},
    provider::{Metadata, Provider, read_refusal},
    runtime::Executor,
    secret::Secret,
    vault::{Change, Revocation, WhenLost},
};

/// The one owner of an account's queue of revocations.
pub(crate) struct Revocations {
    store: Arc<AccountStore>,
    provider: Arc<Provider>,
    executor: Executor,
    one_at_a_time: tokio::sync::Mutex<()>,
    /// How many times the queue is being sent in the background.
    under_way: watch::Sender<usize>,
    /// The latest tokens that the provider has revoked for this process.
    revoked: Mutex<VecDeque<Secret>>,
}

impl Revocations {
    pub(crate) fn new(store: Arc<AccountStore>, provider: Arc<Provider>, executor: Executor) -> Self {
        Self {
            store,
            provider,
            executor,
            one_at_a_time: tokio::sync::Mutex::default(),
            under_way: watch::Sender::new(0),
            revoked: Mutex::default(),
        }
    }

    /// Sends all that is queued.
    pub(crate) async fn send(&self) {
        let _one_at_a_time = self.one_at_a_time.lock().await;
        if let Err(error) = self.send_queue().await {
            tracing::info!(%error, "revocations stay queued");
        }
    }

    /// The same, in the background: the network seems to work at present.
    pub(crate) fn send_later(self: &Arc<Self>) {
        let under_way = UnderWay::begin(self.clone());
        // Without threads, the next chance comes later.
        let _ = self.executor.spawn(async move {
            let under_way = under_way;
            under_way.0.send().await
        });
    }

    /// Whether this process has received the answer that the provider has revoked this token.
    pub(super) fn has_revoked(&self, token: &Secret) -> bool {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner).contains(token)
    }

    fn remember(&self, token: &Secret) {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.push_back(token.clone());
        if revoked.len() > REMEMBERED {
            revoked.pop_front();
        }
    }

    /// Waits until nothing is being sent in the background, for `limit` at most.
    pub(crate) async fn idle(&self, limit: Duration) {
        let mut under_way = self.under_way.subscribe();
        let _ = tokio::time::timeout(limit, under_way.wait_for(|count| *count == 0)).await;
    }

    async fn send_queue(&self) -> Result<(), Error> {
        let queued = self.store.read(|account| account.map(|account| account.revocations.clone()));
        let queued = queued.await?.unwrap_or_default();
        if queued.is_empty() {
            return Ok(());
        }
        let metadata = metadata(&self.store, &self.provider).await?;
        for revocation in queued {
            // A provider that knows attempts is known to end one session of a user and no others. With other
            // providers, the revocation stays queued until this user signs out, or another one signs in.
            let sessions_are_apart = metadata.refresh_attempt_supported;
            if !sessions_are_apart && revocation.may_end(&self.store.stored_state().await?) {
                continue;
            }
            match self.revoke(&metadata, &revocation).await {
                Ok(true) => self.remember(&revocation.token),
                Ok(false) => {}
                // It stays queued. Without a network, so do all others: each would wait for it again. With one, others
                // may succeed.
                Err(Unrevoked::NoResponse(error)) => return Err(error.into()),
                Err(Unrevoked::Later) => continue,
            }
            let done = self.store.update(WhenLost::Fail, move |account| {
                account.revocations.retain(|queued| *queued != revocation);
                Change::Write(())
            });
            done.await?;
        }
        Ok(())
    }

    /// Whether the provider has revoked the token; `false` if it never will.
    async fn revoke(&self, metadata: &Metadata, revocation: &Revocation) -> Result<bool, Unrevoked> {
        let Some(endpoint) = &metadata.revocation_endpoint else { return Ok(false) };
        let hint = if revocation.is_refresh_token { "refresh_token" } else { "access_token" };
        let response = self
            .provider
            .revoke(endpoint, &revocation.token, hint, revocation.proof_key.as_ref())
            .await
            .map_err(Unrevoked::NoResponse)?;
        match response.status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(true),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Unrevoked::Later),
            // The next proof may be accepted.
            _ if refuses_proof(&response) => Err(Unrevoked::Later),
            status if is_final(&response) => {
                tracing::warn!(status = status.as_u16(), "the provider refuses to revoke a token");
                Ok(false)
            }
            // An overloaded server, a gateway, or a captive portal.
            _ => Err(Unrevoked::Later),
        }
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

/// The queue is being sent in the background while this lives.
struct UnderWay(Arc<Revocations>);

impl UnderWay {
    fn begin(revocations: Arc<Revocations>) -> Self {
        revocations.under_way.send_modify(|count| *count += 1);
        Self(revocations)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

/// Why a revocation stays queued.
enum Unrevoked {
    NoResponse(NetError),
    /// The response is not final.
    Later,
}

/// Whether the provider would say the same again: it refused in the protocol's own words (RFC 6749 §5.2, RFC 7009
/// §2.2.1).
fn is_final(response: &Response) -> bool {
    read_refusal(response, &[]).is_some_and(|refusal| FINAL.contains(&refusal.code.as_str()))
}

const REMEMBERED: usize = 16;
const FINAL: [&str; 6] = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
];
