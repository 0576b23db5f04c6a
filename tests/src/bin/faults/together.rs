//! Two processes on one device that refresh at once, also while the answer to one of them takes its time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use moorline_tests::Fault as OnTheWire;

use crate::dice::Dice;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::lane::Lane;
use crate::owner::{Habits, Owner};
use crate::plan::Piece;
use crate::run::Run;
use crate::shell::{Shell, Step};
use crate::site::Site;

/// Longer than the slowest answer.
const PATIENT: Duration = Duration::from_secs(20);

/// How long an answer takes: not long, longer than a user waits, and longer than an SDK may wait for another
/// process.
const SLOW_MS: [u64; 8] = [800, 800, 1_500, 1_500, 1_500, 4_000, 4_000, 12_000];

/// How often is looked whether the first request has arrived, and how often at most.
const GLANCE: Duration = Duration::from_millis(3);
const GLANCES: usize = 3_000;

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>, lane: Lane, pieces: Vec<Piece>) -> Result<()> {
    let mut owner = Owner::sign_in(site, Habits { timeout: PATIENT, ..Habits::default() }).await?;
    for (place, piece) in run.pieces(lane, &pieces) {
        let mut dice = run.plan.dice(place);
        let mut other = owner.another_process()?;
        let start =
            &["an old and a new process", "two new processes", "two warm processes"][dice.below(3) as usize];
        if *start == "an old and a new process" {
            owner.refresh_until_answered().await?;
        } else {
            owner.start()?;
        }
        if *start == "two warm processes" {
            // Both have read the vault and know a nonce, and neither has refreshed: a process that is behind takes
            // the other's tokens.
            owner.visit().await?;
            other.obey(&format!("get {}", owner.site.api())).await?;
        }
        let (how, last) = match piece.kind {
            Kind::SlowAnswer => slowly(&mut owner, &mut other, &mut dice).await?,
            _ => at_once(&mut owner, &mut other, &mut dice).await?,
        };
        // Either may be the one that the app goes on with; and who says that all is over is asked again.
        if dice.once_in(2) || matches!(last, Step::Ended(_)) {
            owner.go_on_with(other);
        }
        let how = format!("{start}, {how}");
        run.note(&Fault { how, ..Fault::new(place, piece.kind) }, &mut owner).await?;
    }
    Ok(())
}

/// Both refresh, one some milliseconds after the other.
async fn at_once(owner: &mut Owner, other: &mut Shell, dice: &mut Dice) -> Result<(String, Step)> {
    let apart = dice.below(25);
    let later = async {
        tokio::time::sleep(Duration::from_millis(apart)).await;
        other.refresh().await
    };
    let (first, second) = tokio::join!(owner.refresh(), later);
    first?;
    Ok((format!("{apart} ms apart"), second?))
}

/// One has sent its request when the other begins, and its answer, or the request itself, is slow.
async fn slowly(owner: &mut Owner, other: &mut Shell, dice: &mut Dice) -> Result<(String, Step)> {
    let slow = SLOW_MS[dice.below(SLOW_MS.len() as u64) as usize];
    let (held, apart) = (dice.once_in(3), dice.below(500));
    let time = Duration::from_millis(slow);
    let fault = if held { OnTheWire::HoldRequest(time) } else { OnTheWire::Delay(time) };
    let (site, session) = (owner.site.clone(), owner.session());
    let before = site.wire.begun(session);
    site.wire.hit(session, [fault]);
    let later = async {
        for _ in 0..GLANCES {
            if site.wire.begun(session) > before {
                break;
            }
            tokio::time::sleep(GLANCE).await;
        }
        tokio::time::sleep(Duration::from_millis(apart)).await;
        other.refresh().await
    };
    let (first, second) = tokio::join!(owner.refresh(), later);
    first?;
    site.wire.heal(session);
    Ok((format!("{} slow by {slow} ms, {apart} ms apart", if held { "request" } else { "answer" }), second?))
}
