//! The transaction that both candidates run, and the figures of one run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

pub const SCHEMA: &str = include_str!("../sql/schema.sql");
pub const INSERT_SESSION: &str = include_str!("../sql/insert_session.sql");
pub const SELECT_SESSION: &str = include_str!("../sql/select_session.sql");
pub const ROTATE_SESSION: &str = include_str!("../sql/rotate_session.sql");
pub const INSERT_AUDIT: &str = include_str!("../sql/insert_audit.sql");

/// Requests in one durable commit, at most.
pub const GROUP: usize = 32;
/// Sessions in the table; callers take one each.
pub const SESSIONS: usize = 10_000;

/// One rotation that a caller asks for; answered after the durable commit.
pub struct Job {
    pub locator: Vec<u8>,
    pub generation: i64,
    pub attempt: Vec<u8>,
    pub now: i64,
    pub answer: oneshot::Sender<bool>,
}

/// How many durable commits a writer made.
pub type Commits = Arc<AtomicU64>;

pub struct Figures {
    pub transactions: u64,
    pub elapsed: Duration,
    pub cpu: Duration,
    pub commits: u64,
}

impl Figures {
    pub fn per_second(&self) -> f64 {
        self.transactions as f64 / self.elapsed.as_secs_f64()
    }
    pub fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.transactions as f64
    }
    pub fn mean_group(&self) -> f64 {
        self.transactions as f64 / self.commits as f64
    }
}

pub fn locator(n: usize) -> Vec<u8> {
    format!("locator-{n:08}").into_bytes()
}

/// `callers` tasks rotate a session each, one request after the other, for `time`.
pub async fn run(
    writer: &mpsc::Sender<Job>,
    commits: &Commits,
    first: usize,
    callers: usize,
    time: Duration,
) -> Figures {
    let (commits_before, cpu_before, start) = (commits.load(Ordering::Relaxed), cpu_time(), Instant::now());
    let mut tasks = Vec::new();
    for caller in first..first + callers {
        let writer = writer.clone();
        tasks.push(tokio::spawn(async move {
            let mut generation = 0;
            while start.elapsed() < time {
                let (answer, rotated) = oneshot::channel();
                let job = Job {
                    locator: locator(caller),
                    generation,
                    attempt: vec![generation as u8; 32],
                    now: 1_800_000_000_000 + generation,
                    answer,
                };
                writer.send(job).await.ok().expect("the writer lives as long as the run");
                assert!(rotated.await.expect("the writer answers every job"), "the rotation was refused");
                generation += 1;
            }
            generation as u64
        }));
    }
    let mut transactions = 0;
    for task in tasks {
        transactions += task.await.expect("no caller panics");
    }
    Figures {
        transactions,
        elapsed: start.elapsed(),
        cpu: cpu_time() - cpu_before,
        commits: commits.load(Ordering::Relaxed) - commits_before,
    }
}

/// CPU time of this whole process, all threads, user and system.
pub fn cpu_time() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for a write of one rusage, and zeroed memory is a valid one.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let time =
        |t: libc::timeval| Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64);
    time(usage.ru_utime) + time(usage.ru_stime)
}
