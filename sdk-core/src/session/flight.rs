//! One refresh at a time in a process, however many callers there are, and none of them can stop it.

use std::{
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

impl Session {
    /// An access token that serves `need`: the one in memory, or else what a refresh brings. Callers at the same time
    /// share one; it goes on when they stop waiting.
    pub(crate) async fn access_token(self: &Arc<Self>, need: Need) -> Result<AccessToken, Error> {
        // Twice: the flight that was joined may have set off for one who would take what this caller has rejected.
        for _ in 0..2 {
            if let Some(token) = self.held(&need) {
                return Ok(token);
            }
            let (mut landing, ours) = self.join(&need)?;
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

    /// The flight that is under way, or else a new one; and whether it set off for this caller.
    fn join(self: &Arc<Self>, need: &Need) -> Result<(Landing, bool), Error> {
        let mut flight = self.flight.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(landing) = &*flight {
            return Ok((landing.clone(), false));
        }
        let (land, landing) = watch::channel(None);
        let grounded = Grounded(self.clone());
        let need = need.clone();
        runtime::spawn(async move {
            let outcome = refresh::run(&grounded.0, &need).await;
            // Whoever comes from here on looks at what this one has left, or sets off anew.
            drop(grounded);
            land.send_replace(Some(outcome));
        })?;
        *flight = Some(landing.clone());
        Ok((landing, true))
    }
}

/// Ends the flight also when it panics.
struct Grounded(Arc<Session>);

impl Drop for Grounded {
    fn drop(&mut self) {
        *self.0.flight.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
