//! Faults of the network: many, one after the other, at one process.

use std::sync::Arc;

use anyhow::Result;

use crate::column::Column;
use crate::fault::Fault;
use crate::lane::Lane;
use crate::owner::{Habits, Owner};
use crate::plan::Piece;
use crate::run::Run;
use crate::site::Site;

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>, lane: Lane, pieces: Vec<Piece>) -> Result<()> {
    let mut owner = Owner::sign_in(site, Habits::default()).await?;
    for (place, piece) in run.pieces(lane, &pieces) {
        let mut dice = run.plan.dice(place);
        if run.column == Column::SignIn {
            owner.get_a_code().await?;
        }
        let faults: Vec<_> = (0..piece.count).filter_map(|_| piece.kind.on_the_wire(&mut dice)).collect();
        owner.site.wire.hit(owner.session(), faults);
        // Whatever the result is: what counts is how the session goes on.
        owner.refresh_until_answered().await?;
        let count = owner.site.wire.heal(owner.session());
        let how = format!("{count} in a row");
        run.note(&Fault { count, how, ..Fault::new(place, piece.kind) }, &mut owner).await?;
    }
    Ok(())
}
