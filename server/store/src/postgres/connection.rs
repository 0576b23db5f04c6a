//! The transactions of one Postgres connection, with the synchronous face of [`Tx`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::{Failure, Kind};
use super::link::{Answer, Deferred, Link};
use super::target::Target;
use crate::value;
use crate::{Actor, Engine, Row, StoreError, Tx, Value};

pub(super) const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
pub(super) const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How often a transaction runs before its caller is asked to try again.
const RUNS: u32 = 8;

/// Until the first request.
const OPENING: Actor = Actor::System("the database is being opened");

/// Where the transaction of the current request stands.
#[derive(Clone, Debug)]
enum State {
    Idle,
    /// `BEGIN` is sent together with the first statement.
    Begun(&'static str),
    Open,
    /// A statement failed: nothing of it can be committed.
    Failed(Failure),
}

pub(super) struct Connection {
    link: Link,
    actor: Actor,
    state: State,
    /// What has to be sent before the next statement, or with `COMMIT`.
    deferred: Vec<Deferred>,
    /// How long a request waits for a server that does not answer.
    patience: Duration,
    /// Whether the request runs for the first time.
    is_first_run: bool,
}

impl Connection {
    /// Connects at its first statement.
    pub(super) fn new(target: Arc<Target>, patience: Duration) -> Result<Self, StoreError> {
        Ok(Self {
            link: Link::new(target)?,
            actor: OPENING,
            state: State::Idle,
            deferred: Vec::new(),
            patience,
            is_first_run: true,
        })
    }

    /// Runs `work` in a transaction and commits it. Runs it again if another transaction was in the way, or if the
    /// connection was lost before `COMMIT`; never after, and not for a caller that is not there any more.
    pub(super) fn write<T, E, F>(
        &mut self,
        actor: &Actor,
        work: F,
        is_awaited: impl Fn() -> bool,
    ) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Clone,
    {
        self.run(actor, is_awaited, |connection| {
            let result = connection.attempt(WRITE, work.clone());
            connection.finish(result.is_ok())?;
            Ok(result)
        })
    }

    /// Runs `work` on one snapshot, again as [`Connection::write`] does. Call [`Connection::end`] afterwards.
    pub(super) fn read<T, E, F>(
        &mut self,
        actor: &Actor,
        work: F,
        is_awaited: impl Fn() -> bool,
    ) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Clone,
    {
        self.run(actor, is_awaited, |connection| {
            let result = connection.attempt(READ, work.clone());
            if !connection.deferred.is_empty() {
                return Ok(Err(StoreError::Defect("a read deferred a statement".to_owned()).into()));
            }
            match &connection.state {
                State::Failed(failure) if failure.kind != Kind::Fatal => {
                    let failure = failure.clone();
                    connection.end();
                    Err(failure)
                }
                _ => Ok(result),
            }
        })
    }

    /// Runs `work` in a transaction, once, and commits it. It waits as long as it takes.
    pub(super) fn once<T, E: From<StoreError>>(
        &mut self,
        begin: &'static str,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.unhurried(begin, work).map_err(|failure| failure.error)?
    }

    /// Runs `work` in a transaction that writes, again if another transaction was in the way: what other nodes do
    /// meanwhile can deadlock with a migration. It waits as long as it takes.
    pub(super) fn until_done(
        &mut self,
        work: impl Fn(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut done = Ok(());
        for _ in 0..RUNS {
            done = match self.unhurried(WRITE, &work) {
                Ok(result) => return result,
                Err(failure) if failure.kind == Kind::Conflict => Err(failure.error),
                Err(failure) => return Err(failure.error),
            };
        }
        done
    }

    fn unhurried<T, E: From<StoreError>>(
        &mut self,
        begin: &'static str,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Result<T, E>, Failure> {
        self.link.wait_until(None);
        self.is_first_run = false;
        self.state = State::Begun(begin);
        let result = work(self);
        self.finish(result.is_ok())?;
        Ok(result)
    }

    /// Runs a request until an attempt of it is no [`Failure`], or running it again would not help.
    fn run<T, E: From<StoreError>>(
        &mut self,
        actor: &Actor,
        is_awaited: impl Fn() -> bool,
        attempt: impl Fn(&mut Self) -> Result<Result<T, E>, Failure>,
    ) -> Result<T, E> {
        self.actor = actor.clone();
        self.be_patient();
        let mut last = None;
        for run in 0..RUNS {
            if !is_awaited() {
                let text = "nobody waits for the request any more".to_owned();
                return Err(StoreError::Unavailable(text).into());
            }
            self.is_first_run = run == 0;
            match attempt(self) {
                Ok(result) => return result,
                Err(failure) if failure.kind == Kind::Fatal => return Err(failure.error.into()),
                Err(failure) => {
                    tracing::debug!(error = %failure.error, "a transaction runs again");
                    last = Some(failure.error);
                }
            }
        }
        let last = last.map_or_else(String::new, |error| error.to_string());
        Err(StoreError::Unavailable(format!("the transaction failed {RUNS} times: {last}")).into())
    }

    fn attempt<T, E: From<StoreError>>(
        &mut self,
        begin: &'static str,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        self.state = State::Begun(begin);
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| Err(StoreError::Panicked.into()))
    }

