//! What a panic leaves in the log: its place, never its message, which may hold what the code worked on.

use std::panic::{self, PanicHookInfo};

/// Replaces Rust's own report, which prints the message to standard error.
pub(super) fn log_the_place_alone() {
    panic::set_hook(Box::new(|info| {
        let place = place(info);
        if tracing::dispatcher::has_been_set() {
            tracing::error!(%place, "the server panicked: please report this place");
        } else {
            eprintln!("error: the server panicked at {place}: please report this place");
        }
    }));
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static REPORTED: Mutex<String> = Mutex::new(String::new());

    #[test]
    fn a_panic_is_reported_by_its_place_and_without_its_message() {
        let before = panic::take_hook();
        panic::set_hook(Box::new(|info| *REPORTED.lock().unwrap() = place(info)));
        let panicked = panic::catch_unwind(|| panic!("hunter2"));
        panic::set_hook(before);
        assert!(panicked.is_err());
        let reported = REPORTED.lock().unwrap();
        assert!(reported.contains("panics.rs:") && !reported.contains("hunter2"), "{reported}");
    }
}
