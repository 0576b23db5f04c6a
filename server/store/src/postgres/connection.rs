//! One Postgres connection and its transaction, with the synchronous face of [`Tx`].

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::failure::{Failure, Kind};
use super::target::Target;
use crate::value::{self, Columns};
use crate::{Actor, Engine, Row, StoreError, Tx, Value};

pub(super) const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
pub(super) const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How often a transaction runs before its caller is asked to try again.
const RUNS: u32 = 8;

/// A server that has not answered for this long is gone: longer than its own `statement_timeout`.
const SILENCE: Duration = Duration::from_secs(40);

/// A connection that was lost with an answer of the server is noticed within this time.
const QUICK: Duration = Duration::from_secs(1);

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

#[derive(Debug)]
struct Prepared {
    statement: Statement,
    columns: Columns,
}

pub(super) struct Connection {
    runtime: Runtime,
    target: Arc<Target>,
    client: Option<Client>,
    prepared: HashMap<Box<str>, Arc<Prepared>>,
    actor: Actor,
    state: State,
}

impl Connection {
    /// Connects at its first statement.
    pub(super) fn new(target: Arc<Target>) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            runtime,
            target,
            client: None,
            prepared: HashMap::new(),
            actor: OPENING,
            state: State::Idle,
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
        let mut last = None;
        for _ in 0..RUNS {
            if !is_awaited() {
                let text = "nobody waits for the request any more".to_owned();
                return Err(StoreError::Unavailable(text).into());
            }
            let result = self.run(WRITE, actor, work.clone());
            match self.finish(result.is_ok()) {
                Ok(()) => return result,
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

    /// Runs `work` on one snapshot. Call [`Connection::end`] afterwards.
    pub(super) fn read<T, E, F>(&mut self, actor: &Actor, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut dyn Tx) -> Result<T, E>,
    {
        self.run(READ, actor, work)
    }

    /// Runs `work` in a transaction, once, and commits it.
    pub(super) fn once<T, E: From<StoreError>>(
        &mut self,
        begin: &'static str,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.state = State::Begun(begin);
        let result = work(self);
        self.finish(result.is_ok()).map_err(|failure| failure.error)?;
        result
    }

    fn run<T, E, F>(&mut self, begin: &'static str, actor: &Actor, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut dyn Tx) -> Result<T, E>,
    {
        self.actor = actor.clone();
        self.state = State::Begun(begin);
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| Err(StoreError::Panicked.into()))
    }

    /// Ends a transaction whose writes, if any, are not kept.
    pub(super) fn end(&mut self) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Begun(_) => {}
            State::Open | State::Failed(_) => {
                if self.command("ROLLBACK").is_err() {
                    self.forget();
                }
            }
        }
    }

