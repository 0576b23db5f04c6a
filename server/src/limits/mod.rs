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

/// Every rate limit of this node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits(Option<Arc<Limiters>>);

#[derive(Debug)]
struct Limiters {
    clock: LimitClock,
    sign_in_account: Keyed,
    sign_in_address: Keyed,
    token_address: Keyed,
    authorize_address: Keyed,
    api_account: Keyed,
}

impl Limits {
    /// Limits as configured, on this clock.
    pub fn new(config: &config::Limits, clock: LimitClock) -> Self {
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
            clock,
        })))
    }

    /// No limits at all: `dev --limits off`.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Whether there are limits.
    pub const fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Counts one use of `limit` by `key`.
    ///
    /// Errors: [`Limited`] when `key` has used up its share; nothing is counted then.
    pub fn check(&self, limit: Limit, key: &str) -> Result<(), Limited> {
        let Some(limiters) = &self.0 else { return Ok(()) };
        limiters.of(limit).check_key(&key_of(key)).map_err(|not_until| Limited {
            retry_after: not_until.wait_time_from(limiters.clock.now()).max(Duration::from_secs(1)),
        })
    }

    /// Counts one use of `limit` by an address. One that is not known is not counted.
    ///
    /// Errors: as [`Limits::check`].
    pub fn check_address(&self, limit: Limit, address: ClientAddress) -> Result<(), Limited> {
        address.limit_key().map_or(Ok(()), |key| self.check(limit, &key))
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

    fn limits(clock: &LimitClock) -> Limits {
        Limits::new(&config::Limits { sign_in_per_account: 2, ..config::Limits::default() }, clock.clone())
    }

    #[test]
    fn a_key_that_used_up_its_share_waits_and_another_key_does_not() {
        let clock = LimitClock::manual();
        let limits = limits(&clock);
        assert_eq!(limits.check(Limit::SignInAccount, "ada"), Ok(()));
        assert_eq!(limits.check(Limit::SignInAccount, "ada"), Ok(()));
        let limited = limits.check(Limit::SignInAccount, "ada").unwrap_err();
        assert_eq!(limited.retry_after_seconds(), 30);
        assert_eq!(limits.check(Limit::SignInAccount, "grace"), Ok(()));
        clock.advance(Duration::from_secs(30));
        assert_eq!(limits.check(Limit::SignInAccount, "ada"), Ok(()));
    }

    #[test]
    fn a_refused_use_does_not_lengthen_the_wait() {
        let clock = LimitClock::manual();
        let limits = limits(&clock);
        for _ in 0..50 {
            let _ = limits.check(Limit::SignInAccount, "ada");
        }
        clock.advance(Duration::from_secs(30));
        assert_eq!(limits.check(Limit::SignInAccount, "ada"), Ok(()));
    }

    #[test]
    fn a_long_key_is_counted_like_any_other_and_not_kept() {
        let limits = limits(&LimitClock::manual());
        let long = "x".repeat(60_000);
        assert_eq!(limits.check(Limit::SignInAccount, &long), Ok(()));
        assert_eq!(limits.check(Limit::SignInAccount, &format!("{long}y")), Ok(()));
        assert_eq!(limits.check(Limit::SignInAccount, &long), Ok(()));
        assert!(limits.check(Limit::SignInAccount, &long).is_err());
        assert!(size_of_val(&key_of(&long)) <= 32);
    }

    #[test]
    fn an_unknown_address_shares_no_limit_with_others() {
        let config = config::Limits { token_per_address: 1, ..config::Limits::default() };
        let limits = Limits::new(&config, LimitClock::manual());
        let known = ClientAddress(Some([192, 0, 2, 1].into()));
        assert!(limits.check_address(Limit::TokenAddress, known).is_ok());
        assert!(limits.check_address(Limit::TokenAddress, known).is_err());
        assert!((0..10).all(|_| limits.check_address(Limit::TokenAddress, ClientAddress(None)).is_ok()));
    }

    #[test]
    fn limits_that_are_off_never_refuse() {
        let off = Limits::new(
            &config::Limits { enabled: false, ..config::Limits::default() },
            LimitClock::monotonic(),
        );
        assert!((0..10_000).all(|_| off.check(Limit::TokenAddress, "s").is_ok()));
    }

    #[test]
    fn idle_keys_are_forgotten_without_giving_a_share_back_early() {
        let clock = LimitClock::manual();
        let limits = limits(&clock);
        let _ = limits.check(Limit::SignInAccount, "ada");
        let _ = limits.check(Limit::SignInAccount, "ada");
        limits.forget_idle();
        assert!(limits.check(Limit::SignInAccount, "ada").is_err());
    }
}
