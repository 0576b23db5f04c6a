//! The one writer: a thread that groups waiting requests into one durable commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::connection::Connection;
use super::queue::{self, QUEUE};
use super::{Actor, Export, StoreError, Tx};

/// More requests than this in one commit gain nothing (measured), and delay its first.
const GROUP: usize = 32;

/// A request on its way through the writer.
trait Job: Send {
    /// On whose behalf it runs. Taken once, before it runs.
    fn take_actor(&mut self) -> Actor;

    /// Runs the request. Returns whether to keep what it wrote.
    fn run(&mut self, tx: &mut dyn Tx) -> bool;

    /// Whether its caller still waits for the answer.
    fn is_wanted(&self) -> bool;

    /// Answers the request. With a failure, nothing that it wrote is kept.
    fn answer(self: Box<Self>, failure: Option<&StoreError>);
}

struct Request<T, E, F> {
    actor: Option<Actor>,
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Request<T, E, F>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&mut dyn Tx) -> Result<T, E> + Send,
{
    fn take_actor(&mut self) -> Actor {
        self.actor.take().expect("a job runs once")
    }

    fn run(&mut self, tx: &mut dyn Tx) -> bool {
        let work = self.work.take().expect("a job runs once");
        let result =
            catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn answer(self: Box<Self>, failure: Option<&StoreError>) {
        let result = match (failure, self.result) {
            // A refusal too: it may have been decided on what another request of the group wrote, and is now lost.
            (Some(failure), _) => Err(failure.clone().into()),
            (None, Some(done)) => done,
            (None, None) => Err(StoreError::Unavailable("the request was not run".to_owned()).into()),
        };
        // A caller that went away does not want its answer; its work was begun and is done all the same.
        let _ = self.reply.send(result);
    }
}

/// The handle of the writer's thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, export: Option<Box<dyn Export>>) -> Result<Self, StoreError> {
        let (jobs, queue) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || WriterLoop { connection, export, behind: false }.serve(&queue))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn is_alive(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    pub(super) async fn run<T, E, F>(&self, actor: Actor, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Unavailable("the writer has stopped".to_owned());
        let jobs = self.jobs.as_ref().expect("the queue is taken only by drop");
        let request = Request { actor: Some(actor), work: Some(work), result: None, reply };
        let job: Box<dyn Job> = Box::new(request);
        queue::send(jobs, job, "the writer", gone)?;
        answer.await.unwrap_or_else(|_| Err(gone().into()))
    }
}

/// Everything queued is written before the database closes.
impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        queue::join(self.thread.get_mut().ok().and_then(Option::take));
    }
}

/// The writer's thread: its connection, and the export that follows each commit.
struct WriterLoop {
    connection: Connection,
    export: Option<Box<dyn Export>>,
    /// Whether the database has something that the export has not.
    behind: bool,
}

/// A request of the group, and whether its answer waits for the export.
struct Entry {
    job: Box<dyn Job>,
    exported: bool,
}

impl WriterLoop {
    fn serve(mut self, queue: &Receiver<Box<dyn Job>>) {
        let mut group: Vec<Entry> = Vec::with_capacity(GROUP);
        while let Ok(first) = queue.recv() {
            if !first.is_wanted() {
                continue;
            }
            let failure = self.run_group(first, queue, &mut group).err();
            if let Some(error) = &failure {
                tracing::error!(%error, requests = group.len(), "a group of writes failed: none of them is kept");
                if !self.connection.is_idle() {
                    let _ = self.connection.control("ROLLBACK");
                }
            }
            let first = group.iter().position(|entry| entry.exported).filter(|_| failure.is_none());
            let unexported = first.and_then(|first| Some((first, self.catch_up().err()?)));
            for (number, entry) in group.drain(..).enumerate() {
                // Later requests of the group may have been decided on it.
                let waits = unexported.as_ref().filter(|(first, _)| number >= *first);
                entry.job.answer(failure.as_ref().or(waits.map(|(_, error)| error)));
            }
        }
    }

    /// Until the export has what was committed, no response may depend on it: so nothing more is written.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        let Some(export) = &mut self.export else { return Ok(()) };
        let done = export.catch_up(&mut self.connection);
        self.behind = done.is_err();
        done.inspect_err(
            |error| tracing::error!(%error, "an end of a session could not be exported: every write fails until it is"),
        )
    }

    fn run_group(
        &mut self,
        first: Box<dyn Job>,
        queue: &Receiver<Box<dyn Job>>,
        group: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let mut next = Some(first);
        let begun = if self.behind { self.catch_up() } else { Ok(()) }
            .and_then(|()| self.connection.control("BEGIN IMMEDIATE"));
        while let Some(job) = next {
            let alone = group.is_empty();
            group.push(Entry { job, exported: false });
            // Without a transaction the queue is not drained: later requests may find the database available again.
            if let Err(error) = &begun {
                return Err(StoreError::Unavailable(error.to_string()));
            }
            let entry = group.last_mut().expect("one was just pushed");
            entry.exported = run_one(&mut self.connection, entry.job.as_mut(), alone)?;
            let mut waiting = std::iter::from_fn(|| queue.try_recv().ok()).filter(|job| job.is_wanted());
            next = if group.len() < GROUP { waiting.next() } else { None };
        }
        self.connection.control("COMMIT").map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

/// Runs a request so that what it wrote can be undone by itself. The first of a group needs no savepoint for that: the
/// transaction is all its own. Returns whether its answer waits for the export.
fn run_one(connection: &mut Connection, job: &mut dyn Job, alone: bool) -> Result<bool, StoreError> {
    if !alone {
        connection.control("SAVEPOINT request")?;
    }
    connection.act_for(job.take_actor());
    let keep = job.run(connection);
    let exported = connection.take_must_be_exported() && keep;
    if connection.is_idle() {
        return Err(StoreError::Unavailable("the database ended the transaction".to_owned()));
    }
    match (keep, alone) {
        (true, true) => {}
        (true, false) => connection.control("RELEASE request")?,
        (false, true) => {
            connection.control("ROLLBACK")?;
            connection.control("BEGIN IMMEDIATE")?;
        }
        (false, false) => {
            connection.control("ROLLBACK TO request")?;
            connection.control("RELEASE request")?;
        }
    }
    Ok(exported)
}
