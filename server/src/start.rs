//! From settings to a running server: the one path that `serve`, `dev` and the tests go.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use crate::accounts::{self, Passwords};
use crate::http::{self, AppState, Listener, Parts, ServeError, Tls};
use crate::limits::{LimitClock, Limits};
use crate::oauth;
use crate::restore::{self, OtherIssuer, RestoreError};
use moorline_server_base::clock::{Clock, ClockGuard};
use moorline_server_base::config::{Config, Database, NotPrimary, Role};
use moorline_server_base::random::Random;
use moorline_server_keys::{Keys, KeysError, Rotation};
use moorline_server_shared::{Redis, Shared, SharedError};
use moorline_server_store::{Actor, Membership, Options, Purpose, Store, StoreError, check_whole, reserve};

/// The server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database can't be opened.
    #[error("{database}: {error}")]
    Store {
        /// The database.
        database: Database,
        /// Why.
        error: StoreError,
    },
    /// The database and the revocation log do not fit together.
    #[error(transparent)]
    Restore(RestoreError),
    /// The database belongs to another issuer.
    #[error(transparent)]
    OtherIssuer(#[from] OtherIssuer),
    /// This node may not write.
    #[error(transparent)]
    NotPrimary(#[from] NotPrimary),
    /// What nodes share can't be used.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// The signing keys can't be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// Opens the database and the keys, and puts the state together. A primary first makes sure that the database has not
/// gone back in time. The database belongs to the first issuer that it is opened for.
///
/// # Errors
/// [`StartError`] names what can't be opened.
pub async fn open(config: Config, clock: Clock) -> Result<AppState, StartError> {
    open_for(config, clock, NewIssuer::Refused).await
}

/// As [`open`], for a development server: its issuer changes with its port.
pub(crate) async fn open_to_develop(config: Config, clock: Clock) -> Result<AppState, StartError> {
    open_for(config, clock, NewIssuer::Taken).await
}

/// Names the database in an error of the store.
fn cannot_open(config: &Config) -> impl Fn(StoreError) -> StartError + use<> {
    let database = config.database.clone();
    move |error| StartError::Store { database: database.clone(), error }
}

/// What happens to another issuer than that of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NewIssuer {
    Refused,
    Taken,
}

async fn open_for(config: Config, clock: Clock, new_issuer: NewIssuer) -> Result<AppState, StartError> {
    let options = options(&config);
    if let Some(log) = config.revocation_log_by_default() {
        tracing::warn!(
            log = %log.display(),
            "the revocation log is beside the database, where a restore takes it back too: move it to other storage \
             and set store.revocation_log to it. If you need none, remove the file"
        );
    }
    let failed = cannot_open(&config);
    // Before the database is written: a server that is refused has changed nothing.
    let reservation = match config.store.role {
        Role::Replica => None,
        Role::Primary => {
            let purpose = Purpose::Serve { shares: config.shared.is_some() };
            Some(reserve(&config.database, purpose).await.map_err(&failed)?)
        }
    };
    let store = match config.store.role {
        Role::Replica => Store::open_replica(&options).map_err(RestoreError::Store),
        Role::Primary => Store::open_with(&options, |tx| {
            check_whole(tx)?;
            match config.revocation_log() {
                Some(log) => {
                    restore::guard(tx, &log, config.master_keys(), &Random::system(), clock.now()).map(Some)
                }
                None => restore::name(tx, &Random::system(), clock.now()).map(|()| None),
            }
        }),
    };
    let store = store.map_err(|error| match error {
        RestoreError::Store(error) => failed(error),
        other => StartError::Restore(other),
    })?;
    let named = store.read(&Actor::System("the name of the database"), restore::instance).await;
    let name = named.map_err(&failed)?.unwrap_or_default();
    let membership = match reservation {
        Some(reservation) => Some(reservation.join(&name).await.map_err(&failed)?),
        None => None,
    };
    if !store.only_reads() {
        let left = accounts::legacy_names::work_out(&store).await.map_err(&failed)?;
        if left > 0 {
            tracing::warn!(
                users = left,
                "user names that are not compared by RFC 8265: `moorline-server user list --problems` shows them"
            );
        }
    }
    belongs_to(&config, &store, new_issuer).await?;
    let state = assemble(config, clock, store, Some(Company { name, membership })).await?;
    if !state.store.only_reads() {
        let (keys, now) = (state.keys.clone(), state.clock.now());
        let serves = state.store.write(&Actor::System("a start"), move |tx| keys.serve(tx, now)).await;
        serves.map_err(cannot_open(&state.config))?;
    }
    Ok(state)
}

/// Makes sure that the database belongs to the issuer of the settings; `false` if none is recorded. It is asked once
/// this node has its place: no command changes the issuer any more.
async fn belongs_to(config: &Config, store: &Store, new_issuer: NewIssuer) -> Result<bool, StartError> {
    const ACTOR: Actor = Actor::System("the issuer of the database");
    let settings = config.issuer.clone();
    let stored = if store.only_reads() {
        store.read(&ACTOR, restore::issuer).await
    } else if new_issuer == NewIssuer::Taken {
        store.write(&ACTOR, move |tx| restore::set_issuer(tx, &settings).map(|()| None)).await
    } else {
        store.write(&ACTOR, move |tx| restore::record_issuer(tx, &settings)).await
    };
    let failed = cannot_open(config);
    match stored.map_err(&failed)? {
        Some(stored) if stored != config.issuer.as_str() => {
            Err(OtherIssuer { settings: config.issuer.to_string(), stored }.into())
        }
        stored => Ok(stored.is_some()),
    }
}

/// Whether the issuer of the settings is that of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerCheck {
    /// It is.
    Same,
    /// They were not compared; why.
    NotCompared(String),
}

