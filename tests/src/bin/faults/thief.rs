//! Thieves, at moments of their choice. What they may come to is what rotation allows: with a bearer token, no more than one
//! step, and nothing after its owner's next one; with a bound token, nothing at all.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use moorline_tests::http1::Message;
use moorline_tests::oauth::{Tokens, attempt};
use moorline_tests::sdk::CLIENT;

use crate::dice::Dice;
use crate::kind::Kind;
use crate::lane::{Lane, Place};
use crate::owner::{Owner, Verdict};
use crate::plan::Piece;
use crate::run::{Fault, Run};
use crate::shell::Step;
use crate::site::{Ours, Site};
use crate::wire::{Binding, Captured};

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>, lane: Lane, pieces: Vec<Piece>) -> Result<()> {
    let mut owner = Owner::sign_in(site, None).await?;
    for (place, piece) in run.pieces(lane, &pieces) {
        let theft = Theft::commit(piece.kind, &mut owner, &mut run.plan.dice(place)).await?;
        theft.settle(&run, place, &mut owner).await?;
    }
    Ok(())
}

/// A theft, and what it has brought so far.
struct Theft {
    kind: Kind,
    how: String,
    bound: bool,
    loot: Vec<Tokens>,
    /// What has been accepted against the rules.
    accepted: Vec<&'static str>,
    /// Whether it may cost its owner the session: a bearer's, when the server can't tell whose token it is.
    may_end_the_session: bool,
}

impl Theft {
    async fn commit(kind: Kind, owner: &mut Owner, dice: &mut Dice) -> Result<Self> {
        let stolen = last(owner)?;
        let bound = owner.site.wire.binding() == Binding::Bound;
        ensure!(
            stolen.request.header("dpop").is_some() == bound,
            "a proof came where none should, or none did"
        );
        let mut theft = Self {
            kind,
            how: String::new(),
            bound,
            loot: Vec::new(),
            accepted: Vec::new(),
            may_end_the_session: !bound,
        };
        match kind {
            Kind::ThiefHasCurrentToken => theft.with_current_token(&stolen, owner, dice).await?,
            Kind::ThiefHasOldToken => theft.with_old_token(&stolen, owner, dice).await?,
            _ => theft.with_whole_request(owner, dice).await?,
        }
        if bound && !theft.loot.is_empty() {
            theft.accepted.push("a bound token without its key");
        }
        Ok(theft)
    }

    /// The owner hasn't used the token yet, or is about to.
    async fn with_current_token(
        &mut self,
        stolen: &Captured,
        owner: &mut Owner,
        dice: &mut Dice,
    ) -> Result<()> {
        let (token, key) = (&stolen.tokens.refresh_token, own_attempt(dice));
        if dice.once_in(2) {
            self.how = "before its owner".to_owned();
            self.loot.extend(refresh(owner.site.server()?, token, key.as_deref()).await?);
            return Ok(());
        }
        let pause = Duration::from_millis(dice.below(30));
        self.how = format!("{} ms after its owner began", pause.as_millis());
        let site = owner.site.clone();
        let (taken, _) = tokio::join!(
            async {
                tokio::time::sleep(pause).await;
                refresh(site.server()?, token, key.as_deref()).await
            },
            owner.refresh_until_answered()
        );
        self.loot.extend(taken?);
        Ok(())
    }

    /// The owner has gone on since.
    async fn with_old_token(&mut self, stolen: &Captured, owner: &mut Owner, dice: &mut Dice) -> Result<()> {
        let rotations = [1, 2, 5, 20][dice.below(4) as usize];
        self.how = format!("after {rotations} rotations");
        for _ in 0..rotations {
            owner.refresh_until_answered().await?;
        }
        let (ours, key) = (owner.site.server()?, own_attempt(dice));
        if let Some(tokens) = refresh(ours, &stolen.tokens.refresh_token, key.as_deref()).await? {
            self.accepted.push("a used refresh token");
            self.loot.push(tokens);
        }
        Ok(())
    }

