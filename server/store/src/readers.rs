//! Connections that only read, each on its own thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::connection::{Connection, Mode};
use super::queue::{self, QUEUE};
use super::{Actor, StoreError, Tx};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

#[derive(Debug)]
pub(super) struct Readers {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(path: &Path, count: usize, mode: Mode) -> Result<Self, StoreError> {
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let mut connection = Connection::open_reader(path, mode)?;
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || {
                    while let Some(job) = queue::next(&queue) {
                        job(&mut connection);
                    }
                })
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            threads.push(thread);
        }
        Ok(Self { jobs: Some(jobs), threads })
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    pub(super) async fn run<T, E, F>(&self, actor: Actor, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Unavailable("the readers have stopped".to_owned());
        let jobs = self.jobs.as_ref().expect("the queue is taken only by drop");
        let job: Job = Box::new(move |connection| {
            if reply.is_closed() {
                return;
            }
            connection.act_for(actor);
            let _ = reply.send(snapshot(connection, work));
        });
        queue::send(jobs, job, "a reader", gone)?;
        answer.await.unwrap_or_else(|_| Err(gone().into()))
    }
}

/// Their connections are closed when this returns.
impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.jobs.take());
        queue::join(self.threads.drain(..));
    }
}

/// One read transaction: what `work` asks in several statements fits together.
fn snapshot<T, E, F>(connection: &mut Connection, work: F) -> Result<T, E>
where
    E: From<StoreError>,
    F: FnOnce(&mut dyn Tx) -> Result<T, E>,
{
    connection.control("BEGIN")?;
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
    connection.control("ROLLBACK")?;
    result
}
