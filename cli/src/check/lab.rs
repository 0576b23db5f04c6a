//! The sessions that the experiments work on: signed in as needed, each token remembered, all revoked at the end.

use super::finding::Finding;
use super::probe::Probe;
use super::probe_error::ProbeError;
use super::secret::Secret;
use super::sign_in::{Arrival, NoArrival, SignIn};
use super::tokens::{Client, Refusal, Reply, Tokens};
use super::trouble::Trouble;

/// What the experiments share.
#[derive(Debug)]
pub(super) struct Lab<'a> {
    pub(super) probe: &'a Probe,
    pub(super) client: Client<'a>,
    pub(super) sign_in: SignIn<'a>,
    pub(super) sign_ins: u32,
    pub(super) sessions: Vec<Session>,
    /// The last refusal of a refresh token.
    pub(super) refusal: Option<Refusal>,
    pub(super) cleaned: CleanUp,
    /// Why an experiment had no answer.
    pub(super) trouble: Option<Trouble>,
}

/// A session at the provider.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Refresh tokens that may be alive, the newest last.
    tokens: Vec<Secret>,
    ended: bool,
}

/// Why an experiment can't go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// This experiment has no result.
    NoResult(String),
    /// The same, since no answer came.
    Unanswered(ProbeError),
    /// Nor has any other: there was no sign-in.
    NoSignIn(NoArrival),
}

impl From<ProbeError> for Stop {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Interrupted(signal) => Self::NoSignIn(NoArrival::Interrupted(signal)),
            error => Self::Unanswered(error),
        }
    }
}

/// What an experiment found.
pub(super) type Found = Result<Finding, Stop>;

/// How many sessions there were, and how many were revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CleanUp {
    pub(super) sessions: usize,
    /// Ended by an experiment, as far as the provider's answers show.
    pub(super) ended: usize,
    pub(super) revoked: usize,
}

impl CleanUp {
    pub(super) const fn left(self) -> usize {
        self.sessions - self.ended - self.revoked
    }
}

impl Lab<'_> {
    /// One more sign-in.
    pub(super) async fn arrive(&mut self, push: bool) -> Result<Arrival, Stop> {
        self.sign_ins += 1;
        self.sign_in.run(self.probe, self.sign_ins, push).await.map_err(Stop::NoSignIn)
    }

    /// Exchanges the code of an arrival, and remembers the session.
    pub(super) async fn exchange(&mut self, arrival: &Arrival) -> Result<Reply, ProbeError> {
        let reply = self.client.exchange(&arrival.code, &arrival.redirect_uri, &arrival.verifier).await?;
        Ok(self.begun(reply))
    }

    /// Exchanges it as a thief would who has the code and its verifier: with another key.
    pub(super) async fn exchange_elsewhere(&mut self, arrival: &Arrival) -> Result<Reply, ProbeError> {
        let thief = self.client.elsewhere();
        let reply = thief.exchange(&arrival.code, &arrival.redirect_uri, &arrival.verifier).await?;
        Ok(self.begun(reply))
    }

    fn begun(&mut self, reply: Reply) -> Reply {
        if let Reply::Granted(tokens) = &reply {
            self.sessions.push(Session::default());
            self.remember(tokens);
        }
        reply
    }

    /// A refresh token that works: of the session that is there, or of a new one.
    pub(super) async fn token(&mut self) -> Result<Secret, Stop> {
        if let Some(token) = self.newest() {
            return Ok(token);
        }
        let arrival = self.arrive(false).await?;
        match self.exchange(&arrival).await? {
            Reply::Granted(_) => {
                self.newest().ok_or_else(|| Stop::NoResult("There is no refresh token.".to_owned()))
            }
            Reply::Refused(refusal) => {
                Err(Stop::NoResult(format!("The code of a new sign-in was refused: {}.", refusal.words())))
            }
        }
    }

    fn newest(&self) -> Option<Secret> {
        self.sessions.last().filter(|session| !session.ended)?.tokens.last().cloned()
    }

    /// Sends `token`, and remembers what comes of it.
    pub(super) async fn refresh(
        &mut self,
        token: &Secret,
        attempt: Option<&str>,
    ) -> Result<Reply, ProbeError> {
        let reply = self.client.refresh(token, attempt).await?;
        self.note(&reply);
        Ok(reply)
    }

    /// Remembers what a refresh led to.
    pub(super) fn note(&mut self, reply: &Reply) {
        match reply {
            Reply::Granted(tokens) => self.remember(tokens),
            Reply::Refused(refusal) => self.refusal = Some(refusal.clone()),
        }
    }

    /// A refresh that must work before an experiment can begin.
    pub(super) async fn must_refresh(
        &mut self,
        token: &Secret,
        attempt: Option<&str>,
    ) -> Result<Box<Tokens>, Stop> {
        match self.refresh(token, attempt).await? {
            Reply::Granted(tokens) => Ok(tokens),
            Reply::Refused(refusal) => {
                self.ended();
                Err(Stop::NoResult(format!("An ordinary refresh was refused: {}.", refusal.words())))
            }
        }
    }

    /// Whether the session of `token` still works. If not, the next experiment gets a new one.
    pub(super) async fn is_alive(&mut self, token: &Secret) -> Result<bool, ProbeError> {
        match self.refresh(token, None).await? {
            Reply::Granted(_) => Ok(true),
            Reply::Refused(_) => {
                self.ended();
                Ok(false)
            }
        }
    }

    /// The session has ended.
    pub(super) fn ended(&mut self) {
        if let Some(session) = self.sessions.last_mut() {
            session.ended = true;
        }
    }

    /// The session's state is unknown: the next experiment gets a new one, and this one is revoked at the end.
    pub(super) fn abandon(&mut self) {
        if self.newest().is_some() {
            self.sessions.push(Session { tokens: Vec::new(), ended: true });
        }
    }

    fn remember(&mut self, tokens: &Tokens) {
        let (Some(session), Some(token)) = (self.sessions.last_mut(), &tokens.refresh) else { return };
        session.tokens.retain(|other| other != token);
        session.tokens.push(token.clone());
        // It has just given a token: whatever was thought of it, it lives.
        session.ended = false;
    }

    /// Revokes the sessions that may be alive, and counts in `cleaned`, also when it is cut short.
    pub(super) async fn clean_up(&mut self) {
        self.probe.release_reserve();
        let sessions = || self.sessions.iter().filter(|session| !session.tokens.is_empty());
        let ended = sessions().filter(|session| session.ended).count();
        self.cleaned = CleanUp { sessions: sessions().count(), ended, revoked: 0 };
        for session in sessions().filter(|session| !session.ended) {
            // More than one, because a grace period may have made two successors.
            let mut all = true;
            for token in session.tokens.iter().rev().take(3) {
                all &= matches!(self.client.revoke(token).await, Ok(Ok(())));
            }
            self.cleaned.revoked += usize::from(all);
        }
    }
}

/// The refresh token that follows `sent`: a provider that does not rotate may leave it out.
pub(super) fn successor(sent: &Secret, tokens: &Tokens) -> Secret {
    tokens.refresh.clone().unwrap_or_else(|| sent.clone())
}
