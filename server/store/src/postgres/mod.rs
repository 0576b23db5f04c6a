//! Postgres: lanes of one connection each behind a bounded queue, one transaction a request.

mod connection;
mod failure;
mod link;
mod membership;
pub(crate) mod migrate;
mod stores;
mod target;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use tokio::time::timeout;

pub(super) use membership::{Membership, Reservation, confirm};

use connection::{Connection, READ, WRITE};
use link::{CONNECTING, silent};
use target::Target;

use crate::queue::{self, QUEUE};
use crate::{Actor, Options, StoreError, Tx};

/// Connects once, and lets the connection go.
pub(super) async fn check(url: &str) -> Result<(), StoreError> {
    let target = Target::parse(url)?;
    let connected = timeout(CONNECTING, target.connect()).await.unwrap_or_else(|_| Err(silent()));
    connected.map(drop).map_err(|failure| failure.error)
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

#[derive(Debug)]
pub(super) struct Lanes {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    only_reads: bool,
}

impl Lanes {
    /// Brings the tables up to date, asks `guard`, and starts the lanes.
    pub(super) fn open<E: From<StoreError> + Send>(
        url: &str,
        options: &Options,
        guard: impl FnOnce(&mut dyn Tx) -> Result<(), E> + Send,
    ) -> Result<Self, E> {
        Self::start(url, options, |connection| {
            connection.until_done(migrate::run)?;
            connection.once(WRITE, |connection| guard(connection))
        })
    }

    /// Starts lanes that need no right to write. The tables must be up to date.
    pub(super) fn open_to_read(url: &str, options: &Options) -> Result<Self, StoreError> {
        let mut lanes = Self::start(url, options, |connection| {
            connection.once(READ, |connection| crate::migrate::check(connection))
        })?;
        lanes.only_reads = true;
        Ok(lanes)
    }

    fn start<E: From<StoreError> + Send>(
        url: &str,
        options: &Options,
        first: impl FnOnce(&mut Connection) -> Result<(), E> + Send,
    ) -> Result<Self, E> {
        let &Options { lanes: count, patience, .. } = options;
        let target = Arc::new(Target::parse(url)?);
        // The caller may be inside a runtime, where nothing may block on another one, nor drop it.
        let open = || -> Result<_, E> {
            let mut connection = Connection::new(Arc::clone(&target), patience)?;
            first(&mut connection)?;
            Ok(connection)
        };
        let opened = std::thread::scope(|scope| scope.spawn(open).join());
        let first = opened.unwrap_or_else(|_| Err(StoreError::Panicked.into()))?;
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let mut lanes = Self { jobs: Some(jobs), threads: Vec::with_capacity(count), only_reads: false };
        let mut first = Some(first);
        for number in 0..count {
            let connection =
                first.take().map_or_else(|| Connection::new(Arc::clone(&target), patience), Ok)?;
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name(format!("store-lane-{number}"))
                .spawn(move || serve(connection, &queue))
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            lanes.threads.push(thread);
        }
        Ok(lanes)
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    pub(super) const fn only_reads(&self) -> bool {
        self.only_reads
    }

    pub(super) async fn write<T, E, F>(&self, actor: Actor, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Clone + Send + 'static,
    {
        self.run(move |connection, reply: oneshot::Sender<_>| {
            // A caller that goes away asks again: run late, its request would meet what the second one did.
            let result = connection.write(&actor, work, || !reply.is_closed());
            // The caller does not wait for what a lane does afterwards.
            let _ = reply.send(result);
        })
        .await
    }

    pub(super) async fn read<T, E, F>(&self, actor: Actor, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Clone + Send + 'static,
    {
        self.run(move |connection, reply: oneshot::Sender<_>| {
            let result = connection.read(&actor, work, || !reply.is_closed());
            let _ = reply.send(result);
            connection.end();
        })
        .await
    }

    async fn run<T, E>(
        &self,
        job: impl FnOnce(&mut Connection, oneshot::Sender<Result<T, E>>) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().expect("the queue is taken only by drop");
        let gone = || StoreError::Unavailable("its lanes have stopped".to_owned());
        let job: Job = Box::new(move |connection| job(connection, reply));
        queue::send(jobs, job, "the database", gone)?;
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable("the request was not run to its end".to_owned()).into())
        })
    }
}

/// Everything queued is done before the connections close.
impl Drop for Lanes {
    fn drop(&mut self) {
        drop(self.jobs.take());
        queue::join(self.threads.drain(..));
    }
}

fn serve(mut connection: Connection, queue: &Mutex<Receiver<Job>>) {
    while let Some(job) = queue::next(queue) {
        // What a request leaves behind may panic when it is dropped here. The lane goes on.
        if catch_unwind(AssertUnwindSafe(|| job(&mut connection))).is_err() {
            connection.end();
        }
    }
}

#[cfg(test)]
mod tests;
