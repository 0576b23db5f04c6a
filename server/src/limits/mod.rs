//! Rate limits: how often one account, address or client may do one thing. How often one *session* may rotate is
//! counted in its row, in the transaction that rotates it (`oauth::rotation`).

mod address;
mod clock;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

pub use address::{ClientAddress, client_address};
pub use clock::LimitClock;
use moorline_server_base::config;
use moorline_server_shared::{Counted, Shared};

/// What is limited; the key given to [`Limits::check`] says for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Sign-in attempts for one user name (also one that does not exist) with one browser or from one address.
    SignInAccount,
    /// Sign-in attempts from one address.
    SignInAddress,
    /// Token requests from one address.
    TokenAddress,
    /// Authorization requests from one address.
    AuthorizeAddress,
    /// Requests of one user through one client to the API and for user information.
    ApiAccount,
}

impl Limit {
    /// The name that nodes count it by, of whatever version they are.
    const fn name(self) -> &'static str {
        match self {
            Self::SignInAccount => "sign_in_per_account",
            Self::SignInAddress => "sign_in_per_address",
            Self::TokenAddress => "token_per_address",
            Self::AuthorizeAddress => "authorize_per_address",
            Self::ApiAccount => "api_per_account",
        }
    }
}

/// Refused for now: try again after this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Limited {
    /// How long to wait, at least one second.
    pub retry_after: Duration,
}

impl Limited {
    /// The value of `Retry-After`: whole seconds, rounded up, at least one.
    pub fn retry_after_seconds(&self) -> u64 {
        (self.retry_after.as_millis().div_ceil(1000) as u64).max(1)
    }
}

/// A hash of the key: a stranger chooses how long the key is.
type Key = [u8; 16];

type Keyed = RateLimiter<Key, DashMapStateStore<Key>, LimitClock, NoOpMiddleware<Nanos>>;

/// Every rate limit. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits(Option<Arc<Limiters>>);

#[derive(Debug)]
struct Limiters {
    quotas: config::Limits,
    /// Counts for all nodes.
    shared: Option<Arc<dyn Shared>>,
    clock: LimitClock,
    sign_in_tries: u32,
    sign_in_account: Keyed,
    sign_in_address: Keyed,
    token_address: Keyed,
    authorize_address: Keyed,
    api_account: Keyed,
}

impl Limits {
    /// Limits as configured, on this clock, counted for this node.
    pub fn new(config: &config::Limits, clock: LimitClock) -> Self {
        Self::with(config, clock, None)
    }

    /// The same, counted for all nodes. While that is not possible, this node counts for itself: a limit never
    /// vanishes.
    pub fn of_all_nodes(config: &config::Limits, clock: LimitClock, shared: Arc<dyn Shared>) -> Self {
        Self::with(config, clock, Some(shared))
    }

    fn with(config: &config::Limits, clock: LimitClock, shared: Option<Arc<dyn Shared>>) -> Self {
        if !config.enabled {
            return Self(None);
        }
        let per_minute = |count: u32| -> Keyed {
            let count = NonZeroU32::new(count).expect("validation refuses a limit of 0");
            RateLimiter::new(Quota::per_minute(count), DashMapStateStore::default(), clock.clone())
        };
        Self(Some(Arc::new(Limiters {
            sign_in_account: per_minute(config.sign_in_per_account),
            sign_in_address: per_minute(config.sign_in_per_address),
            token_address: per_minute(config.token_per_address),
            authorize_address: per_minute(config.authorize_per_address),
            api_account: per_minute(config.api_per_account),
            sign_in_tries: config.sign_in_tries,
            quotas: config.clone(),
            shared,
            clock,
        })))
    }

    /// No limits at all: `dev --limits off`.
    pub const fn off() -> Self {
        Self(None)
    }