/// Compares the settings with a database that a server has used; changes nothing, and asks for no guard.
///
/// # Errors
/// As [`open_to_read`], but not for tables that a start would bring up to date.
pub async fn check(config: &Config) -> Result<IssuerCheck, StartError> {
    let not_compared = |why: &str| Ok(IssuerCheck::NotCompared(format!("{}: {why}", config.database)));
    match config.database.file().map(std::path::Path::try_exists) {
        None | Some(Ok(true)) => {}
        Some(Ok(false)) => return not_compared("there is no database yet"),
        Some(Err(error)) => return not_compared(&error.to_string()),
    }
    let failed = cannot_open(config);
    let store = match Store::open_to_read(&options(config).lanes(1)) {
        Err(error @ StoreError::Outdated(_)) => return not_compared(&error.to_string()),
        other => other.map_err(&failed)?,
    };
    if belongs_to(config, &store, NewIssuer::Refused).await? {
        Ok(IssuerCheck::Same)
    } else {
        not_compared("no server has recorded an issuer")
    }
}

/// As [`open`], for a command beside a server that may be running: it ends no sessions, and asks for no guard. As long
/// as the result lives, no command has the database for itself.
///
/// # Errors
/// As [`open`]; [`StartError::NotPrimary`] on a replica, and [`StartError::Store`] while a command has the database for
/// itself.
pub async fn open_beside(config: Config, clock: Clock) -> Result<AppState, StartError> {
    config.must_be_primary()?;
    let store = Store::open_beside(&options(&config)).await;
    assemble_beside(config, clock, store).await
}

/// As [`open_beside`], for a command that writes nothing: it changes no table and makes no key. A replica will do, and
/// a role of Postgres that may only read.
///
/// # Errors
/// As [`open`]; also when the tables are older than this version's.
pub async fn open_to_read(config: Config, clock: Clock) -> Result<AppState, StartError> {
    let options = options(&config);
    let store = match config.store.role {
        Role::Replica => Store::open_replica(&options),
        Role::Primary => Store::open_to_read(&options),
    };
    assemble_beside(config, clock, store).await
}

async fn assemble_beside(
    config: Config,
    clock: Clock,
    store: Result<Store, StoreError>,
) -> Result<AppState, StartError> {
    let store = store.map_err(cannot_open(&config))?;
    assemble(config, clock, store, None).await
}

/// What connects a node that serves with the other nodes of its database. Commands have none.
struct Company {
    /// The name of the database.
    name: String,
    /// `None` on a replica, which is no node of its own.
    membership: Option<Membership>,
}

/// Connects to what the nodes of the database `name` share, if the settings say so.
async fn shared(
    config: &Config,
    clock: &Clock,
    name: &str,
    keys: &Keys,
) -> Result<Option<Arc<dyn Shared>>, SharedError> {
    let Some(url) = &config.shared else { return Ok(None) };
    if url.is_in_the_clear() {
        tracing::warn!(%url, "the shared store is reached without TLS: use rediss://, unless its network is your own");
    }
    let secret = keys.lasting_secret(b"moorline shared v1");
    let redis = Redis::connect(url, name, &secret, clock.clone(), Random::system()).await?;
    Ok(Some(Arc::new(redis)))
}

fn options(config: &Config) -> Options {
    Options::new(config.database.clone()).lanes(config.store.lanes)
}

async fn assemble(
    config: Config,
    clock: Clock,
    store: Store,
    company: Option<Company>,
) -> Result<AppState, StartError> {
    let random = Random::system();
    let seen = store
        .read(&Actor::System("the last known time"), restore::seen_at)
        .await
        .map_err(cannot_open(&config))?;
    // Keys must not be made or retired by a time that is not accepted.
    let guard = ClockGuard::new(seen.unwrap_or_else(|| clock.now()), config.store.clock_jump.as_duration());
    let now = if guard.accept(clock.now()) { clock.now() } else { guard.seen() };
    let keys = Keys::open(&store, config.master_keys(), &random, now).await?;
    let (shared, membership) = match company {
        Some(Company { name, membership }) => (shared(&config, &clock, &name, &keys).await?, membership),
        None => (None, None),
    };
    if let (Some(shared), Some(membership)) = (shared.clone(), &membership) {
        let used = membership.use_store(move || shared.store()).await;
        used.map_err(cannot_open(&config))?;
    }
    let limits = match &shared {
        Some(shared) => Limits::of_all_nodes(&config.limits, LimitClock::monotonic(), Arc::clone(shared)),
        None => Limits::new(&config.limits, LimitClock::monotonic()),
    };
    let passwords = Passwords::new(&config.passwords, random.clone());
    let state =
        AppState::new(Parts { config, store, keys, clock, random, limits, passwords, shared, membership });
    state.clock_guard().recall(guard.seen());
    Ok(state)
}

