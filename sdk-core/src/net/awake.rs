//! A time-out that counts only the time in which this process runs.

use std::time::Duration;

use tokio::time::{Instant, timeout};

/// How often the time is looked at. A tick that took twice as long shows that the process was stopped meanwhile.
const TICK: Duration = Duration::from_millis(250);

/// How many stops one wait forgives, so that a machine that is always late ends it too.
const STOPS: u32 = 8;

/// The output of `work`, or `None` once the process has run for `limit` without it.
///
/// A process that goes on after a stop (a suspended app, a frozen container) finds the response in its socket, and its
/// time-out over. To hang up then would lose the response, and with it the session at a provider without attempts.
pub(super) async fn while_awake<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(work);
    let (mut left, mut stops) = (limit, STOPS);
    while !left.is_zero() {
        let (tick, began) = (left.min(TICK), Instant::now());
        if let Ok(done) = timeout(tick, &mut work).await {
            return Some(done);
        }
        if stops > 0 && began.elapsed() >= tick + TICK {
            stops -= 1;
        } else {
            left -= tick;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{advance, sleep};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn a_process_that_runs_waits_for_its_limit() {
        let began = Instant::now();
        assert_eq!(while_awake(LIMIT, pending::<()>()).await, None);
        assert!((LIMIT..LIMIT + TICK).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_stopped_past_its_limit_still_reads_the_response() {
        let work = async {
            sleep(LIMIT - TICK / 2).await;
            // Stopped: the time goes on and nobody runs. The connection's own task reads a moment after the
            // resumption.
            advance(10 * LIMIT).await;
            sleep(TICK / 2).await;
            "the response"
        };
        assert_eq!(while_awake(LIMIT, work).await, Some("the response"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_is_always_late_waits_no_longer_than_its_limit_and_eight_stops() {
        let mut late = 0;
        let work = async {
            loop {
                advance(2 * TICK).await;
                late += 1;
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert_eq!(while_awake(LIMIT, work).await, None::<()>);
        assert!(late < 100, "{late}");
    }
}