    /// How many wrong passwords at one account from one place need no wait; `None` without limits.
    pub fn sign_in_tries(&self) -> Option<u32> {
        self.0.as_ref().map(|limiters| limiters.sign_in_tries)
    }

    /// Counts one use of `limit` by `key`.
    ///
    /// Errors: [`Limited`] when `key` has used up its share; nothing is counted then.
    pub async fn check(&self, limit: Limit, key: &str) -> Result<(), Limited> {
        let Some(limiters) = &self.0 else { return Ok(()) };
        let key = key_of(key);
        let wait = match limiters.count_for_all(limit, &key).await {
            Some(Counted::Within) => return Ok(()),
            Some(Counted::Over(wait)) => wait,
            None => match limiters.of(limit).check_key(&key) {
                Ok(()) => return Ok(()),
                Err(not_until) => not_until.wait_time_from(limiters.clock.now()),
            },
        };
        Err(Limited { retry_after: wait.max(Duration::from_secs(1)) })
    }

    /// Counts one use of `limit` by an address. One that is not known is not counted.
    ///
    /// Errors: as [`Limits::check`].
    pub async fn check_address(&self, limit: Limit, address: ClientAddress) -> Result<(), Limited> {
        match address.limit_key() {
            Some(key) => self.check(limit, &key).await,
            None => Ok(()),
        }
    }

    /// Deletes keys that are back at their full share, so that memory follows recent callers only.
    pub fn forget_idle(&self) {
        let Some(limiters) = &self.0 else { return };
        for limiter in limiters.all() {
            limiter.retain_recent();
        }
    }
}

