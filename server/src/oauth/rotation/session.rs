//! A session (a grant): one row for any number of tokens.

use std::time::Duration;

use super::{AttemptHash, History, Holes, Locator};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;

/// A session in its two states; it changes from live to ended once.
#[derive(Clone, Debug)]
pub enum Session {
    /// It can be refreshed.
    Live(SessionRecord),
    /// It can never be refreshed again.
    Ended {
        /// As it was.
        record: SessionRecord,
        /// When it ended.
        at: Timestamp,
        /// Why it ended.
        why: EndedBecause,
    },
}

/// The row of a session, without its secret and its end.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// The `sid` claim.
    pub id: String,
    /// What its refresh tokens name it by.
    pub locator: Locator,
    /// The client.
    pub client_id: String,
    /// The user.
    pub user_id: String,
    /// What the user granted.
    pub scope: Scope,
    /// What the last answer's access token allowed: a retry may have less, never more.
    pub answered_scope: Scope,
    /// The generation of the refresh token that is current.
    pub generation: u32,
    /// The attempt that made it.
    pub attempt: Option<AttemptHash>,
    /// The attempts before.
    pub history: History,
    /// The generations that were lost.
    pub holes: Holes,
    /// The thumbprint of the key that the session is bound to; `None` for a bearer session.
    pub dpop_jkt: Option<String>,
    /// When the current generation was made.
    pub rotated_at: Timestamp,
    /// How many rotations it made in the current minute.
    pub window: RotationWindow,
    /// It expires then unless it is refreshed before.
    pub idle_end_at: Timestamp,
    /// It expires then in any case.
    pub absolute_end_at: Timestamp,
    /// When the user signed in.
    pub auth_time: Timestamp,
    /// When the session began.
    pub created_at: Timestamp,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBecause {
    /// It was not refreshed for too long, or has reached its last day.
    Expired,
    /// A refresh token was reused.
    Reuse,
    /// Its authorization code was used twice.
    CodeReuse,
    /// The client revoked it.
    Revoked,
    /// It has used up all generations.
    Exhausted,
    /// The database was restored without its revocation log: the session may have been ended after the backup.
    Restored,
}

impl EndedBecause {
    /// As it is stored in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Reuse => "reuse",
            Self::CodeReuse => "code_reuse",
            Self::Revoked => "revoked",
            Self::Exhausted => "exhausted",
            Self::Restored => "restored",
        }
    }

    /// Reads what is stored in the database.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Expired, Self::Reuse, Self::CodeReuse, Self::Revoked, Self::Exhausted, Self::Restored]
            .into_iter()
            .find(|why| why.name() == name)
    }
}

/// A change that the state of the session does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session can't do this in its state")]
pub struct InvalidTransition;

impl Session {
    /// What the row says, live or ended.
    #[must_use]
    pub const fn record(&self) -> &SessionRecord {
        match self {
            Self::Live(record) | Self::Ended { record, .. } => record,
        }
    }

    /// Row 11: the next generation, made by `attempt`.
    ///
    /// # Errors
    /// [`InvalidTransition`] when the session has ended, or has no generation left.
    pub fn rotate(
        self,
        attempt: Option<AttemptHash>,
        scope: Scope,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        let generation = self.record().generation;
        self.advance(generation, attempt, scope, idle, now)
    }

    /// Row 12: the generation after `generation`, which is ahead of what the row knows. Those between are a hole.
    ///
    /// # Errors
    /// [`InvalidTransition`] when the session has ended, has no generation left, or `generation` is not ahead.
    pub fn heal(
        self,
        generation: u32,
        attempt: Option<AttemptHash>,
        scope: Scope,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        if generation <= self.record().generation {
            return Err(InvalidTransition);
        }
        self.advance(generation, attempt, scope, idle, now)
    }

    fn advance(
        self,
        from: u32,
        attempt: Option<AttemptHash>,
        scope: Scope,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        let Self::Live(mut record) = self else { return Err(InvalidTransition) };
        let generation = from.checked_add(1).ok_or(InvalidTransition)?;
        if let Some(before) = record.generation.checked_sub(1) {
            record.history = record.history.and(before, record.attempt);
        }
        if from > record.generation {
            record.holes = record.holes.and(record.generation, from);
        }
        record.generation = generation;
        record.attempt = attempt;
        record.answered_scope = scope;
        record.rotated_at = now;
        record.window = record.window.after_rotation(now);
        // Never earlier than it was: an hour of a clock that is years behind must not cost a session.
        record.idle_end_at = now.after(idle).max(record.idle_end_at).min(record.absolute_end_at);
        Ok(Self::Live(record))
    }

    /// Ends the session.
    ///
    /// # Errors
    /// [`InvalidTransition`] when it has ended already: its first end stands.
    pub fn end(self, why: EndedBecause, at: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Live(record) => Ok(Self::Ended { record, at, why }),
            Self::Ended { .. } => Err(InvalidTransition),
        }
    }
}

/// How many rotations a session has made in the minute that began with the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationWindow {
    /// When the minute began.
    pub minute_at: Timestamp,
    /// How many rotations since.
    pub rotations: u32,
}

impl RotationWindow {
    const MINUTE: Duration = Duration::from_secs(60);

    /// How long to wait before the next rotation; `None` when it may come now.
    #[must_use]
    pub fn wait(self, per_minute: Option<u32>, now: Timestamp) -> Option<Duration> {
        let spent = now.since(self.minute_at);
        let over = per_minute.is_some_and(|limit| self.rotations >= limit);
        (over && spent < Self::MINUTE && self.minute_at <= now).then(|| Self::MINUTE - spent)
    }

    fn after_rotation(self, now: Timestamp) -> Self {
        if self.minute_at <= now && now.since(self.minute_at) < Self::MINUTE {
            Self { rotations: self.rotations.saturating_add(1), ..self }
        } else {
            Self { minute_at: now, rotations: 1 }
        }
    }
}
