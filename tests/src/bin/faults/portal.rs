//! Refreshes behind a network that lets nobody through.

use std::sync::Arc;

use anyhow::Result;

use crate::captive::{Asked, Portal};
use crate::fault::Fault;
use crate::lane::Lane;
use crate::owner::{Habits, Owner};
use crate::plan::Piece;
use crate::run::Run;
use crate::shell::Step;
use crate::site::Site;

/// The pieces of a lane. Its network has one device: what asks for metadata or keys doesn't say whose it is.
pub(crate) async fn run(run: Arc<Run>, lane: Lane, pieces: Vec<Piece>) -> Result<()> {
    let site = Arc::new(Site::of(run.column).await?);
    let mut owner = Owner::sign_in(site.clone(), Habits::default()).await?;
    for (place, piece) in run.pieces(lane, &pieces) {
        let mut dice = run.plan.dice(place);
        let (new, says) = (dice.once_in(2), piece.kind.on_the_portal());
        let mut to = match dice.below(4) {
            1 => Asked::Discovery,
            2 => Asked::Keys,
            3 => Asked::Token,
            _ => Asked::Everything,
        };
        if new {
            owner.start()?;
        }
        let mut step = refresh_behind(&mut owner, Portal::new(says, to)).await?;
        if step.1 == 0 {
            // What it waits for was not asked for, such as keys that an app has.
            to = Asked::Everything;
            step = refresh_behind(&mut owner, Portal::new(says, to)).await?;
        }
        let (step, met) = step;
        if let Step::Ended(_) = step {
            run.tally.aside(piece.kind, "told_not_to_try_again");
        }
        let how = format!("{to:?}, {met} times, {}", if new { "a new process" } else { "an old process" });
        run.note(&Fault { how, ..Fault::new(place, piece.kind) }, &mut owner).await?;
    }
    Ok(())
}

/// The result of a refresh behind the portal, and how often the portal was met.
async fn refresh_behind(owner: &mut Owner, portal: Portal) -> Result<(Step, usize)> {
    let site = owner.site.clone();
    site.wire.capture(Some(portal));
    let step = owner.refresh().await;
    let met = site.wire.capture(None).map_or(0, Portal::met);
    Ok((step?, met))
}
