//! Nonces (RFC 9449 §8) bound the age of a proof. They are computed, not stored.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::replay::Id;
use moorline_server_base::clock::Clock;

/// How long a nonce is the current one.
pub(super) const WINDOW: Duration = Duration::from_secs(120);

/// Access tokens that live longer than this do not make a refresh accept older nonces.
const LONGEST_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The number of windows after its own in which a nonce is accepted for a refresh: as long as an access token lives,
/// and at least one window more. So a client that was idle until its access token expired needs no challenge.
pub(super) fn windows_of_a_refresh(access_token_lifetime: Duration) -> u64 {
    access_token_lifetime.min(LONGEST_LIFETIME).as_secs().div_ceil(WINDOW.as_secs()) + 1
}

/// A tag over the number of the window, by a key that lives as long as the process.
pub(super) struct Nonces {
    key: hmac::Key,
    clock: Clock,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonces([redacted])")
    }
}

impl Nonces {
    pub(super) const fn new(key: hmac::Key, clock: Clock) -> Self {
        Self { key, clock }
    }

    /// The number of the current window. It counts monotonic time: setting the machine's clock revives no nonce.
    pub(super) fn window(&self) -> u64 {
        self.clock.running().as_secs() / WINDOW.as_secs()
    }

    /// How long it is until the next window begins.
    pub(super) fn rest_of_window(&self) -> Duration {
        let spent = self.clock.running().as_millis() % WINDOW.as_millis();
        WINDOW - Duration::from_millis(u64::try_from(spent).unwrap_or_default())
    }

    pub(super) fn current(&self) -> String {
        self.of(self.window())
    }

    /// The window that the nonce was given out in, if it is the current one or one of the `accepted` before it.
    pub(super) fn window_of(&self, nonce: &str, accepted: u64) -> Option<u64> {
        let now = self.window();
        (0..=accepted)
            .map_while(|age| now.checked_sub(age))
            .find(|window| self.of(*window).as_bytes().ct_eq(nonce.as_bytes()).into())
    }

    /// A tag by the same key, for names that a stranger must not be able to choose.
    pub(super) fn tag(&self, parts: &[&[u8]]) -> Id {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        *context.sign().as_ref().first_chunk().expect("HMAC-SHA256 has 32 bytes")
    }

    fn of(&self, window: u64) -> String {
        URL_SAFE_NO_PAD.encode(self.tag(&[b"nonce", &window.to_be_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::replay::SHORT;
    use super::*;
    use moorline_server_base::clock::Timestamp;
    use moorline_server_base::random::Random;

    fn nonces(clock: &Clock) -> Nonces {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &Random::system().bytes::<32>());
        Nonces::new(key, clock.clone())
    }

    #[test]
    fn a_nonce_is_accepted_in_its_window_and_in_as_many_as_are_asked_for_and_then_no_more() {
        for accepted in [SHORT, 2, windows_of_a_refresh(LONGEST_LIFETIME)] {
            let clock = Clock::manual(Timestamp::from_millis(0));
            let nonces = nonces(&clock);
            let nonce = nonces.current();
            assert_eq!(nonces.window_of(&nonce, accepted), Some(0));
            for _ in 0..accepted {
                clock.advance(WINDOW);
                assert_ne!(nonces.current(), nonce);
                assert_eq!(nonces.window_of(&nonce, accepted), Some(0));
            }
            clock.advance(WINDOW - Duration::from_millis(1));
            assert_eq!(nonces.window_of(&nonce, accepted), Some(0));
            clock.advance(Duration::from_millis(1));
            assert_eq!(nonces.window_of(&nonce, accepted), None, "{accepted}");
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
    fn a_nonce_of_another_process_or_of_the_future_is_foreign() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let (ours, theirs) = (nonces(&clock), nonces(&clock));
        assert_eq!(ours.window_of(&theirs.current(), 9), None);
        assert_eq!(ours.window_of(&ours.of(1), 9), None);
        for wrong in ["", "A", &ours.current()[1..], &format!("{}A", ours.current())] {
            assert_eq!(ours.window_of(wrong, 9), None, "{wrong}");
        }
    }

    #[test]
    fn a_nonce_is_no_tag_of_anything_else() {
        let nonces = nonces(&Clock::manual(Timestamp::from_millis(0)));
        assert_ne!(nonces.tag(&[b"ab", b"c"]), nonces.tag(&[b"a", b"bc"]));
    }
}