    /// Commits or undoes the transaction. An error says that nothing of it was kept, and whether it may run again; only
    /// after a connection that was lost during `COMMIT` nobody knows.
    ///
    /// `COMMIT` of a failed transaction is answered like a good one (the tag is ROLLBACK), so it is never sent.
    fn finish(&mut self, keep: bool) -> Result<(), Failure> {
        match (keep, &self.state) {
            (true, State::Open) => {
                self.state = State::Idle;
                self.commit()
            }
            (_, State::Failed(failure)) => {
                let failure = failure.clone();
                self.end();
                match (keep, failure.kind) {
                    (_, Kind::Conflict | Kind::Lost) => Err(failure),
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

    fn commit(&mut self) -> Result<(), Failure> {
        self.command("COMMIT").map_err(|failure| match failure.kind {
            // The server says so itself: it was undone.
            Kind::Conflict => failure,
            Kind::Lost => {
                self.forget();
                Failure::fatal(StoreError::Unavailable(format!(
                    "the connection was lost during a commit: {}",
                    failure.error
                )))
            }
            Kind::Fatal => Failure::fatal(StoreError::Unavailable(failure.error.to_string())),
        })
    }

    /// Runs statements without parameters: `COMMIT`, `ROLLBACK`, a migration.
    fn command(&mut self, sql: &str) -> Result<(), Failure> {
        let Some(client) = &self.client else { return Err(Failure::lost("there is no connection")) };
        wait(&self.runtime, async { Ok(client.batch_execute(sql).await?) })
    }

    /// Runs a migration in the open transaction.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.query("SELECT 1 AS one", &[])?;
        self.command(sql).map_err(|failure| self.fail(failure))
    }

    fn forget(&mut self) {
        self.client = None;
        self.prepared.clear();
    }

    fn fail(&mut self, failure: Failure) -> StoreError {
        match failure.kind {
            Kind::Lost => self.forget(),
            Kind::Conflict => self.prepared.clear(),
            Kind::Fatal => {}
        }
        let error = failure.error.clone();
        self.state = State::Failed(failure);
        error
    }

    fn statement(&mut self, sql: &str, params: &[Value]) -> Result<(Vec<Row>, u64), StoreError> {
        value::check_text(params)?;
        if let State::Failed(failure) = &self.state {
            return Err(failure.error.clone());
        }
        let first = match self.state {
            State::Begun(begin) => Some(begin),
            _ => None,
        };
        let asked = Instant::now();
        let mut done = self.send(first, sql, params);
        // The server was restarted since the lane's last request: nothing of this one has been done. After a long wait
        // the caller may have asked again elsewhere.
        let was_quick = asked.elapsed() < QUICK;
        if first.is_some() && was_quick && matches!(&done, Err(failure) if failure.kind == Kind::Lost) {
            self.forget();
            done = self.send(first, sql, params);
        }
        match done {
            Ok(answer) => {
                self.state = State::Open;
                Ok(answer)
            }
            Err(failure) => Err(self.fail(failure)),
        }
    }

    fn send(
        &mut self,
        begin: Option<&'static str>,
        sql: &str,
        params: &[Value],
    ) -> Result<(Vec<Row>, u64), Failure> {
        let prepared = self.prepare(sql)?;
        let expected = prepared.statement.params().len();
        if expected != params.len() {
            let text = format!("{expected} placeholders, {} parameters", params.len());
            return Err(Failure::fatal(StoreError::Defect(text)));
        }
        let client = self.client.as_ref().ok_or_else(|| Failure::lost("there is no connection"))?;
        let statement = &prepared.statement;
        let params = params.iter().map(|value| value as &(dyn ToSql + Sync)).collect::<Vec<_>>();
        wait(&self.runtime, async {
            let begun =
                async { if let Some(begin) = begin { client.batch_execute(begin).await } else { Ok(()) } };
            if statement.columns().is_empty() {
                // It goes out alone: were `BEGIN` to fail, the statement would commit by itself.
                begun.await?;
                return Ok((Vec::new(), client.execute(statement, &params).await?));
            }
            // One round trip: the first is polled, and so sent, first.
            let sent = async {
                let rows = client.query(statement, &params).await?;
                let rows: Vec<_> =
                    rows.iter().map(|row| owned(row, &prepared.columns)).collect::<Result<_, _>>()?;
                let count = rows.len() as u64;
                Ok((rows, count))
            };
            let (begun, answer) = tokio::join!(biased; begun, sent);
            begun?;
            let answer: Result<_, tokio_postgres::Error> = answer;
            Ok(answer?)
        })
    }

    fn prepare(&mut self, sql: &str) -> Result<Arc<Prepared>, Failure> {
        if self.client.is_none() {
            let target = Arc::clone(&self.target);
            // A server that is away is not asked again and again: its requests would hold every lane.
            let connected = wait(&self.runtime, async { target.connect().await });
            self.client = Some(connected.map_err(|failure| Failure::fatal(failure.error))?);
        }
        if let Some(prepared) = self.prepared.get(sql) {
            return Ok(Arc::clone(prepared));
        }
        let client = self.client.as_ref().ok_or_else(|| Failure::lost("there is no connection"))?;
        let statement = wait(&self.runtime, async { Ok(client.prepare(sql).await?) })?;
        let columns = statement.columns().iter().map(|column| Box::from(column.name())).collect();
        let prepared = Arc::new(Prepared { statement, columns });
        self.prepared.insert(sql.into(), Arc::clone(&prepared));
        Ok(prepared)
    }
}

fn wait<T>(runtime: &Runtime, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    runtime.block_on(async {
        tokio::time::timeout(SILENCE, work)
            .await
            .unwrap_or_else(|_| Err(Failure::lost("the server does not answer")))
    })
}

fn owned(row: &tokio_postgres::Row, columns: &Columns) -> Result<Row, tokio_postgres::Error> {
    let values = (0..columns.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>()?;
    Ok(Row::new(Columns::clone(columns), values))
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

    fn first_locked(&mut self, sql: &str, table: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        self.first(&format!("{sql} FOR NO KEY UPDATE OF {table}"), params)
    }
}
