//! Revokes tokens at the provider (RFC 7009), at once or when the network works again.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::{
    documents::metadata,
    lost_key::is_gone,
    revocation_answer::{RevocationAnswer, RevocationOutcome},
    store::AccountStore,
};
use crate::{
    error::Error,
    provider::{Metadata, Provider},
    runtime::Executor,
    secret::Secret,
    vault::{Account, Change, Revocation, WhenLost},
};

/// The one owner of an account's queue of revocations.
pub(crate) struct Revocations {
    store: Arc<AccountStore>,
    provider: Arc<Provider>,
    executor: Executor,
    /// The tokens that are being sent: none is sent twice at once.
    in_flight: watch::Sender<Vec<Secret>>,
    /// How many times the queue is being sent in the background.
    under_way: watch::Sender<usize>,
    /// Of these, how many have not sent yet what this process has queued.
    owed: watch::Sender<usize>,
    /// The latest tokens that are off the queue, and why.
    done: Mutex<VecDeque<(Secret, RevocationOutcome)>>,
}

impl Revocations {
    pub(crate) fn new(store: Arc<AccountStore>, provider: Arc<Provider>, executor: Executor) -> Self {
        Self {
            store,
            provider,
            executor,
            in_flight: watch::Sender::default(),
            under_way: watch::Sender::default(),
            owed: watch::Sender::default(),
            done: Mutex::default(),
        }
    }

    /// Sends all that is queued: first what this process has queued since the last time.
    pub(crate) async fn send(&self) {
        let new = self.store.take_queued();
        if self.send_part(|token| new.contains(token)).await {
            self.send_part(|token| !new.contains(token)).await;
        }
    }

    /// The same, and waits until also those have their answer that are being sent already.
    pub(crate) async fn send_all(&self) {
        let mut in_flight = self.in_flight.subscribe();
        self.send().await;
        let _ = in_flight.wait_for(Vec::is_empty).await;
    }

    /// Sends all that is queued in the background: the network seems to work at present.
    pub(crate) fn send_later(self: &Arc<Self>) {
        // Counted first: else `send_owed` could find neither the tokens nor the count.
        let owed = Counted::begin(self.clone(), |this| &this.owed);
        let new = self.store.take_queued();
        let mut owed = (!new.is_empty()).then_some(owed);
        let under_way = Counted::begin(self.clone(), |this| &this.under_way);
        // Without threads, the next chance comes later.
        let _ = self.executor.spawn(async move {
            let this = &under_way.revocations;
            let answered = new.is_empty() || this.send_new(&new).await;
            drop(owed.take());
            if answered {
                this.send_part(|token| !new.contains(token)).await;
            }
        });
    }

    /// Sends what this process has queued and not sent yet, for `limit` at most. What was queued before stays queued:
    /// no program has to wait for it to end.
    pub(crate) async fn send_owed(&self, limit: Duration) {
        let new = self.store.take_queued();
        let mut owed = self.owed.subscribe();
        let work = async {
            self.send_new(&new).await;
            let _ = owed.wait_for(|count| *count == 0).await;
        };
        if timeout(limit, work).await.is_err() {
            tracing::info!("revocations stay queued");
        }
    }

    /// Sends all that is queued, for `limit` at most, and returns what became of these tokens: of several, the one
    /// that is furthest from revoked.
    pub(super) async fn revoke(&self, tokens: &[Secret], limit: Duration) -> RevocationOutcome {
        let mut in_flight = self.in_flight.subscribe();
        let work = async {
            self.send().await;
            let _ = in_flight.wait_for(|sent| !tokens.iter().any(|token| sent.contains(token))).await;
        };
        if timeout(limit, work).await.is_err() {
            tracing::info!("revocations stay queued");
        }
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes = tokens.iter().map(|token| {
            let latest = done.iter().rev().find(|(done, _)| done == token);
            latest.map_or(RevocationOutcome::Queued, |(_, outcome)| outcome.clone())
        });
        outcomes.min_by_key(RevocationOutcome::rank).unwrap_or(RevocationOutcome::NothingToRevoke)
    }

