//! The link to a Postgres server: one connection, made when it is needed, and its prepared statements. Several
//! statements go out in one round trip.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::failure::{Failure, Kind};
use super::target::Target;
use crate::value::Columns;
use crate::{Row, StoreError, Value};

/// The rows that a statement returned, and how many it returned or changed.
pub(super) type Answer = (Vec<Row>, u64);

/// A statement that waits for the next one, or for `COMMIT`.
#[derive(Debug)]
pub(super) struct Deferred {
    sql: String,
    params: Vec<Value>,
}

impl Deferred {
    /// Fails in SQL itself unless it changes exactly `rows` rows: by a division by zero, since no `COMMIT` may succeed
    /// after it. `sql` has no `RETURNING`.
    pub(super) fn new(sql: &str, params: &[Value], rows: u64) -> Self {
        let sql = format!(
            "WITH changed AS ({sql} RETURNING 1) SELECT 1 / (count(*) = {rows})::int AS done FROM changed"
        );
        Self { sql, params: params.to_vec() }
    }
}

#[derive(Debug)]
struct Prepared {
    statement: Statement,
    columns: Columns,
}

/// A live connection. The task moves its bytes.
#[derive(Debug)]
struct Wire {
    client: Client,
    task: JoinHandle<()>,
}

pub(super) struct Link {
    runtime: Runtime,
    target: Arc<Target>,
    wire: Option<Wire>,
    prepared: HashMap<Box<str>, Arc<Prepared>>,
    /// When the current request stops waiting for the server; `None`: never.
    until: Option<Instant>,
}

impl Link {
    pub(super) fn new(target: Arc<Target>) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { runtime, target, wire: None, prepared: HashMap::new(), until: None })
    }

    /// Waits until then at most, in everything that follows.
    pub(super) fn wait_until(&mut self, until: Option<Instant>) {
        self.until = until;
    }

    /// Makes a connection unless there is one: only where a transaction begins, since a `COMMIT` on another one would
    /// succeed and keep nothing.
    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        if self.wire.is_some() {
            return Ok(());
        }
        let target = Arc::clone(&self.target);
        let connecting =
            async { tokio::time::timeout(CONNECTING, target.connect()).await.map_err(|_| silent())? };
        // A server that is away is not asked again and again: its requests would hold every lane.
        let (client, task) = self.wait(connecting).map_err(|failure| Failure::fatal(failure.error))?;
        self.wire = Some(Wire { client, task });
        Ok(())
    }

    /// Sends `begin`, the deferred statements and this one, and waits for their answers: one round trip, unless
    /// something has to be prepared. The first failure counts.
    pub(super) fn send(
        &mut self,
        begin: Option<&'static str>,
        deferred: &[Deferred],
        sql: &str,
        params: &[Value],
    ) -> Result<Answer, Failure> {
        let done = self.try_send(begin, deferred, sql, params);
        self.noted(done)
    }

    /// Sends the deferred statements together with `COMMIT`. Nothing is committed if one of them failed.
    pub(super) fn commit(&mut self, deferred: &[Deferred]) -> Result<(), Failure> {
        let done = self.try_commit(deferred);
        self.noted(done)
    }

    /// Runs statements without parameters: `BEGIN`, `ROLLBACK`, a migration.
    pub(super) fn command(&mut self, sql: &str) -> Result<(), Failure> {
        let done = self.client().and_then(|client| self.wait(command(client, sql)).map(drop));
        self.noted(done)
    }

    /// Prepares a statement early, so that a mistake in it is reported where it was made.
    pub(super) fn prepare_deferred(&mut self, deferred: &Deferred) -> Result<(), Failure> {
        let done = self.prepare(&deferred.sql, &deferred.params).map(drop);
        self.noted(done)
    }

    /// Closes the connection at once: the server undoes what was not committed, and releases its locks.
    pub(super) fn forget(&mut self) {
        self.prepared.clear();
        if let Some(Wire { client, task }) = self.wire.take() {
            drop(client);
            task.abort();
            let _ = self.runtime.block_on(task);
        }
    }

    fn try_send(
        &mut self,
        begin: Option<&'static str>,
        deferred: &[Deferred],
        sql: &str,
        params: &[Value],
    ) -> Result<Answer, Failure> {
        let before = self.prepare_all(deferred)?;
        let last = self.prepare(sql, params)?;
        let client = self.client()?;
        let mut steps = Vec::with_capacity(deferred.len() + 2);
        if let Some(begin) = begin {
            let begin = begun(client, begin);
            if deferred.is_empty() && !last.statement.columns().is_empty() {
                steps.push(begin);
            } else {
                // It goes out alone: were it to fail, what changes rows would commit by itself.
                self.wait(begin)?;
            }
        }
        steps.extend(
            before.iter().zip(deferred).map(|(it, deferred)| statement(client, it, &deferred.params)),
        );
        steps.push(statement(client, &last, params));
        self.wait(pipelined(steps))
    }

    fn try_commit(&mut self, deferred: &[Deferred]) -> Result<(), Failure> {
        // They were prepared when they were deferred: nothing is awaited here before all is sent.
        let before = self.prepare_all(deferred)?;
        let client = self.client()?;
        let mut steps: Vec<_> = before
            .iter()
            .zip(deferred)
            .map(|(it, deferred)| statement(client, it, &deferred.params))
            .collect();
        steps.push(command(client, "COMMIT"));
        self.wait(pipelined(steps)).map(drop)
    }

    fn prepare_all(&mut self, deferred: &[Deferred]) -> Result<Vec<Arc<Prepared>>, Failure> {
        deferred.iter().map(|deferred| self.prepare(&deferred.sql, &deferred.params)).collect()
    }

    fn prepare(&mut self, sql: &str, params: &[Value]) -> Result<Arc<Prepared>, Failure> {
        let prepared = if let Some(known) = self.prepared.get(sql) {
            Arc::clone(known)
        } else {
            let client = self.client()?;
            let statement = self.wait(async { Ok(client.prepare(sql).await?) })?;
            let columns = statement.columns().iter().map(|column| Box::from(column.name())).collect();
            let fresh = Arc::new(Prepared { statement, columns });
            self.prepared.insert(sql.into(), Arc::clone(&fresh));
            fresh
        };
        let expected = prepared.statement.params().len();
        if expected == params.len() {
            return Ok(prepared);
        }
        let text = format!("{expected} placeholders, {} parameters", params.len());
        Err(Failure::fatal(StoreError::Defect(text)))
    }

    fn client(&self) -> Result<&Client, Failure> {
        self.wire.as_ref().map(|wire| &wire.client).ok_or_else(|| Failure::lost("there is no connection"))
    }

    /// Keeps nothing that a failure has made useless.
    fn noted<T>(&mut self, done: Result<T, Failure>) -> Result<T, Failure> {
        done.inspect_err(|failure| match failure.kind {
            Kind::Lost => self.forget(),
            Kind::Stale => self.prepared.clear(),
            Kind::Conflict | Kind::Fatal => {}
        })
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        match left {
            None => self.runtime.block_on(work),
            Some(left) => self
                .runtime
                .block_on(async { tokio::time::timeout(left, work).await.unwrap_or_else(|_| Err(silent())) }),
        }
    }
}

