//! One refresh at a time in a process, however many callers there are, and none of them can stop it.
//!
//! [`access_token`] needs little of what refreshes ([`TokenSource`]), so that a test can try every order of callers
//! that come, wait and go away, and of the steps of the refresh.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::access_token::{AccessToken, TokenRequest};
use crate::{error::Error, runtime};

type Outcome = Result<AccessToken, Error>;

/// The refresh that is under way, if there is one.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight(Mutex<Option<Flight>>);

/// A refresh that is under way.
#[derive(Debug, Clone)]
struct Flight {
    /// What its caller asked for.
    request: TokenRequest,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// What has at most one refresh under way.
pub(crate) trait TokenSource: Send + Sync + 'static {
    /// The refresh that is under way.
    fn flight(&self) -> &SingleFlight;

    /// The token in memory, if it fits the request.
    fn held(&self, request: &TokenRequest) -> impl Future<Output = Option<AccessToken>> + Send;

    /// Refreshes, unless a newer token that fits is found first.
    fn refresh(self: &Arc<Self>, request: &TokenRequest) -> impl Future<Output = Outcome> + Send;

    /// Starts work that goes on even if its callers stop waiting.
    fn detach(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), Error>;
}

impl SingleFlight {
    /// Waits until no refresh is under way.
    pub(crate) async fn landed(&self) {
        let flight = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(mut flight) = flight {
            // An error means that it panicked: it is over, too.
            let _ = flight.outcome.wait_for(Option::is_some).await;
        }
    }

    /// Runs `work` if no refresh is under way, and lets none begin meanwhile; `None` if one is.
    pub(crate) fn between_flights<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let flight = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flight.is_none().then(work)
    }
}

/// An access token that fits the request: the one in memory, or what a refresh brings. Concurrent callers share one
/// refresh; it goes on when they stop waiting.
pub(crate) async fn access_token<S: TokenSource>(source: &Arc<S>, request: TokenRequest) -> Outcome {
    // More than once: the refresh that was joined may serve a caller that accepts the token we rejected, or that needs
    // it for a shorter time.
    let mut tries = 0;
    while tries < TRIES {
        if let Some(token) = source.held(&request).await {
            return Ok(token);
        }
        let (mut flight, ours) = join(source, &request)?;
        let outcome = match flight.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            // It panicked.
            Err(_) => None,
        };
        // What came of it is another caller's, whose token is for another API.
        if !flight.request.asks_for_the_same(&request) {
            continue;
        }
        tries += 1;
        let token = outcome.unwrap_or_else(|| Err(runtime::internal()))?;
        // A provider may answer with the token that it issued before; then there is no other.
        if ours || request.accepts(&token) {
            return Ok(token);
        }
    }
    Err(Error::offline())
}

/// The refresh that is under way, or else a new one; and whether it was started for this caller.
fn join<S: TokenSource>(source: &Arc<S>, request: &TokenRequest) -> Result<(Flight, bool), Error> {
    let mut flight = source.flight().0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(flight) = &*flight {
        return Ok((flight.clone(), false));
    }
    let (publish, outcome) = watch::channel(None);
    let ours = Flight { request: request.clone(), outcome };
    *flight = Some(ours.clone());
    // If the work cannot be started, it is dropped, and so ends the flight.
    drop(flight);
    let publication = Publication { source: source.clone(), publish };
    let request = request.clone();
    source.detach(async move {
        let outcome = publication.source.refresh(&request).await;
        publication.publish(outcome);
    })?;
    Ok((ours, true))
}

/// Ends the flight, also if it panics.
struct Publication<S: TokenSource> {
    source: Arc<S>,
    publish: watch::Sender<Option<Outcome>>,
}

impl<S: TokenSource> Publication<S> {
    /// A caller that comes later uses what this flight has left, or starts a new one.
    fn publish(self, outcome: Outcome) {
        let mut flight = self.source.flight().0.lock().unwrap_or_else(PoisonError::into_inner);
        *flight = None;
        self.publish.send_replace(Some(outcome));
    }
}

impl<S: TokenSource> Drop for Publication<S> {
    fn drop(&mut self) {
        let mut flight = self.source.flight().0.lock().unwrap_or_else(PoisonError::into_inner);
        // Not a flight that started since.
        if flight.as_ref().is_some_and(|flight| flight.outcome.same_channel(&self.publish.subscribe())) {
            *flight = None;
        }
    }
}

const TRIES: usize = 3;
