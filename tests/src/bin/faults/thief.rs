//! Thieves, at moments of their choice. They may gain what rotation allows: with a bearer token, no more
//! than one step, and nothing after its owner's next one; with a bound token, nothing at all.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::oauth::attempt;

use crate::dice::Dice;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::lane::{Lane, Place};
use crate::owner::{Habits, Owner, Verdict};
use crate::plan::Piece;
use crate::raid::{Loot, Raid};
use crate::run::Run;
use crate::shell::Step;
use crate::site::Site;
use crate::wire::{Binding, Captured};

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>, lane: Lane, pieces: Vec<Piece>) -> Result<()> {
    let mut owner = Owner::sign_in(site, Habits::default()).await?;
    for (place, piece) in run.pieces(lane, &pieces) {
        let mut dice = run.plan.dice(place);
        let theft = Theft::commit(piece.kind, &mut owner, &mut dice).await;
        let theft = theft.with_context(|| format!("{place}, {}", piece.kind.name()))?;
        theft.settle(&run, place, &mut owner).await.with_context(|| place.to_string())?;
    }
    Ok(())
}

/// A theft, and what it has brought so far.
struct Theft {
    kind: Kind,
    how: String,
    bound: bool,
    key: HandMadeKey,
    loot: Vec<Loot>,
    /// What has been accepted against the rules.
    accepted: Vec<&'static str>,
    /// Whether it may cost its owner the session: a bearer's, when the server can't tell whose token it is.
    may_end_the_session: bool,
}

/// What the thief has: the owner's last refresh with its answer, and of a bound session the proof of a visit to the
/// API too.
struct Stolen {
    refresh: Captured,
    visit: String,
}

impl Theft {
    async fn commit(kind: Kind, owner: &mut Owner, dice: &mut Dice) -> Result<Self> {
        let bound = owner.site.wire.binding() == Binding::Bound;
        let mut theft = Self {
            kind,
            how: String::new(),
            bound,
            key: HandMadeKey::new()?,
            loot: Vec::new(),
            accepted: Vec::new(),
            may_end_the_session: !bound,
        };
        match kind {
            Kind::ThiefHasCurrentToken => theft.with_current_token(owner, dice).await?,
            Kind::ThiefHasOldToken => theft.with_old_token(owner, dice).await?,
            _ => theft.with_whole_request(owner, dice).await?,
        }
        Ok(theft)
    }

    /// The owner hasn't used the token yet, or is about to.
    async fn with_current_token(&mut self, owner: &mut Owner, dice: &mut Dice) -> Result<()> {
        let (stolen, key) = (steal(owner).await?, own_attempt(dice));
        let (site, before) = (owner.site.clone(), dice.once_in(2));
        let raid = Raid(site.server()?);
        if before {
            self.how = "before its owner".to_owned();
            return self.uses(raid, &stolen, key).await;
        }
        let pause = Duration::from_millis(dice.below(30));
        self.how = format!("{} ms after its owner began", pause.as_millis());
        let (used, _) = tokio::join!(
            async {
                tokio::time::sleep(pause).await;
                self.uses(raid, &stolen, key).await
            },
            owner.refresh_until_answered()
        );
        used
    }

    /// The owner has gone on since.
    async fn with_old_token(&mut self, owner: &mut Owner, dice: &mut Dice) -> Result<()> {
        let stolen = steal(owner).await?;
        let rotations = [1, 2, 5, 20][dice.below(4) as usize];
        self.how = format!("after {rotations} rotations");
        for _ in 0..rotations {
            owner.refresh_until_answered().await?;
        }
        let site = owner.site.clone();
        self.uses(Raid(site.server()?), &stolen, own_attempt(dice)).await?;
        if !self.loot.is_empty() {
            self.accepted.push("a used refresh token");
        }
        Ok(())
    }

    /// Uses what was stolen: of a bearer the refresh token, and of a bound session everything, in every way.
    async fn uses(&mut self, raid: Raid<'_>, stolen: &Stolen, attempt: Option<String>) -> Result<()> {
        let tokens = &stolen.refresh.tokens;
        self.loot.extend(raid.refresh(&tokens.refresh_token, attempt.as_deref(), self.bound).await?.ok());
        if !self.bound {
            return Ok(());
        }
        if !self.loot.is_empty() {
            self.accepted.push("a bound token without its key");
        }
        let proofs = [stolen.refresh.request.header("dpop").unwrap_or_default(), &stolen.visit];
        let accepted = raid.on_bound(&tokens.access_token, &tokens.refresh_token, proofs, &self.key).await?;
        self.accepted.extend(accepted);
        Ok(())
    }