    /// The whole request was seen, attempt key and proof included, and is sent again.
    async fn with_whole_request(&mut self, owner: &mut Owner, dice: &mut Dice) -> Result<()> {
        owner.refresh_until_answered().await?;
        let stolen = last(owner)?;
        let rotations = dice.below(3);
        self.how = format!("replayed after {rotations} more rotations");
        for _ in 0..rotations {
            owner.refresh_until_answered().await?;
        }
        let ours = owner.site.server()?;
        let Some(tokens) = tokens_of(&ours.ask(&stolen.request).await?) else {
            // Superseded: nothing is issued and nobody is signed out.
            self.may_end_the_session = false;
            return Ok(());
        };
        if rotations > 0 || tokens.access_token != stolen.tokens.access_token {
            self.accepted.push("a replay for a fresh access token");
        }
        if dice.once_in(2) {
            self.how += ", and gone on with";
            self.loot.extend(refresh(ours, &tokens.refresh_token, Some(&attempt())).await?);
        }
        self.loot.push(tokens);
        Ok(())
    }

    /// The owner takes the next step. After it the loot is worth nothing, and an owner whom nobody could take for a thief
    /// goes on.
    async fn settle(mut self, run: &Run, place: Place, owner: &mut Owner) -> Result<()> {
        let mut alive = true;
        for _ in 0..2 {
            alive &= matches!(owner.refresh_until_answered().await?, Step::Done);
        }
        let verdict = match (alive, self.may_end_the_session) {
            (false, true) => Verdict::Alive,
            _ => owner.goes_on().await?,
        };
        let fault = Fault { place, kind: self.kind, count: 1, how: self.how };
        run.note_verdict(&fault, &verdict);
        let ours = owner.site.server()?;
        for tokens in &self.loot {
            // A used refresh token ends a bearer session, and with it what is left of its access tokens.
            if refresh(ours, &tokens.refresh_token, Some(&attempt())).await?.is_some() {
                self.accepted.push("a refresh token after its owner's next step");
            }
            if api(ours, &tokens.access_token).await? {
                self.accepted.push("an access token after its owner's next step");
            }
        }
        for what in &self.accepted {
            run.tally.theft(&fault, what);
        }
        if !self.bound || !alive || !self.accepted.is_empty() {
            owner.sign_in_anew().await?;
        }
        Ok(())
    }
}

fn last(owner: &Owner) -> Result<Captured> {
    owner.site.wire.captured(owner.session()).pop().context("a token response on the wire")
}

/// A thief may know of attempt keys, or leave the parameter out.
fn own_attempt(dice: &mut Dice) -> Option<String> {
    dice.once_in(2).then(attempt)
}

async fn refresh(ours: &Ours, token: &str, attempt: Option<&str>) -> Result<Option<Tokens>> {
    let request = Message {
        start: "POST /oauth/token HTTP/1.1".to_owned(),
        headers: headers(&[("content-type", "application/x-www-form-urlencoded")]),
        body: form(token, attempt),
    };
    Ok(tokens_of(&ours.ask(&request).await?))
}

fn form(token: &str, attempt: Option<&str>) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token)])
        .extend_pairs(attempt.map(|attempt| ("refresh_attempt", attempt)))
        .finish()
        .into_bytes()
}

async fn api(ours: &Ours, access_token: &str) -> Result<bool> {
    let api = url::Url::parse(&ours.dev().api)?;
    let request = Message {
        start: format!("GET {}/notes HTTP/1.1", api.path().trim_end_matches('/')),
        headers: headers(&[("authorization", &format!("Bearer {access_token}"))]),
        body: Vec::new(),
    };
    Ok(ours.ask(&request).await?.status() == 200)
}

fn headers(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = [("host", "localhost"), ("accept", "application/json")].iter().chain(more);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn tokens_of(answer: &Message) -> Option<Tokens> {
    (answer.status() == 200).then(|| serde_json::from_slice(&answer.body).ok()).flatten()
}
