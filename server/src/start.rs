//! From settings to a running server: the one path that `serve`, `dev` and the tests go.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, Listener, ServeError};
use crate::identity::Passwords;
use crate::keys::{Keys, KeysError, Rotation};
use crate::limits::{LimitClock, Limits};
use crate::oauth;
use crate::random::Random;
use crate::state::{AppState, Parts};
use crate::store::{Actor, Options, Store, StoreError};

/// The server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database can't be opened.
    #[error("{}: {error}", path.display())]
    Store {
        /// The database file.
        path: std::path::PathBuf,
        /// Why.
        error: StoreError,
    },
    /// The signing keys can't be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// Opens the database and the keys, and puts the state together.
///
/// # Errors
/// [`StartError`] names what can't be opened.
pub async fn open(config: Config, clock: Clock) -> Result<AppState, StartError> {
    let random = Random::system();
    let store = Store::open(&Options::new(&config.database))
        .map_err(|error| StartError::Store { path: config.database.clone(), error })?;
    let keys = Keys::open(&store, config.master_key(), &random, clock.now()).await?;
    let limits = Limits::new(&config.limits, LimitClock::monotonic());
    let passwords = Passwords::new(&config.passwords, random.clone());
    Ok(AppState::new(Parts { config, store, keys, clock, random, limits, passwords }))
}

/// Serves on `listener` until `stop` resolves, and then until running requests have ended.
///
/// # Errors
/// [`ServeError`] when the listener breaks.
pub async fn run(
    state: AppState,
    listener: Listener,
    tls: Option<Arc<rustls::ServerConfig>>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let upkeep = tokio::spawn(upkeep(state.clone()));
    let settings = state.config.http.clone();
    let result = listener.serve(tls, http::router(state), &settings, stop).await;
    upkeep.abort();
    result
}

/// What has to be done now and then: signing keys take turns, and idle rate limits are forgotten.
async fn upkeep(state: AppState) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    hours.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        state.limits.forget_idle();
        let now = state.clock.now();
        if let Err(error) = state.keys.rotate(&state.store, &Rotation::default(), &state.random, now).await {
            tracing::error!(%error, "the signing keys could not be looked after");
        }
        if let Err(error) = oauth::sweep(&state).await {
            tracing::error!(%error, "what has expired could not be deleted");
        }
        let forgotten = state.store.write(&Actor::System("upkeep"), move |tx| {
            tx.execute("DELETE FROM browser_sessions WHERE expires_at <= $1", &[now.into()])
        });
        if let Err(error) = forgotten.await {
            tracing::error!(%error, "expired browser sessions could not be deleted");
        }
    }
}