fn key_of(text: &str) -> Key {
    let hash = digest(&SHA256, text.as_bytes());
    *hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

impl Limiters {
    async fn count_for_all(&self, limit: Limit, key: &Key) -> Option<Counted> {
        let per_minute = NonZeroU32::new(self.quota(limit))?;
        self.shared.as_ref()?.count(limit.name(), key, per_minute).wait().await
    }

    const fn quota(&self, limit: Limit) -> u32 {
        match limit {
            Limit::SignInAccount => self.quotas.sign_in_per_account,
            Limit::SignInAddress => self.quotas.sign_in_per_address,
            Limit::TokenAddress => self.quotas.token_per_address,
            Limit::AuthorizeAddress => self.quotas.authorize_per_address,
            Limit::ApiAccount => self.quotas.api_per_account,
        }
    }

    fn of(&self, limit: Limit) -> &Keyed {
        match limit {
            Limit::SignInAccount => &self.sign_in_account,
            Limit::SignInAddress => &self.sign_in_address,
            Limit::TokenAddress => &self.token_address,
            Limit::AuthorizeAddress => &self.authorize_address,
            Limit::ApiAccount => &self.api_account,
        }
    }

    fn all(&self) -> [&Keyed; 5] {
        [
            &self.sign_in_account,
            &self.sign_in_address,
            &self.token_address,
            &self.authorize_address,
            &self.api_account,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moorline_server_base::clock::Clock;
    use moorline_server_base::random::Random;
    use moorline_server_shared::Redis;
    use moorline_server_shared::testing::RedisServer;

    fn limits(clock: &LimitClock) -> Limits {
        Limits::new(&config::Limits { sign_in_per_account: 2, ..config::Limits::default() }, clock.clone())
    }

    #[tokio::test]
    async fn a_key_that_used_up_its_share_waits_and_another_key_does_not() {
        let clock = LimitClock::manual();
        let limits = limits(&clock);
        assert_eq!(limits.check(Limit::SignInAccount, "ada").await, Ok(()));
        assert_eq!(limits.check(Limit::SignInAccount, "ada").await, Ok(()));
        let limited = limits.check(Limit::SignInAccount, "ada").await.unwrap_err();
        assert_eq!(limited.retry_after_seconds(), 30);
        assert_eq!(limits.check(Limit::SignInAccount, "grace").await, Ok(()));
        clock.advance(Duration::from_secs(30));
        assert_eq!(limits.check(Limit::SignInAccount, "ada").await, Ok(()));
    }

    #[tokio::test]
    async fn a_refused_use_does_not_lengthen_the_wait() {
        let clock = LimitClock::manual();
        let limits = limits(&clock);
        for _ in 0..50 {
            let _ = limits.check(Limit::SignInAccount, "ada").await;
        }
        clock.advance(Duration::from_secs(30));
        assert_eq!(limits.check(Limit::SignInAccount, "ada").await, Ok(()));
    }

    #[tokio::test]
    async fn a_long_key_is_counted_like_any_other_and_not_kept() {
        let limits = limits(&LimitClock::manual());
        let long = "x".repeat(60_000);
        assert_eq!(limits.check(Limit::SignInAccount, &long).await, Ok(()));
        assert_eq!(limits.check(Limit::SignInAccount, &format!("{long}y")).await, Ok(()));
        assert_eq!(limits.check(Limit::SignInAccount, &long).await, Ok(()));
        assert!(limits.check(Limit::SignInAccount, &long).await.is_err());
        assert!(size_of_val(&key_of(&long)) <= 32);
    }

    #[tokio::test]
    async fn an_unknown_address_shares_no_limit_with_others() {
        let config = config::Limits { token_per_address: 1, ..config::Limits::default() };
        let limits = Limits::new(&config, LimitClock::manual());
        let known = ClientAddress(Some([192, 0, 2, 1].into()));
        assert!(limits.check_address(Limit::TokenAddress, known).await.is_ok());
        assert!(limits.check_address(Limit::TokenAddress, known).await.is_err());
        for _ in 0..10 {
            assert!(limits.check_address(Limit::TokenAddress, ClientAddress(None)).await.is_ok());
        }
    }

    #[tokio::test]
    async fn limits_that_are_off_never_refuse() {
        let off = Limits::new(
            &config::Limits { enabled: false, ..config::Limits::default() },
            LimitClock::monotonic(),
        );
        for _ in 0..10_000 {
            assert!(off.check(Limit::TokenAddress, "s").await.is_ok());
        }
    }

    #[tokio::test]
    async fn idle_keys_are_forgotten_without_giving_a_share_back_early() {
        let clock = LimitClock::manual();
        let limits = limits(&clock);
        let _ = limits.check(Limit::SignInAccount, "ada").await;
        let _ = limits.check(Limit::SignInAccount, "ada").await;
        limits.forget_idle();
        assert!(limits.check(Limit::SignInAccount, "ada").await.is_err());
    }

    #[tokio::test]
    async fn nodes_that_share_a_store_count_together_and_each_for_itself_while_it_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut server) = RedisServer::start(folder.path(), &[]) else { return };
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let (clock, random) = (Clock::system(), Random::system());
            let shared = Redis::connect(&server.url(), "test", &[7; 32], clock, random).await.unwrap();
            let config = config::Limits { sign_in_per_account: 2, ..config::Limits::default() };
            nodes.push(Limits::of_all_nodes(&config, LimitClock::manual(), Arc::new(shared)));
        }
        let [one, two] = nodes.as_slice() else { unreachable!() };
        assert!(one.check(Limit::SignInAccount, "ada").await.is_ok());
        assert!(two.check(Limit::SignInAccount, "ada").await.is_ok());
        let limited = one.check(Limit::SignInAccount, "ada").await.unwrap_err();
        assert!((1..=30).contains(&limited.retry_after_seconds()));
        assert!(two.check(Limit::SignInAccount, "grace").await.is_ok());
        server.stop();
        for node in [one, two] {
            assert!(node.check(Limit::SignInAccount, "ada").await.is_ok());
            assert!(node.check(Limit::SignInAccount, "ada").await.is_ok());
            assert!(node.check(Limit::SignInAccount, "ada").await.is_err(), "never unlimited");
        }
    }
}
