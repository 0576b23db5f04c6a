//! The `tracing` subscriber of a process that has no other. It sees the SDK's own events alone: what libraries below it
//! log (header fields, for example) is not the SDK's to promise anything about.

use std::{
    collections::VecDeque,
    fmt::{Debug, Write as _},
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

use super::{
    delivery::Delivery,
    event::{LONGEST, LogEvent, LogLevel, Logger},
};
use crate::{
    error::Error,
    time::{Clock as _, SystemClock},
};

static SINK: Sink = Sink::new();
static RECORDING: AtomicBool = AtomicBool::new(false);

pub(super) fn set(level: LogLevel, logger: Option<Arc<dyn Logger>>) -> Result<(), Error> {
    install();
    if !is_recording() {
        return Err(Error::Misconfigured(
            "this process has a tracing subscriber of its own: the SDK's events go there, and a logger gets none".into(),
        ));
    }
    SINK.set(level, logger.map(Delivery::to).transpose()?);
    Ok(())
}

pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        RECORDING.store(tracing::subscriber::set_global_default(Recorder(&SINK)).is_ok(), Ordering::Relaxed);
    });
}

/// Whether this process's events come here.
pub(crate) fn is_recording() -> bool {
    RECORDING.load(Ordering::Relaxed)
}

/// The latest events, the oldest first.
pub(crate) fn recent() -> Vec<LogEvent> {
    SINK.kept().iter().cloned().collect()
}

/// Takes in an event, whatever its level.
#[cfg(test)]
pub(crate) fn observe(event: &Event<'_>) {
    SINK.observe(event);
}

/// Where events go.
struct Sink {
    /// The least important level that is wanted.
    level: AtomicU8,
    logger: RwLock<Option<(LogLevel, Delivery)>>,
    recent: Mutex<VecDeque<LogEvent>>,
}

impl Sink {
    const fn new() -> Self {
        Self {
            level: AtomicU8::new(KEPT as u8),
            logger: RwLock::new(None),
            recent: Mutex::new(VecDeque::new()),
        }
    }

    fn set(&self, level: LogLevel, delivery: Option<Delivery>) {
        let wanted = if delivery.is_some() { level.max(KEPT) } else { KEPT };
        let mut logger = self.logger.write().unwrap_or_else(PoisonError::into_inner);
        self.level.store(wanted as u8, Ordering::Relaxed);
        *logger = delivery.map(|delivery| (level, delivery));
    }

    fn observe(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let event = LogEvent {
            time: SystemClock.wall(),
            level: level_of(*metadata.level()),
            target: metadata.target().to_owned(),
            message: text.message,
            fields: text.fields,
        };
        if let Some((level, delivery)) = &*self.logger.read().unwrap_or_else(PoisonError::into_inner)
            && event.level <= *level
        {
            delivery.send(event.clone());
        }
        let mut kept = self.kept();
        if kept.len() == MOST_KEPT {
            kept.pop_front();
        }
        kept.push_back(event);
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<LogEvent>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Recorder(&'static Sink);

impl Subscriber for Recorder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Decided once for each place in the code: what is not the SDK's costs nothing from then on.
        if is_ours(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata) && level_of(*metadata.level()) as u8 <= self.0.level.load(Ordering::Relaxed)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.0.observe(event);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
        && (metadata.target() == "moorline"
            || metadata.target().starts_with("moorline::")
            || metadata.target().starts_with("moorline_ffi"))
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// An event's text.
#[derive(Default)]
struct Text {
    message: String,
    fields: Vec<(String, String)>,
}

impl Text {
    fn add(&mut self, field: &Field, value: &str) {
        // One event is one line, whatever a server has written.
        let end = value.floor_char_boundary(LONGEST);
        let value = value[..end].replace(char::is_control, " ");
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.add(field, &text);
    }
}

/// The level that is kept for a bug report without a logger.
const KEPT: LogLevel = LogLevel::Info;
/// How many events are kept.
const MOST_KEPT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_bounded_length_and_only_so_many_are_kept() {
        let sink: &Sink = Box::leak(Box::new(Sink::new()));
        tracing::subscriber::with_default(Recorder(sink), || {
            for number in 0..=MOST_KEPT {
                tracing::warn!(number, text = "ß".repeat(LONGEST), "a line\nand\tanother");
            }
            tracing::debug!("a detail that nobody wants");
            tracing::error!(target: "h2", "the headers of a request");
        });
        let kept = sink.kept();
        let event = kept.back().unwrap();
        assert_eq!((event.level, event.message.as_str()), (LogLevel::Warn, "a line and another"));
        assert_eq!(event.fields[0], ("number".to_owned(), MOST_KEPT.to_string()));
        assert_eq!(event.fields[1], ("text".to_owned(), "ß".repeat(LONGEST / 2)));
        assert_eq!(kept.len(), MOST_KEPT);
    }
}