/// With several hosts each gets the target's own limit.
pub(super) const CONNECTING: Duration = Duration::from_secs(20);

pub(super) fn silent() -> Failure {
    Failure::lost("the server does not answer")
}

/// Something that is sent when it is polled for the first time.
type Step<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + 'a>>;

fn command<'a>(client: &'a Client, sql: &'a str) -> Step<'a> {
    Box::pin(async move {
        client.batch_execute(sql).await?;
        Ok((Vec::new(), 0))
    })
}

fn begun<'a>(client: &'a Client, begin: &'static str) -> Step<'a> {
    Box::pin(async move {
        // 0A000 is how a standby refuses to begin a transaction that writes.
        let failed = |failure: Failure| match failure.kind {
            Kind::Stale => Failure { kind: Kind::Lost, ..failure },
            _ => failure,
        };
        command(client, begin).await.map_err(failed)
    })
}

fn statement<'a>(client: &'a Client, prepared: &'a Prepared, params: &'a [Value]) -> Step<'a> {
    Box::pin(async move {
        let Prepared { statement, columns } = prepared;
        let params = params.iter().map(|value| value as &(dyn ToSql + Sync)).collect::<Vec<_>>();
        if columns.is_empty() {
            return Ok((Vec::new(), client.execute(statement, &params).await?));
        }
        let rows = client.query(statement, &params).await?;
        let rows: Vec<_> = rows.iter().map(|row| owned(row, columns)).collect::<Result<_, _>>()?;
        let count = rows.len() as u64;
        Ok((rows, count))
    })
}

fn owned(row: &tokio_postgres::Row, columns: &Columns) -> Result<Row, tokio_postgres::Error> {
    let values = (0..columns.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>()?;
    Ok(Row::new(Columns::clone(columns), values))
}

/// Sends the steps in their order before it waits for any of them. Returns the first failure, or the answer of the last
/// step. A step that can't be sent keeps the later ones, and so `COMMIT`, from being sent.
async fn pipelined(mut steps: Vec<Step<'_>>) -> Result<Answer, Failure> {
    let mut answers: Vec<Option<Result<Answer, Failure>>> = Vec::with_capacity(steps.len());
    poll_fn(|context| {
        while answers.len() < steps.len() && !matches!(answers.last(), Some(Some(Err(_)))) {
            let answer = polled(&mut steps[answers.len()], context);
            answers.push(answer);
        }
        for (step, answer) in steps.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            *answer = polled(step, context);
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().reduce(Result::and).unwrap_or_else(|| Ok((Vec::new(), 0)))
}

fn polled(step: &mut Step<'_>, context: &mut Context<'_>) -> Option<Result<Answer, Failure>> {
    match step.as_mut().poll(context) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
