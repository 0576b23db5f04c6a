//! A network that lets nobody through until somebody has signed in to it: it answers everything itself, or some of it.

use std::sync::Arc;

use anyhow::Result;
use moorline_tests::Canned;
use moorline_tests::http1::Message;

use crate::kind::Kind;
use crate::lane::Lane;
use crate::owner::{Habits, Owner};
use crate::plan::Piece;
use crate::run::{Fault, Run};
use crate::shell::Step;
use crate::site::Site;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portal {
    /// What it says; without that it shows a certificate of its own.
    says: Option<Canned>,
    to: Asked,
    met: usize,
}

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Everything,
    Discovery,
    Keys,
    Token,
}

impl Portal {
    fn new(kind: Kind, to: Asked) -> Self {
        Self { says: kind.on_the_portal(), to, met: 0 }
    }

    /// Whether it stands between the app and the provider before a word is said.
    pub(crate) fn meets_a_connection(&mut self) -> bool {
        let meets = self.says.is_none();
        self.met += usize::from(meets);
        meets
    }

    /// What it says to this request.
    pub(crate) fn answers(&mut self, request: &Message) -> Option<Canned> {
        let target = request.method_and_path();
        let path = target.split(' ').nth(1).unwrap_or_default();
        let answers = match self.to {
            Asked::Everything => true,
            Asked::Discovery => path.contains("/.well-known/"),
            Asked::Keys => path.contains("jwks"),
            Asked::Token => path.ends_with("/token"),
        };
        let says = self.says.filter(|_| answers)?;
        self.met += 1;
        Some(says)
    }
}

/// The pieces of a lane. Its network has one device: what asks for metadata or keys doesn't say whose it is.
pub(crate) async fn run(run: Arc<Run>, lane: Lane, pieces: Vec<Piece>) -> Result<()> {
    let site = Arc::new(Site::of(run.column).await?);
    let mut owner = Owner::sign_in(site.clone(), Habits::default()).await?;
    for (place, piece) in run.pieces(lane, &pieces) {
        let mut dice = run.plan.dice(place);
        let new = dice.once_in(2);
        let mut to = match dice.below(4) {
            1 => Asked::Discovery,
            2 => Asked::Keys,
            3 => Asked::Token,
            _ => Asked::Everything,
        };
        if new {
            owner.start()?;
        }
        let mut step = refresh_behind(&mut owner, Portal::new(piece.kind, to)).await?;
        if step.1 == 0 {
            // What it waits for was not asked for, such as keys that an app has.
            to = Asked::Everything;
            step = refresh_behind(&mut owner, Portal::new(piece.kind, to)).await?;
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

/// What a refresh behind the portal comes to, and how often the portal was met.
async fn refresh_behind(owner: &mut Owner, portal: Portal) -> Result<(Step, usize)> {
    let site = owner.site.clone();
    site.wire.capture(Some(portal));
    let step = owner.refresh().await;
    let met = site.wire.capture(None).map_or(0, |portal| portal.met);
    Ok((step?, met))
}
