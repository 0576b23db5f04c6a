//! One refresh at a time in a process, however many callers there are, and none of them can stop it.
//!
//! The single flight itself is [`access_token`], over the few things that it needs of a session ([`Flies`]): so that a test
//! can put it through every order of callers that come, wait and go away, and of the steps of the refresh.

use std::{
    future::{Future, ready},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    access_token::{AccessToken, Need},
    engine::Session,
    refresh,
};
use crate::{Error, runtime};

type Landing = watch::Receiver<Option<Result<AccessToken, Error>>>;

/// The refresh that is under way, if one is.
#[derive(Debug, Default)]
pub(super) struct Flight(Mutex<Option<Landing>>);

/// What has at most one refresh under way.
pub(super) trait Flies: Send + Sync + 'static {
    /// The one that is.
    fn flight(&self) -> &Flight;

    /// The token in memory, if it serves.
    fn held(&self, need: &Need) -> Option<AccessToken>;

    /// A refresh; also it looks first whether there is something that serves.
    fn fly(self: &Arc<Self>, need: &Need) -> impl Future<Output = Result<AccessToken, Error>> + Send;

    /// Starts work that goes on whoever stops waiting.
    fn detach(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), Error>;

    /// Where another thread may come in between. Nothing to wait for: it is for a test to do so.
    fn overtaken(&self) -> impl Future<Output = ()> + Send {
        ready(())
    }
}

impl Flies for Session {
    fn flight(&self) -> &Flight {
        &self.flight
    }

    fn held(&self, need: &Need) -> Option<AccessToken> {
        self.held(need)
    }

    async fn fly(self: &Arc<Self>, need: &Need) -> Result<AccessToken, Error> {
        refresh::run(self, need).await
    }

    fn detach(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        self.executor.spawn(work).map(drop)
    }
}

/// An access token that serves `need`: the one in memory, or else what a refresh brings. Callers at the same time share
/// one; it goes on when they stop waiting.
pub(super) async fn access_token<S: Flies>(session: &Arc<S>, need: Need) -> Result<AccessToken, Error> {
    // Twice: the flight that was joined may have set off for one who would take what this caller has rejected.
    for _ in 0..2 {
        if let Some(token) = session.held(&need) {
            return Ok(token);
        }
        session.overtaken().await;
        let (mut landing, ours) = join(session, &need)?;
        let landed = match landing.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone(),
            // It panicked.
            Err(_) => None,
        };
        let token = landed.unwrap_or_else(|| Err(runtime::internal()))?;
        // A provider may answer with the token that it gave before; then there is no other to be had.
        if ours || need.rejected.as_ref().is_none_or(|rejected| rejected.secret() != token.secret()) {
            return Ok(token);
        }
    }
    Err(Error::Offline)
}

/// The flight that is under way, or else a new one; and whether it set off for this caller.
fn join<S: Flies>(session: &Arc<S>, need: &Need) -> Result<(Landing, bool), Error> {
    let mut flight = session.flight().0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(landing) = &*flight {
        return Ok((landing.clone(), false));
    }
    let (land, landing) = watch::channel(None);
    *flight = Some(landing.clone());
    // Where the work can't be started, it is dropped, and grounds the flight.
    drop(flight);
    let grounded = Grounded(session.clone());
    let need = need.clone();
    session.detach(async move {
        let outcome = grounded.0.fly(&need).await;
        let session = grounded.0.clone();
        // Whoever comes from here on looks at what this one has left, or sets off anew.
        drop(grounded);
        session.overtaken().await;
        land.send_replace(Some(outcome));
    })?;
    Ok((landing, true))
}

/// Ends the flight also when it panics.
struct Grounded<S: Flies>(Arc<S>);

impl<S: Flies> Drop for Grounded<S> {
    fn drop(&mut self) {
        *self.0.flight().0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Session {
    /// See [`access_token`].
    pub(crate) async fn access_token(self: &Arc<Self>, need: Need) -> Result<AccessToken, Error> {
        access_token(self, need).await
    }

    /// An access token that isn't the `present` one, nor the vault's where the caller doesn't know of any.
    pub(crate) async fn refresh(
        self: &Arc<Self>,
        mut present: Option<AccessToken>,
    ) -> Result<AccessToken, Error> {
        if present.is_none() {
            self.standing().await?;
            present = self.latest();
        }
        self.access_token(Need { min_validity: Duration::ZERO, rejected: present }).await
    }
}
