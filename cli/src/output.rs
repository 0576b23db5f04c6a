//! What is printed, and where: data to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};

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
        let text = if self.json { json.to_string() } else { text() };
        self.bytes(format!("{text}\n").as_bytes());
    }

    /// Data as it is. A reader that has gone away (`| head`) is no error.
    #[expect(clippy::unused_self, reason = "output goes through the one who knows how it is wanted")]
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let mut stdout = stdout().lock();
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    /// Something that the person may want to know.
    pub(crate) fn hint(&self, text: impl Display) {
        let _ = writeln!(stderr(), "{}", self.painted(DIM, &text.to_string()));
    }

    /// Something that the person should know.
    pub(crate) fn warn(&self, text: impl Display) {
        let _ = writeln!(stderr(), "{} {text}", self.painted(YELLOW, "warning:"));
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
                "retryable": failure.is_retryable(),
            });
            self.bytes(format!("{}\n", json!({ "error": error })).as_bytes());
        } else {
            let _ = writeln!(stderr(), "{} {failure}", self.painted(RED, "error:"));
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

const DIM: &str = "2";
const YELLOW: &str = "33";
const RED: &str = "1;31";
