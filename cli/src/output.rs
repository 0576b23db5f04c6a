//! What is printed, and where: data to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use moorline::Retry;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    /// Colours only where a person looks, and hasn't asked for none (<https://no-color.org>).
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, colour: wanted && stderr().is_terminal() }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) const fn is_coloured(&self) -> bool {
        self.colour
    }

    /// The result of a command, in the form that was asked for.
    pub(crate) fn result(&self, json: &Value, text: impl FnOnce() -> String) {
        let text = if self.json { json.to_string() } else { plain(&text()) };
        self.bytes(format!("{text}\n").as_bytes());
    }

    /// Data as it is; on a terminal, without what that would obey. A reader that has gone away (`| head`) is no error.
    #[expect(clippy::unused_self, reason = "output goes through the one who knows how it is wanted")]
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let mut stdout = stdout().lock();
        let shown = stdout.is_terminal().then(|| plain(&String::from_utf8_lossy(bytes)));
        let bytes = shown.as_deref().map_or(bytes, str::as_bytes);
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    /// Something that the person may want to know.
    pub(crate) fn hint(&self, text: impl Display) {
        let _ = writeln!(stderr(), "{}", self.painted(DIM, &plain(&text.to_string())));
    }

    /// Something that the person should know.
    pub(crate) fn warn(&self, text: impl Display) {
        let _ = writeln!(stderr(), "{} {}", self.painted(YELLOW, "warning:"), plain(&text.to_string()));
    }

    /// Says what went wrong and what to do about it, and gives the code to end with.
    pub(crate) fn failure(&self, failure: &Failure) -> Exit {
        let exit = failure.exit();
        if self.json {
            let error = json!({
                "code": exit.name(),
                "exit_code": exit.code(),
                "message": failure.to_string(),
                "hint": failure.hint(),
                "retryable": failure.retry() != Retry::Never,
                "retry": named(failure.retry()),
                "retry_after": retry_after(failure.retry()),
                "maybe_sent": failure.maybe_sent(),
            });
            self.bytes(format!("{}\n", json!({ "error": error })).as_bytes());
        } else {
            let _ = writeln!(stderr(), "{} {}", self.painted(RED, "error:"), plain(&failure.to_string()));
            if let Some(hint) = failure.hint() {
                self.hint(hint);
            }
        }
        exit
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A provider's or an API's text, fit for a terminal: a control character, or one that turns the direction of writing
/// round, could show what was never said.
fn plain(text: &str) -> String {
    let turns_round = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_obeyed = |c: char| c != '\n' && c != '\t' && c.is_control() || turns_round(c);
    text.replace("\r\n", "\n").replace(is_obeyed, "\u{fffd}")
}

const fn named(retry: Retry) -> &'static str {
    match retry {
        Retry::Now => "now",
        Retry::After(_) => "after",
        Retry::WhenUnlocked => "when_unlocked",
        _ => "never",
    }
}

/// In whole seconds, rounded up so that nobody comes back too early.
const fn retry_after(retry: Retry) -> Option<u64> {
    match retry {
        Retry::After(wait) => Some(wait.as_secs() + (wait.subsec_nanos() > 0) as u64),
        _ => None,
    }
}

const DIM: &str = "2";
const YELLOW: &str = "33";
const RED: &str = "1;31";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left_in_a_text_of_others() {
        assert_eq!(
            plain("Ada \u{1b}]0;x\u{7}\u{9b}31m\rroot\u{202e}txt"),
            "Ada \u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}root\u{fffd}txt"
        );
        assert_eq!(plain("a\tb\r\nÄda – 你好 👩‍💻\n"), "a\tb\nÄda – 你好 👩‍💻\n");
    }
}