    /// Sends a revocation once, in the background: it cannot be queued, because the vault was lost.
    pub(super) fn send_unqueued(self: &Arc<Self>, revocation: Revocation) {
        let owed = Counted::begin(self.clone(), |this| &this.owed);
        let _ = self.executor.spawn(async move {
            let this = &owed.revocations;
            match this.provider.metadata().await {
                Ok(metadata) => drop(this.ask(&metadata, &revocation).await),
                Err(error) => tracing::info!(%error, "a token of a lost vault is not revoked"),
            }
        });
    }

    /// Waits until nothing is being sent in the background, for `limit` at most.
    pub(crate) async fn idle(&self, limit: Duration) {
        let mut under_way = self.under_way.subscribe();
        let _ = timeout(limit, under_way.wait_for(|count| *count == 0)).await;
    }

    /// Sends the queued revocations of tokens that this process has queued, and waits for those that it is sending
    /// already. `false` if the provider did not answer.
    async fn send_new(&self, new: &[Secret]) -> bool {
        let mut in_flight = self.in_flight.subscribe();
        let sent = self.send_part(|token| new.contains(token)).await;
        let _ = in_flight.wait_for(|sent| !new.iter().any(|token| sent.contains(token))).await;
        sent
    }

    /// Sends the queued revocations of these tokens. `false` if the provider did not answer.
    async fn send_part(&self, part: impl Fn(&Secret) -> bool) -> bool {
        let sent = self.try_part(part).await;
        if let Err(error) = &sent {
            tracing::info!(%error, "revocations stay queued");
        }
        sent.is_ok()
    }

    async fn try_part(&self, part: impl Fn(&Secret) -> bool) -> Result<(), Error> {
        let queued = self.store.read(|account| account.map(|account| account.revocations.clone())).await?;
        let mut queued = queued.unwrap_or_default();
        queued.retain(|revocation| part(&revocation.token));
        if queued.is_empty() {
            return Ok(());
        }
        let metadata = metadata(&self.store, &self.provider).await?;
        for revocation in queued {
            let Some(_in_flight) = InFlight::begin(self, &revocation.token) else { continue };
            if self.may_send(&metadata, &revocation).await? {
                // Without a network, all others stay queued too: each would wait for it again.
                let answer = self.ask(&metadata, &revocation).await?;
                self.settle(revocation.token, answer).await?;
            }
        }
        Ok(())
    }

    /// Whether it is still queued, and leaves the current session alone, and those of the other accounts of this
    /// client. A provider that knows attempts is known to end one session of a user and no others. With other
    /// providers, the revocation stays queued until this user signs out, or another one signs in.
    async fn may_send(&self, metadata: &Metadata, revocation: &Revocation) -> Result<bool, Error> {
        let (revocation, apart) = (revocation.clone(), metadata.refresh_attempt_supported);
        let allowed = self.store.read_beside(move |account, beside| {
            account.revocations.iter().any(|queued| queued.token == revocation.token)
                && !beside.iter().any(|account| revocation.may_end(&account.state, apart))
        });
        Ok(allowed.await?.unwrap_or(false))
    }

