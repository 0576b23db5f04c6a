//! What is printed, and where: data to standard output, everything else to standard error.

mod closed;
mod text;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _, stderr, stdout};

use moorline::Retry;
use serde_json::{Value, json};

use self::text::plain;
pub(crate) use self::text::without_passwords;
use crate::exit::CLOSED_PIPE;
use crate::failure::{Failure, whole};

#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    /// Uses colours on a terminal, unless the user asks for none.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, colour: wants_colour() && stderr().is_terminal() }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) const fn is_coloured(&self) -> bool {
        self.colour
    }

    /// Prints the result of a command, in the form that was asked for.
    ///
    /// # Errors
    /// [`Failure::Output`] if standard output cannot be written to.
    pub(crate) fn result(&self, json: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = if self.json { json.to_string() } else { plain(&text()) };
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Prints data as it is; on a terminal, without control characters.
    ///
    /// # Errors
    /// [`Failure::Output`] if standard output cannot be written to.
    #[expect(clippy::unused_self, reason = "all output goes through the one who knows its form")]
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let shown = stdout().is_terminal().then(|| plain(&String::from_utf8_lossy(bytes)));
        write(shown.as_deref().map_or(bytes, str::as_bytes))
    }

    /// Prints a report of our own. `text` gets whether it may have colours.
    ///
    /// # Errors
    /// [`Failure::Output`] if standard output cannot be written to.
    pub(crate) fn report(&self, json: &Value, text: impl FnOnce(bool) -> String) -> Result<(), Failure> {
        let text = if self.json { json.to_string() } else { text(wants_colour() && stdout().is_terminal()) };
        write(format!("{text}\n").as_bytes())
    }

    /// Something that the user may want to know.
    pub(crate) fn hint(&self, text: impl Display) {
        let _ = writeln!(stderr(), "{}", self.painted(DIM, &shown(text)));
    }

    /// Something that the user should know.
    pub(crate) fn warn(&self, text: impl Display) {
        let _ = writeln!(stderr(), "{} {}", self.painted(YELLOW, "warning:"), shown(text));
    }

    /// Says what went wrong and what to do about it, and returns the exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> u8 {
        let code = failure.code();
        // The reader that closed the pipe has seen enough.
        if code == CLOSED_PIPE {
            return code;
        }
        if self.json && !matches!(failure, Failure::Output(_)) {
            let error = json!({
                "code": failure.name(),
                "exit_code": code,
                "reason": failure.reason(),
                "refusal": failure.refusal(),
                "message": without_passwords(&failure.to_string()),
                "hint": failure.hint(),
                "retryable": failure.retry() != Retry::Never,
                "retry": named(failure.retry()),
                "retry_after": retry_after(failure.retry()),
                "maybe_sent": failure.maybe_sent(),
            });
            // The exit code says it too.
            let _ = self.bytes(format!("{}\n", json!({ "error": error })).as_bytes());
        } else {
            let _ = writeln!(stderr(), "{} {}", self.painted(RED, "error:"), shown(failure));
            if let Some(hint) = failure.hint() {
                self.hint(hint);
            }
        }
        code
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    if closed::standard_output_was_closed() {
        return Err(Failure::Output(io::Error::other("it is closed")));
    }
    let mut stdout = stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Unless the user asks for none (<https://no-color.org>).
fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn shown(text: impl Display) -> String {
    plain(&without_passwords(&text.to_string()))
}

const fn named(retry: Retry) -> &'static str {
    match retry {
        Retry::Now => "now",
        Retry::After(_) => "after",
        Retry::WhenUnlocked => "when_unlocked",
        _ => "never",
    }
}

const fn retry_after(retry: Retry) -> Option<u64> {
    match retry {
        Retry::After(wait) => Some(whole(wait)),
        _ => None,
    }
}

const DIM: &str = "2";
const YELLOW: &str = "33";
const RED: &str = "1;31";