    /// The whole request was seen, attempt key and proof included, and is sent again.
    async fn with_whole_request(&mut self, owner: &mut Owner, dice: &mut Dice) -> Result<()> {
        owner.refresh_until_answered().await?;
        let stolen = steal(owner).await?.refresh;
        let rotations = dice.below(3);
        self.how = format!("replayed after {rotations} more rotations");
        for _ in 0..rotations {
            owner.refresh_until_answered().await?;
        }
        let site = owner.site.clone();
        let raid = Raid(site.server()?);
        let loot = match raid.replay(&stolen.request, self.bound).await? {
            Ok(loot) => loot,
            Err(refusal) => {
                // Superseded: nothing is issued and nobody is signed out.
                ensure!(
                    self.bound || refusal.reason.as_deref() == Some("superseded"),
                    "a replay was refused with {refusal:?}"
                );
                self.may_end_the_session = false;
                return Ok(());
            }
        };
        if self.bound {
            self.accepted.push("a replay with its copied proof");
        }
        if rotations > 0 || loot.access_token.as_ref() != Some(&stolen.tokens.access_token) {
            self.accepted.push("a replay for a fresh access token");
        }
        if let Some(token) = loot.refresh_token.as_ref().filter(|_| dice.once_in(2)) {
            self.how += ", and gone on with";
            self.loot.extend(raid.refresh(token, Some(&attempt()), self.bound).await?.ok());
        }
        self.loot.push(loot);
        Ok(())
    }

    /// The owner takes the next step. After it the loot is worth nothing, and an owner whom nobody could take for a
    /// thief goes on.
    async fn settle(mut self, run: &Run, place: Place, owner: &mut Owner) -> Result<()> {
        let mut alive = true;
        for _ in 0..2 {
            alive &= matches!(owner.refresh_until_answered().await?, Step::Done);
        }
        let verdict = match (alive, self.may_end_the_session) {
            (false, true) => Verdict::Alive,
            _ => owner.goes_on().await?,
        };
        let lost = !matches!(verdict, Verdict::Alive);
        let fault = Fault { how: self.how, ..Fault::new(place, self.kind) };
        run.note_verdict(&fault, &verdict, None);
        let raid = Raid(owner.site.server()?);
        for loot in &self.loot {
            // A used refresh token ends a bearer session, and with it what is left of its access tokens.
            if let Some(token) = &loot.refresh_token
                && raid.refresh(token, Some(&attempt()), self.bound).await?.is_ok()
            {
                self.accepted.push("a refresh token after its owner's next step");
            }
            if let Some(token) = &loot.access_token
                && raid.enters(token).await?
            {
                self.accepted.push("an access token after its owner's next step");
            }
        }
        for what in &self.accepted {
            run.tally.theft(&fault, what);
        }
        if !self.bound || lost || !alive || !self.accepted.is_empty() {
            owner.sign_in_anew().await?;
        }
        Ok(())
    }
}

/// Takes what the owner sent and got last, from the wire.
async fn steal(owner: &mut Owner) -> Result<Stolen> {
    let bound = owner.site.wire.binding() == Binding::Bound;
    if bound {
        let trouble = owner.visit().await?;
        ensure!(trouble.is_none(), "nothing has happened, and {}", trouble.unwrap_or_default());
    }
    let (wire, session) = (&owner.site.wire, owner.session());
    let refresh = wire.captured(session).pop().context("a token response on the wire")?;
    ensure!(refresh.request.header("dpop").is_some() == bound, "a proof came where none should, or none did");
    let visit = match bound {
        true => wire.visit_proof(session).context("a visit to the API on the wire")?,
        false => String::new(),
    };
    Ok(Stolen { refresh, visit })
}

/// A thief may know of attempt keys, or leave the parameter out.
fn own_attempt(dice: &mut Dice) -> Option<String> {
    dice.once_in(2).then(attempt)
}
