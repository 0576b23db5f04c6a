//! What the demo shows: one line a step, in colour on a terminal only.

use std::io::IsTerminal as _;
use std::time::Instant;

use anyhow::{Context as _, Result};

const GREEN: &str = "32";
const RED: &str = "31";
const BOLD: &str = "1";
const DIM: &str = "2";

pub(crate) struct Screen {
    colours: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: wanted && std::io::stdout().is_terminal() }
    }

    /// Runs a step and says what it proved, or fails with the step's name.
    pub(crate) async fn step(&self, name: &str, proof: impl Future<Output = Result<String>>) -> Result<()> {
        let start = Instant::now();
        let proved = proof.await.with_context(|| name.to_owned())?;
        let time = format!("{:>6} ms", start.elapsed().as_millis());
        let (tick, name) = (self.paint(GREEN, "✓"), self.paint(BOLD, &format!("{name:<14}")));
        println!("  {tick} {name} {}  {proved}", self.paint(DIM, &time));
        Ok(())
    }

    pub(crate) fn failed(&self, error: &anyhow::Error) {
        println!("  {} {}", self.paint(RED, "✗"), self.paint(BOLD, &error.to_string()));
        for cause in error.chain().skip(1) {
            println!("      {cause}");
        }
    }

    pub(crate) fn title(&self, title: &str, subtitle: &str) {
        println!("\n{}  {}", self.paint(BOLD, title), self.paint(DIM, subtitle));
    }

    pub(crate) fn note(&self, text: &str) {
        println!("  {}\n", self.paint(DIM, text));
    }

    pub(crate) fn fact(&self, name: &str, value: &str) {
        println!("  {name:<12} {}", self.paint(BOLD, value));
    }

    /// Another line of the fact before.
    pub(crate) fn more(&self, text: &str) {
        println!("  {:<12} {text}", "");
    }

    pub(crate) fn done(&self, text: &str) {
        println!("\n  {}", self.paint(GREEN, text));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
