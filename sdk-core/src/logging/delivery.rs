//! Events on their way to the app's logger: through a queue, so that a slow logger delays nothing.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
};

use super::event::{LogEvent, LogLevel, Logger};
use crate::{error::Error, runtime};

/// The queue to one logger. Its thread ends, once all is delivered, after this was dropped.
#[derive(Debug)]
pub(super) struct Delivery {
    queue: SyncSender<LogEvent>,
    dropped: Arc<AtomicU64>,
}

impl Delivery {
    pub(super) fn to(logger: Arc<dyn Logger>) -> Result<Self, Error> {
        let (queue, events) = mpsc::sync_channel(LONGEST_QUEUE);
        let dropped = Arc::<AtomicU64>::default();
        let counted = dropped.clone();
        let thread = thread::Builder::new().name("moorline-log".into());
        thread.spawn(move || deliver(&*logger, &events, &counted)).map_err(|_| runtime::internal())?;
        Ok(Self { queue, dropped })
    }

    /// Never waits: an event that finds the queue full is counted.
    pub(super) fn send(&self, event: LogEvent) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(event) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn deliver(logger: &dyn Logger, events: &Receiver<LogEvent>, dropped: &AtomicU64) {
    for event in events {
        let time = event.time;
        log(logger, &event);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            log(
                logger,
                &LogEvent {
                    time,
                    level: LogLevel::Warn,
                    target: module_path!().to_owned(),
                    message: "the logger is too slow; events were dropped".to_owned(),
                    fields: vec![("dropped".to_owned(), lost.to_string())],
                },
            );
        }
    }
}

/// A logger that panics has got its event.
fn log(logger: &dyn Logger, event: &LogEvent) {
    drop(panic::catch_unwind(AssertUnwindSafe(|| logger.log(event))));
}

/// How many events wait at most.
pub(super) const LONGEST_QUEUE: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::UNIX_EPOCH};

    use super::*;

    /// Waits in each call for a permit, and panics after it has counted the event.
    #[derive(Debug)]
    struct Slow {
        permits: Mutex<Receiver<()>>,
        seen: mpsc::Sender<String>,
    }

    impl Logger for Slow {
        fn log(&self, event: &LogEvent) {
            let _ = self.permits.lock().unwrap().recv();
            self.seen.send(event.to_string()).unwrap();
            panic!("a logger's own mistake");
        }
    }

    fn event(number: usize) -> LogEvent {
        LogEvent {
            time: UNIX_EPOCH,
            level: LogLevel::Info,
            target: "moorline".to_owned(),
            message: number.to_string(),
            fields: Vec::new(),
        }
    }

    #[test]
    fn a_logger_that_hangs_and_panics_delays_nobody_and_gets_the_number_of_dropped_events() {
        let (permit, permits) = mpsc::channel();
        let (seen, events) = mpsc::channel();
        let delivery = Delivery::to(Arc::new(Slow { permits: Mutex::new(permits), seen })).unwrap();
        let sent = LONGEST_QUEUE + 50;
        (0..sent).for_each(|number| delivery.send(event(number)));
        drop(permit);
        drop(delivery);
        let seen: Vec<String> = events.iter().collect();
        assert_eq!(seen[0], "INFO moorline: 0");
        let reports = seen.iter().filter_map(|line| line.split_once("dropped=\"")?.1.strip_suffix('"'));
        let reports: Vec<usize> = reports.map(|number| number.parse().unwrap()).collect();
        assert_eq!(seen.len() - reports.len() + reports.iter().sum::<usize>(), sent);
        assert!(reports.iter().sum::<usize>() >= 49, "{reports:?}");
    }
}
