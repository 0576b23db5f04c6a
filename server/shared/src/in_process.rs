//! The memory of a node that is alone. A restart begins another epoch, so that nothing in it has to survive.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use moorline_server_base::clock::Clock;
use moorline_server_base::random::Random;
use zeroize::Zeroizing;

use crate::replays::{MOST, Replays};
use crate::{Answer, Claim, Counted, Epoch, Share, Shared, Trace, WINDOW};

/// Used proofs in this process's memory. Answers at once.
#[derive(Debug)]
pub struct InProcess {
    epoch: Arc<Epoch>,
    clock: Clock,
    replays: Replays,
}

impl InProcess {
    /// An empty memory. The nonces of refreshes are accepted for `windows_of_a_refresh` after their own.
    #[must_use]
    pub fn new(windows_of_a_refresh: u64, clock: Clock, random: &Random) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &*Zeroizing::new(random.bytes::<32>()));
        let epoch = Arc::new(Epoch::new(random.bytes(), &secret));
        Self { epoch, clock, replays: Replays::new(MOST, windows_of_a_refresh) }
    }

    /// Windows count monotonic time: setting the machine's clock revives no nonce.
    fn window(&self) -> u64 {
        self.time().as_secs() / WINDOW.as_secs()
    }
}

impl Shared for InProcess {
    fn epoch(&self) -> Arc<Epoch> {
        Arc::clone(&self.epoch)
    }

    fn time(&self) -> Duration {
        self.clock.running()
    }

    fn look(&self, proof: &Trace) -> Answer<'_, Claim> {
        Answer::Now(if self.replays.knows(proof.id) { Claim::Replayed } else { Claim::Fresh })
    }

    fn claim(&self, proof: &Trace, share: Option<Share>) -> Answer<'_, Claim> {
        Answer::Now(match share {
            None => self.replays.claim(*proof, self.window()),
            Some(Share { holder, most }) => self.replays.claim_within(*proof, self.window(), holder, most),
        })
    }

    fn count(&self, _: &str, _: &[u8], _: NonZeroU32) -> Answer<'_, Option<Counted>> {
        Answer::Now(None)
    }

    #[cfg(any(test, feature = "testing"))]
    fn fill(&self) {
        self.replays.fill();
    }
}
