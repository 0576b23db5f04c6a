//! The output: plain lines everywhere, colours and a moving line only on a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Where the commands print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    colour: bool,
    terminal: bool,
    verbose: bool,
}

impl Ui {
    /// Colours on a terminal, unless `NO_COLOR` is set or the terminal is a dumb one.
    pub(crate) fn for_this_terminal() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let terminal = std::io::stdout().is_terminal() && !dumb;
        Self { colour: terminal && !set("NO_COLOR"), terminal, verbose: false }
    }

    /// The same, showing every line of the programs that are run.
    pub(crate) const fn verbose(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }

    /// Whether the output of the programs that are run is shown as it comes.
    pub(crate) const fn is_verbose(self) -> bool {
        self.verbose
    }

    /// Whether a moving line makes sense.
    pub(crate) const fn is_terminal(self) -> bool {
        self.terminal
    }

    /// A step begins.
    pub(crate) fn heading(self, name: &str, why: &str) {
        println!("{} {}", self.paint("1;36", &format!("▸ {name}")), self.paint("2", &format!("– {why}")));
    }

    /// Something that was done or set up.
    pub(crate) fn note(self, text: &str) {
        println!("  {text}");
    }

    /// A step came out well.
    pub(crate) fn passed(self, text: &str) {
        println!("  {}", self.paint("32", &format!("✓ {text}")));
    }

    /// A step failed.
    pub(crate) fn failed(self, text: &str) {
        println!("  {}", self.paint("1;31", &format!("✗ {text}")));
    }

    /// Something was left out, and nobody should miss it.
    pub(crate) fn skipped(self, text: &str) {
        println!("  {}", self.paint("1;31", &format!("SKIPPED {text}")));
    }

    /// The command itself failed.
    pub(crate) fn error(self, text: &str) {
        eprintln!("{} {text}", self.paint("1;31", "error:"));
    }

    /// The line that moves while a program runs; on anything but a terminal a line of its own.
    pub(crate) fn progress(self, elapsed: Duration, last_line: &str) {
        let text = format!("    … {}  {}", duration(elapsed), shorten(last_line.trim(), 60));
        if self.terminal {
            print!("\r\x1b[2K{}", self.paint("2", &text));
            let _ = std::io::stdout().flush();
        } else {
            println!("{text}");
        }
    }

    /// Takes the moving line away again.
    pub(crate) fn clear_progress(self) {
        if self.terminal {
            print!("\r\x1b[2K");
            let _ = std::io::stdout().flush();
        }
    }

    /// The text in a colour (an SGR code), where colours are wanted.
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A duration as people say it: `0.4 s`, `12 s`, `3 min 05 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f32()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// At most `width` characters of the text, with an ellipsis where some were cut.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width - 1).collect();
    short.push('…');
    short
}

/// The text without terminal control sequences (ECMA-35 and ECMA-48), so that it can be stored and searched.
pub(crate) fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\x1b' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('[') => drop(characters.by_ref().find(|end| ('@'..='~').contains(end))),
            Some('(' | ')') => drop(characters.next()),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(Duration::from_millis(420)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(12)), "12 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn colours_are_taken_out_and_the_text_stays() {
        assert_eq!(without_colours("\x1b[1;32m  Compiling\x1b(B\x1b[m a v1"), "  Compiling a v1");
    }

    #[test]
    fn a_long_line_is_cut_at_a_character_and_never_inside_one() {
        assert_eq!(shorten("äöüß", 3), "äö…");
        assert_eq!(shorten("äöü", 3), "äöü");
    }
}
