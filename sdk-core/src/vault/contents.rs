//! What the vault holds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Secret;
use crate::{Clock, ReauthReason, User, dpop::ProofKey};

/// All accounts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Contents {
    pub(super) accounts: Vec<Account>,
}

impl Contents {
    /// What is known about an account; nothing where it never had a sign-in.
    pub(crate) fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == *id)
    }

    /// The account, made where it is missing.
    pub(crate) fn account_mut(&mut self, id: &AccountId) -> &mut Account {
        let at = self.accounts.iter().position(|account| account.id == *id).unwrap_or_else(|| {
            self.accounts.push(Account::new(id.clone()));
            self.accounts.len() - 1
        });
        &mut self.accounts[at]
    }

    /// The refresh tokens of all sessions.
    pub(super) fn refresh_tokens(&self) -> impl Iterator<Item = &Secret> {
        self.accounts.iter().filter_map(|account| account.standing.refresh_token())
    }
}

/// Names a session of the vault. A token is only ever sent to the issuer that its session is filed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountId {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) account: String,
}

/// One account.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    id: AccountId,
    pub(crate) standing: Standing,
    /// Sign-ins that have started, the oldest first.
    pub(crate) logins: Vec<PendingLogin>,
    /// What the provider has yet to be told.
    pub(crate) revocations: Vec<Revocation>,
}

impl Account {
    const fn new(id: AccountId) -> Self {
        Self { id, standing: Standing::NeverSignedIn, logins: Vec::new(), revocations: Vec::new() }
    }
}

/// Where an account stands. The last two are tombstones: they outlive the session, so that a late answer can't bring it
/// back, and a new start of the app knows why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Standing {
    NeverSignedIn,
    SignedIn(Box<StoredSession>),
    SignedOut,
    Ended(EndReason),
}

impl Standing {
    /// The session, where there is one.
    pub(crate) fn session(&self) -> Option<&StoredSession> {
        match self {
            Self::SignedIn(session) => Some(session),
            Self::NeverSignedIn | Self::SignedOut | Self::Ended(_) => None,
        }
    }

    /// Its refresh token, where it has one.
    pub(crate) fn refresh_token(&self) -> Option<&Secret> {
        self.session()?.refresh_token.as_ref()
    }
}

/// Why a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EndReason {
    Revoked,
    NoRefreshToken,
}

impl From<EndReason> for ReauthReason {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Revoked => Self::Revoked,
            EndReason::NoRefreshToken => Self::NoRefreshToken,
        }
    }
}

/// A live session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredSession {
    pub(crate) user: User,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) access_token: Secret,
    /// What the tokens are bound to; nothing in a bearer session, which all were that format 1 holds.
    #[serde(default)]
    pub(crate) proof_key: Option<ProofKey>,
    /// Whether the access token is a bearer token also where there is a key: a provider may bind the refresh token alone
    /// (RFC 9449 §5), and then wants its proof.
    #[serde(default)]
    pub(crate) bearer_access_token: bool,
    /// Whether the provider said that it knows attempts when the refresh token came: this token is sent with one each time,
    /// or never. Nothing in a vault of before; then what it says when the token is sent counts.
    #[serde(default)]
    pub(crate) knows_attempts: Option<bool>,
    /// Nothing where the provider doesn't say how long the access token lives.
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) scope: Vec<String>,
    /// Unix seconds, by the device's clock.
    pub(crate) signed_in_at: u64,
    pub(crate) refreshes: u64,
    /// The `state` of the sign-in that it came from: the same callback, delivered twice, is told by it.
    pub(crate) login_state: Secret,
}

impl StoredSession {
    /// What the access token is bound to.
    pub(crate) fn access_token_key(&self) -> Option<&ProofKey> {
        self.proof_key.as_ref().filter(|_| !self.bearer_access_token)
    }
}

/// A sign-in that has started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingLogin {
    pub(crate) state: Secret,
    pub(crate) nonce: Secret,
    pub(crate) code_verifier: Secret,
    /// What the code is bound to, and the tokens will be; nothing where the provider only has bearer tokens.
    #[serde(default)]
    pub(crate) proof_key: Option<ProofKey>,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Vec<String>,
    pub(crate) max_age: Option<u64>,
}

/// A token that the provider has yet to revoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) token: Secret,
    pub(crate) is_refresh_token: bool,
    /// What it is bound to: without a proof, nobody revokes it.
    #[serde(default)]
    pub(crate) proof_key: Option<ProofKey>,
}

impl Revocation {
    /// What ends this session at the provider: its refresh token, or else its access token.
    pub(crate) fn of(session: &StoredSession) -> Self {
        Self::of_tokens(&session.access_token, session.refresh_token.as_ref(), session.proof_key.as_ref())
    }

