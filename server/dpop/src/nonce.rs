//! Nonces (RFC 9449 §8) bound the age of a proof. They are computed, not stored.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moorline_server_shared::{Epoch, Shared, WINDOW};
use subtle::ConstantTimeEq as _;

/// Access tokens that live longer than this do not make a refresh accept older nonces.
const LONGEST_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The number of windows after its own in which a nonce is accepted for a refresh: as long as an access token lives,
/// and at least one window more. So a client that was idle until its access token expired needs no challenge.
pub(super) fn windows_of_a_refresh(access_token_lifetime: Duration) -> u64 {
    access_token_lifetime.min(LONGEST_LIFETIME).as_secs().div_ceil(WINDOW.as_secs()) + 1
}

/// The nonces of an epoch: each is a tag over the number of its window.
pub(super) struct Nonces {
    epoch: Arc<Epoch>,
    time: Duration,
}

impl Nonces {
    /// As they are now.
    pub(super) fn of(shared: &dyn Shared) -> Self {
        Self { epoch: shared.epoch(), time: shared.time() }
    }

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The number of the current window.
    fn window(&self) -> u64 {
        self.time.as_secs() / WINDOW.as_secs()
    }

    /// How long it is until the next window begins.
    pub(super) fn rest_of_window(&self) -> Duration {
        let spent = self.time.as_millis() % WINDOW.as_millis();
        WINDOW - Duration::from_millis(u64::try_from(spent).unwrap_or_default())
    }

    pub(super) fn current(&self) -> String {
        self.given_out_in(self.window())
    }

    /// The window that the nonce was given out in, if it is the current one, one of the `accepted` before it, or the
    /// next one: a node that gave it out may be ahead of this one by a moment. The memory decides about that one, since
    /// it refuses a window that has not begun.
    pub(super) fn window_of(&self, nonce: &str, accepted: u64) -> Option<u64> {
        let now = self.window();
        (0..=accepted)
            .map_while(|age| now.checked_sub(age))
            .chain([now + 1])
            .find(|window| self.given_out_in(*window).as_bytes().ct_eq(nonce.as_bytes()).into())
    }

    fn given_out_in(&self, window: u64) -> String {
        URL_SAFE_NO_PAD.encode(self.epoch.tag(&[b"nonce", &window.to_be_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moorline_server_base::clock::{Clock, Timestamp};
    use moorline_server_base::random::Random;
    use moorline_server_shared::{InProcess, SHORT};

    fn memory(clock: &Clock) -> InProcess {
        InProcess::new(9, clock.clone(), &Random::system())
    }

    #[test]
    fn a_nonce_is_accepted_in_its_window_and_in_as_many_as_are_asked_for_and_then_no_more() {
        for accepted in [SHORT, 2, windows_of_a_refresh(LONGEST_LIFETIME)] {
            let clock = Clock::manual(Timestamp::from_millis(0));
            let memory = memory(&clock);
            let nonces = || Nonces::of(&memory);
            let nonce = nonces().current();
            assert_eq!(nonces().window_of(&nonce, accepted), Some(0));
            for _ in 0..accepted {
                clock.advance(WINDOW);
                assert_ne!(nonces().current(), nonce);
                assert_eq!(nonces().window_of(&nonce, accepted), Some(0));
            }
            clock.advance(WINDOW - Duration::from_millis(1));
            assert_eq!(nonces().window_of(&nonce, accepted), Some(0));
            clock.advance(Duration::from_millis(1));
            assert_eq!(nonces().window_of(&nonce, accepted), None, "{accepted}");
        }
    }

    #[test]
    fn a_refreshs_nonce_lives_as_long_as_an_access_token_and_two_minutes_more_but_no_more_than_twenty() {
        for (lifetime, windows) in [
            (0, 1),
            (30, 2),
            (120, 2),
            (121, 3),
            (600, 6),
            (840, 8),
            (841, 9),
            (900, 9),
            (901, 9),
            (86_400, 9),
        ] {
            let accepted = windows_of_a_refresh(Duration::from_secs(lifetime));
            assert_eq!(accepted, windows, "{lifetime}");
            // Given out at the very end of its window, a nonce has only the windows after it.
            let shortest = WINDOW * u32::try_from(accepted).unwrap();
            assert!(shortest >= Duration::from_secs(lifetime.min(900) + 120), "{lifetime}");
            assert!(shortest + WINDOW <= Duration::from_secs(20 * 60), "{lifetime}");
        }
    }

    #[test]
    fn a_nonce_of_another_epoch_or_of_a_distant_future_is_foreign() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let (ours, theirs) = (Nonces::of(&memory(&clock)), Nonces::of(&memory(&clock)));
        assert_eq!(ours.window_of(&theirs.current(), 9), None);
        assert_eq!(ours.window_of(&ours.given_out_in(1), SHORT), Some(1), "another node may be ahead");
        assert_eq!(ours.window_of(&ours.given_out_in(2), 9), None);
        for wrong in ["", "A", &ours.current()[1..], &format!("{}A", ours.current())] {
            assert_eq!(ours.window_of(wrong, 9), None, "{wrong}");
        }
    }
}