    /// All runs of a request share one limit. Only the first one gets more time with each answer: long work goes on,
    /// and a server that does not answer holds the request no longer than this.
    fn be_patient(&mut self) {
        self.link.wait_until(Some(Instant::now() + self.patience));
    }

    /// Ends a transaction whose writes, if any, are not kept.
    pub(super) fn end(&mut self) {
        self.deferred.clear();
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Begun(_) => {}
            State::Failed(failure) if failure.kind == Kind::Lost => {}
            State::Open | State::Failed(_) => self.roll_back(),
        }
    }

    fn roll_back(&mut self) {
        if self.link.command("ROLLBACK").is_err() {
            self.link.forget();
        }
    }

    /// Commits or undoes the transaction. An error says that nothing of it was kept, and whether it may run again; only
    /// after a connection that was lost during `COMMIT` nobody knows.
    ///
    /// `COMMIT` of a failed transaction is answered like a good one (the tag is ROLLBACK), so it is never sent.
    fn finish(&mut self, keep: bool) -> Result<(), Failure> {
        match (keep, &self.state) {
            (true, State::Open) => self.commit(None),
            (true, State::Begun(begin)) if !self.deferred.is_empty() => self.commit(Some(begin)),
            (_, State::Failed(failure)) => {
                let failure = failure.clone();
                self.end();
                match (keep, failure.kind) {
                    (_, Kind::Conflict | Kind::Stale | Kind::Lost) => Err(failure),
                    (false, Kind::Fatal) => Ok(()),
                    (true, Kind::Fatal) => Err(Failure::fatal(StoreError::Defect(format!(
                        "a failed statement was ignored: {}",
                        failure.error
                    )))),
                }
            }
            _ => {
                self.end();
                Ok(())
            }
        }
    }

    /// `COMMIT` goes out with the deferred statements. If one of them fails, the server answers `COMMIT` with ROLLBACK:
    /// the failure is that statement's own.
    fn commit(&mut self, begin: Option<&'static str>) -> Result<(), Failure> {
        self.state = State::Idle;
        let deferred = std::mem::take(&mut self.deferred);
        if let Some(begin) = begin {
            self.link.command(begin)?;
        }
        self.link.commit(&deferred).map_err(|failure| match failure.kind {
            Kind::Lost => Failure::fatal(StoreError::Unavailable(format!(
                "the connection was lost during a commit: {}",
                failure.error
            ))),
            Kind::Conflict | Kind::Stale | Kind::Fatal => {
                self.roll_back();
                failure
            }
        })
    }

    /// Runs a migration in the open transaction.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.query("SELECT 1 AS one", &[])?;
        self.link.command(sql).map_err(|failure| self.fail(failure))
    }

    fn fail(&mut self, failure: Failure) -> StoreError {
        let error = failure.error.clone();
        self.state = State::Failed(failure);
        error
    }

    fn statement(&mut self, sql: &str, params: &[Value]) -> Result<Answer, StoreError> {
        let begin = self.go_on(params)?;
        let deferred = std::mem::take(&mut self.deferred);
        let answer = self.link.send(begin, &deferred, sql, params).map_err(|failure| self.fail(failure))?;
        self.state = State::Open;
        if self.is_first_run {
            self.be_patient();
        }
        Ok(answer)
    }

    /// Makes sure that a statement can be sent. Returns the `BEGIN` that is still to be sent before it.
    fn go_on(&mut self, params: &[Value]) -> Result<Option<&'static str>, StoreError> {
        value::check_text(params)?;
        match &self.state {
            State::Failed(failure) => Err(failure.error.clone()),
            State::Begun(begin) => {
                let begin = *begin;
                self.link.connect().map_err(|failure| self.fail(failure))?;
                Ok(Some(begin))
            }
            State::Open | State::Idle => Ok(None),
        }
    }
}

impl Tx for Connection {
    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    /// There is no export: see `docs/operations.md` on backups.
    fn must_be_exported(&mut self) {}

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        self.statement(sql, params).map(|(_, count)| count)
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.statement(sql, params).map(|(rows, _)| rows)
    }

    fn defer(&mut self, sql: &str, params: &[Value], rows: u64) -> Result<(), StoreError> {
        self.go_on(params)?;
        let deferred = Deferred::new(sql, params, rows);
        self.link.prepare_deferred(&deferred).map_err(|failure| self.fail(failure))?;
        self.deferred.push(deferred);
        Ok(())
    }

    fn first_locked(&mut self, sql: &str, table: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        self.first(&format!("{sql} FOR NO KEY UPDATE OF {table}"), params)
    }
}