    /// # Errors
    /// Those of the network.
    async fn ask(&self, metadata: &Metadata, revocation: &Revocation) -> Result<RevocationAnswer, Error> {
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return Ok(RevocationAnswer::Final(RevocationOutcome::NotOffered));
        };
        let hint = if revocation.is_refresh_token { "refresh_token" } else { "access_token" };
        let (token, key) = (&revocation.token, revocation.proof_key.as_ref());
        match self.provider.revoke(endpoint, token, hint, key).await {
            // Without its proof, nobody revokes it, and nobody uses it.
            Err(error) if is_gone(&error) => Ok(RevocationAnswer::Final(RevocationOutcome::NothingToRevoke)),
            answer => Ok(RevocationAnswer::read(&answer?)),
        }
    }

    /// Takes the revocation off the queue, or records what became of it.
    async fn settle(&self, token: Secret, answer: RevocationAnswer) -> Result<(), Error> {
        match answer {
            RevocationAnswer::Passing => Ok(()),
            RevocationAnswer::Final(outcome) => {
                self.remember(&token, outcome);
                let removed = self.store.update(WhenLost::Fail, move |account| {
                    account.revocations.retain(|queued| queued.token != token);
                    Change::Write(())
                });
                removed.await
            }
            RevocationAnswer::Unclear(code) => {
                let refused = token.clone();
                let given_up = self.store.update(WhenLost::Fail, move |account| count(account, &refused));
                if given_up.await? {
                    tracing::warn!(code, "the provider refuses to revoke a token, again and again");
                    self.remember(&token, RevocationOutcome::Refused(code));
                }
                Ok(())
            }
        }
    }

    fn remember(&self, token: &Secret, outcome: RevocationOutcome) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.push_back((token.clone(), outcome));
        if done.len() > REMEMBERED {
            done.pop_front();
        }
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

/// Counts one refusal of a queued revocation. Whether it was the last one: it is taken off the queue then.
fn count(account: &mut Account, token: &Secret) -> Change<bool> {
    let Some(at) = account.revocations.iter().position(|queued| queued.token == *token) else {
        return Change::Keep(false);
    };
    account.revocations[at].refusals = account.revocations[at].refusals.saturating_add(1);
    let last = account.revocations[at].refusals >= MOST_REFUSALS;
    if last {
        account.revocations.remove(at);
    }
    Change::Write(last)
}

/// Adds one to a count while this lives.
struct Counted {
    revocations: Arc<Revocations>,
    count: fn(&Revocations) -> &watch::Sender<usize>,
}

impl Counted {
    fn begin(revocations: Arc<Revocations>, count: fn(&Revocations) -> &watch::Sender<usize>) -> Self {
        count(&revocations).send_modify(|count| *count += 1);
        Self { revocations, count }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.count)(&self.revocations).send_modify(|count| *count -= 1);
    }
}

/// A token is being sent while this lives.
struct InFlight<'a> {
    tokens: &'a watch::Sender<Vec<Secret>>,
    token: Secret,
}

impl<'a> InFlight<'a> {
    /// `None` if it is being sent already.
    fn begin(revocations: &'a Revocations, token: &Secret) -> Option<Self> {
        let tokens = &revocations.in_flight;
        let begun = tokens.send_if_modified(|tokens| {
            let new = !tokens.contains(token);
            if new {
                tokens.push(token.clone());
            }
            new
        });
        begun.then(|| Self { tokens, token: token.clone() })
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.tokens.send_modify(|tokens| tokens.retain(|token| *token != self.token));
    }
}

const REMEMBERED: usize = 16;
/// How often an unclear refusal is answered with another try, each at the next chance.
const MOST_REFUSALS: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Device;

    #[tokio::test]
    async fn the_end_of_the_process_waits_for_a_token_that_is_being_sent_already() {
        let device = Device::new().await;
        let session = device.signed_in().await;
        let token = session.store.token_to_revoke().await.expect("a session has one");
        let sign_out = session.store.update(WhenLost::Fail, |account| {
            account.queue_revocation_of_session();
            Change::Write(())
        });
        sign_out.await.unwrap();
        let sending = InFlight::begin(&session.revocations, &token).expect("nobody else sends it");
        let mut end = std::pin::pin!(session.revocations.send_owed(Duration::from_secs(600)));
        assert!(timeout(Duration::from_millis(100), &mut end).await.is_err(), "it did not wait");
        drop(sending);
        end.await;
    }
}