    /// The same, of tokens that no session holds.
    pub(crate) fn of_tokens(
        access_token: &Secret,
        refresh_token: Option<&Secret>,
        proof_key: Option<&ProofKey>,
    ) -> Self {
        Self {
            token: refresh_token.unwrap_or(access_token).clone(),
            is_refresh_token: refresh_token.is_some(),
            proof_key: proof_key.cloned(),
        }
    }
}

/// How long an access token lives, and what the clocks said when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lifetime {
    expires_in_ms: u64,
    monotonic_ms: u64,
    wall_ms: u64,
    boot_id: Option<String>,
}

impl Lifetime {
    /// From now on. Begin it before the request is sent: then it never ends after the provider's.
    pub(crate) fn starting_now(clock: &dyn Clock) -> Self {
        Self {
            expires_in_ms: 0,
            monotonic_ms: millis(clock.monotonic()),
            wall_ms: wall_millis(clock),
            boot_id: clock.boot_id(),
        }
    }

    /// The same beginning, and this long.
    pub(crate) fn lasting(self, expires_in: Duration) -> Self {
        Self { expires_in_ms: millis(expires_in), ..self }
    }

    /// How long it was at its beginning.
    pub(crate) const fn whole(&self) -> Duration {
        Duration::from_millis(self.expires_in_ms)
    }

    /// What is left of it. Within a boot, the monotonic clock alone decides. Where it can't be told whether the device has
    /// been started anew since, both clocks must agree that time is left: at worst a refresh too many.
    pub(crate) fn remaining(&self, clock: &dyn Clock) -> Duration {
        let ran = millis(clock.monotonic()).checked_sub(self.monotonic_ms);
        let elapsed = match (&self.boot_id, clock.boot_id()) {
            (Some(then), Some(now)) if *then == now => ran,
            (Some(_), Some(_)) => None,
            _ => ran.zip(wall_millis(clock).checked_sub(self.wall_ms)).map(|(ran, shown)| ran.max(shown)),
        };
        let left = elapsed.map_or(0, |elapsed| self.expires_in_ms.saturating_sub(elapsed));
        Duration::from_millis(left)
    }
}

/// Unix seconds now, by the device's clock.
pub(crate) fn unix_seconds(clock: &dyn Clock) -> u64 {
    wall_millis(clock) / 1_000
}

/// The time that was so many seconds after 1970; what no clock can show is 1970.
pub(crate) fn from_unix_seconds(seconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

fn wall_millis(clock: &dyn Clock) -> u64 {
    clock.wall().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::TestClock;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[derive(Debug)]
    struct NoBootId(TestClock);

    impl Clock for NoBootId {
        fn wall(&self) -> SystemTime {
            self.0.wall()
        }

        fn monotonic(&self) -> Duration {
            self.0.monotonic()
        }
    }

    #[test]
    fn a_lifetime_runs_by_the_monotonic_clock_whatever_the_wall_clock_is_set_to() {
        let clock = TestClock::default();
        let lifetime = Lifetime::starting_now(&clock).lasting(HOUR);
        clock.pass(HOUR / 4);
        for years in [10, -20, 10] {
            clock.set_ahead_by_years(years);
            assert_eq!(lifetime.remaining(&clock), HOUR * 3 / 4);
        }
        clock.pass(HOUR);
        assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
    }

    #[test]
    fn after_a_new_start_of_the_device_nothing_is_left() {
        let clock = TestClock::default();
        let lifetime =
            Lifetime { boot_id: Some("before".into()), ..Lifetime::starting_now(&clock).lasting(HOUR) };
        assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
    }

    #[test]
    fn where_boots_have_no_name_both_clocks_must_agree() {
        let clock = NoBootId(TestClock::default());
        let lifetime = Lifetime::starting_now(&clock).lasting(HOUR);
        clock.0.pass(HOUR / 4);
        assert_eq!(lifetime.remaining(&clock), HOUR * 3 / 4);
        clock.0.set_ahead_by_years(-1);
        assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
        clock.0.set_ahead_by_years(2);
        assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
    }

    #[test]
    fn a_time_that_no_clock_can_show_is_no_panic() {
        assert_eq!(from_unix_seconds(u64::MAX), UNIX_EPOCH);
        assert_eq!(from_unix_seconds(1), UNIX_EPOCH + Duration::from_secs(1));
    }

    #[test]
    fn nothing_secret_shows_in_debug() {
        let login = PendingLogin {
            state: Secret::new("seen-state".into()),
            nonce: Secret::new("seen-nonce".into()),
            code_verifier: Secret::new("seen-verifier".into()),
            proof_key: Some(ProofKey::generate()),
            redirect_uri: "a:/b".into(),
            scope: vec![],
            max_age: None,
        };
        let key = Secret::from(login.proof_key.clone().unwrap());
        let shown = format!("{login:?}");
        assert!(!shown.contains("seen") && !shown.contains(key.expose()));
    }
}
