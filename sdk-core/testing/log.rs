//! All that the tests log, so that one of them can look for secrets in it.

use std::{
    fmt::{Debug, Write as _},
    sync::{Mutex, Once},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

static LOG: Mutex<String> = Mutex::new(String::new());

/// From now on, in all threads.
pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // With another subscriber, there would only be less to look at.
        let _ = tracing::subscriber::set_global_default(Recorder);
    });
}

/// What was logged so far.
pub(crate) fn recorded() -> String {
    LOG.lock().unwrap().clone()
}

struct Recorder;

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        write_line(span.metadata().level(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        write_line(&Level::TRACE, |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        write_line(event.metadata().level(), |line| event.record(line));
        if event.metadata().target().starts_with("moorline") {
            crate::logging::observe(event);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn write_line(level: &Level, record: impl FnOnce(&mut Line)) {
    let mut line = Line(level.to_string());
    record(&mut line);
    writeln!(LOG.lock().unwrap(), "{}", line.0).unwrap();
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}