/// Serves on `listener` until `stop` resolves; then for `http.drain_delay` more, and until running requests have ended.
///
/// # Errors
/// [`ServeError`] when the listener breaks.
pub async fn run(
    state: AppState,
    listener: Listener,
    tls: Option<Tls>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let router = http::router(state.clone());
    run_router(router, state, listener, tls, stop).await
}

/// The same, with a router of the caller's.
pub(crate) async fn run_router(
    router: Router,
    state: AppState,
    listener: Listener,
    tls: Option<Tls>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let (settings, draining) = (state.config.http.clone(), state.clone());
    let mut work = vec![tokio::spawn(upkeep(state.clone())), tokio::spawn(follow(state))];
    work.extend(tls.clone().map(|tls| tokio::spawn(tls.follow())));
    let delay = settings.drain_delay.as_duration();
    let place = draining.clone();
    let stop = async move {
        tokio::select! {
            () = stop => {}
            () = replaced(&draining) => {}
        }
        draining.drain();
        tokio::time::sleep(delay).await;
    };
    let result = listener.serve(tls, router, &settings, stop).await;
    work.iter().for_each(tokio::task::JoinHandle::abort);
    // What a command has written within the last minute: after a stop the database may be restored.
    if !place.store.only_reads() {
        export(&place).await;
    }
    if place.membership.as_ref().is_some_and(Membership::is_lost) {
        Err(ServeError::Replaced)
    } else {
        result
    }
}

/// Waits until another node has this one's place at the database.
async fn replaced(state: &AppState) {
    match &state.membership {
        Some(membership) => membership.lost().await,
        None => std::future::pending().await,
    }
}

/// Each minute: takes over what an operator's command or another node did to the signing keys, and exports the ends of
/// sessions that a command wrote; says by which master key it seals.
async fn follow(state: AppState) {
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        minutes.tick().await;
        state.limits.forget_idle();
        if let Err(error) = state.keys.follow(&state.store).await {
            tracing::error!(%error, "the signing keys could not be read");
        }
        if !state.store.only_reads() {
            export(&state).await;
        }
    }
}

/// Exports the revocations that a command wrote, and says by which master key this server seals.
async fn export(state: &AppState) {
    let actor = Actor::System("the ends that a command wrote");
    let (keys, now) = (state.keys.clone(), state.clock.now());
    let exported: Result<(), StoreError> = state
        .store
        .write(&actor, move |tx| {
            tx.must_be_exported();
            keys.serve(tx, now)
        })
        .await;
    if let Err(error) = exported {
        tracing::error!(%error, "revocations could not be exported");
    }
}

/// Each hour: rotates the signing keys, deletes what has expired, and stores the time.
async fn upkeep(state: AppState) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    hours.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        if !is_time_accepted(&state).await {
            tracing::error!("the clock jumped forward: set it right, or run `moorline-server clock accept`");
            continue;
        }
        let tables = state.store.read(&Actor::System("upkeep"), moorline_server_store::check_tables).await;
        if let Err(error @ StoreError::Unusable(_)) = tables {
            // What of the tables this version would damage is unknown.
            tracing::error!(%error, "this server is not ready any more: replace it");
            continue;
        }
        let now = state.clock.now();
        if let Err(error) = state.keys.rotate(&state.store, &Rotation::default(), &state.random, now).await {
            tracing::error!(%error, "the signing keys could not be rotated");
        }
        if state.store.only_reads() {
            continue;
        }
        if let Err(error) = oauth::sweep(&state.store, &state.config, now).await {
            tracing::error!(%error, "what has expired could not be deleted");
        }
        // Another version of the server may be adding users beside this one.
        if let Err(error) = accounts::legacy_names::work_out(&state.store).await {
            tracing::error!(%error, "the names of new users could not be worked out");
        }
        let passwords = state.passwords.clone();
        let deleted = state.store.write(&Actor::System("upkeep"), move |tx| {
            restore::see(tx, now)?;
            accounts::delete_unused_costs(tx, passwords.cost())
        });
        if let Err(error) = deleted.await {
            tracing::error!(%error, "the time could not be stored, nor unused costs of passwords deleted");
        }
    }
}

async fn is_time_accepted(state: &AppState) -> bool {
    restore::is_time_accepted(&state.store, state.clock_guard(), &state.clock).await.unwrap_or(false)
}
