//! The log on standard error. No request waits for who reads it.

use std::io::{self, BufWriter, IsTerminal as _, Stderr, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moorline_server_base::config::LogFormat;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::terminal::Failure;

/// Starts the log. Standard output is for what was asked. Lines that still wait are written when the guard is dropped,
/// or given up after a second.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<WorkerGuard, Failure> {
    let filter = parse(filter)?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let dropped = Arc::new(OnceLock::new());
    let lines = Lines { out: BufWriter::new(io::stderr()), dropped: Arc::clone(&dropped), reported: 0 };
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING)
        .thread_name("log")
        .finish(lines);
    let _ = dropped.set(writer.error_counter());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colour);
    match format {
        LogFormat::Text => log.init(),
        // A line has the request's span once: none is inside another.
        LogFormat::Json => log.json().with_span_list(false).init(),
    }
    Ok(guard)
}

/// Reads a filter, as the setting `log.filter` or the option `--log` has it.
pub(crate) fn parse(filter: &str) -> Result<EnvFilter, Failure> {
    let wrong = |error| {
        format!(
            "log.filter (or --log): {filter:?} is not a filter ({error}): write a level (error, warn, info, debug, trace) \
             or levels of modules, such as \"info\" or \"warn,moorline_server=debug\""
        )
    };
    Ok(EnvFilter::try_new(filter).map_err(wrong)?)
}

/// So many lines may wait; further ones are lost.
const WAITING: usize = 8192;

/// How long lines gather after some were written. To wake the thread for each of them costs requests more than to write
/// it.
const GATHER: Duration = Duration::from_millis(10);

/// Standard error, on the thread of the log.
struct Lines {
    /// Lines that waited together are written together.
    out: BufWriter<Stderr>,
    /// How many lines found no room.
    dropped: Arc<OnceLock<ErrorCounter>>,
    /// How many of them the log has reported.
    reported: usize,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.out.write(line)
    }

    /// Called when no line waits: there is room for one that reports the loss.
    fn flush(&mut self) -> io::Result<()> {
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        let lost = dropped.saturating_sub(self.reported);
        if lost > 0 {
            self.reported = dropped;
            tracing::warn!(lost, "log lines were lost: standard error took them too slowly");
        }
        self.out.flush()?;
        std::thread::sleep(GATHER);
        Ok(())
    }
}
