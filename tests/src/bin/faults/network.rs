//! Faults of the network: many, one after the other, at one process.

use std::sync::Arc;

use anyhow::Result;

use crate::kind::{Kind, Part};
use crate::owner::Owner;
use crate::run::Run;
use crate::site::Site;

/// More of them in a row than the SDK sends within one call.
const MOST_IN_A_ROW: u64 = 5;

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>) -> Result<()> {
    if !run.plan.has(Part::Network) {
        return Ok(());
    }
    let mut owner = Owner::sign_in(site, None).await?;
    loop {
        let mut dice = run.dice();
        let Some(kind) = run.plan.next(Part::Network, &mut dice) else { return Ok(()) };
        let in_a_row = if kind == Kind::RequestTwice { 1 } else { 1 + dice.below(MOST_IN_A_ROW) };
        let faults: Vec<_> = (0..in_a_row).filter_map(|_| kind.on_the_wire(&mut dice)).collect();
        owner.site.wire.hit(owner.session(), faults);
        // Whatever it comes to: what counts is how the session goes on.
        owner.refresh_until_answered().await?;
        let happened = owner.site.wire.heal(owner.session());
        run.note(kind, happened, &format!("{happened} in a row"), &mut owner).await?;
    }
}
