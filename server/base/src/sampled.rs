//! Log lines about what strangers can cause: one now and then, with the number of those that were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says when to log one kind of event, and how many were not logged.
#[derive(Debug, Default)]
pub struct Sampled(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last_line: Option<Instant>,
    left_out: u64,
}

impl Sampled {
    /// The first event is logged.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(State { last_line: None, left_out: 0 }))
    }

    /// Counts an event. Returns how many were left out before it if a line is due.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last_line.is_some_and(|last| now.duration_since(last) < BETWEEN_LINES) {
            state.left_out += 1;
            return None;
        }
        state.last_line = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

const BETWEEN_LINES: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_has_a_line_and_later_ones_are_counted_for_the_next() {
        let (sampled, start) = (Sampled::new(), Instant::now());
        assert_eq!(sampled.due_at(start), Some(0));
        assert_eq!(sampled.due_at(start), None);
        assert_eq!(sampled.due_at(start + BETWEEN_LINES / 2), None);
        assert_eq!(sampled.due_at(start + BETWEEN_LINES), Some(2));
        assert_eq!(sampled.due_at(start + BETWEEN_LINES * 3), Some(0));
    }
}
