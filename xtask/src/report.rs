//! What happened: each step as it ends, and all of them at the end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::counts::Counts;
use crate::process::Log;
use crate::ui::{Ui, duration};

/// How many lines of a failed program are shown; its log has all of them.
const LINES_OF_A_FAILURE: usize = 300;

/// All steps of a run.
#[derive(Debug)]
pub(crate) struct Report {
    ui: Ui,
    logs: PathBuf,
    rows: Vec<Row>,
    started: Instant,
}

#[derive(Debug)]
struct Row {
    name: String,
    outcome: Outcome,
    counts: Counts,
    elapsed: Duration,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// One step while it runs.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where its programs run.
    pub log: Log,
    /// The tests that it ran.
    pub counts: Counts,
    skipped: Option<String>,
}

impl Step {
    /// Leaves the step out: said loudly now, and again at the end.
    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// Says what is being done.
    pub(crate) fn note(&self, text: &str) {
        self.log.ui().note(text);
    }
}

impl Report {
    /// A report with nothing in it, whose logs go into a folder.
    pub(crate) fn new(ui: Ui, logs: PathBuf) -> Self {
        Self { ui, logs, rows: Vec::new(), started: Instant::now() }
    }

    /// Does one step. Returns whether it came out well; the next ones go on either way.
    pub(crate) fn step(&mut self, name: &str, why: &str, work: impl FnOnce(&mut Step) -> Result<()>) -> bool {
        self.ui.heading(name, why);
        let started = Instant::now();
        let log = self.logs.join(format!("{:02}-{}.log", self.rows.len() + 1, name.replace([' ', ':'], "-")));
        let (outcome, counts) = match Log::create(self.ui, log) {
            Err(error) => (Outcome::Failed(format!("{error:#}")), Counts::default()),
            Ok(log) => {
                let mut step = Step { log, counts: Counts::default(), skipped: None };
                let outcome = match (work(&mut step), step.skipped.take()) {
                    (Ok(()), None) => Outcome::Passed,
                    (Ok(()), Some(why)) => Outcome::Skipped(why),
                    (Err(error), _) => {
                        self.show_failure(&step.log);
                        Outcome::Failed(format!("{error:#}"))
                    }
                };
                (outcome, step.counts)
            }
        };
        let row = Row { name: name.to_owned(), outcome, counts, elapsed: started.elapsed() };
        match &row.outcome {
            Outcome::Passed => self.ui.passed(&format!("{}{}", duration(row.elapsed), tests(row.counts))),
            Outcome::Skipped(why) => self.ui.skipped(&format!("{name}: {why}")),
            Outcome::Failed(why) => self.ui.failed(&format!("{why} (after {})", duration(row.elapsed))),
        }
        self.rows.push(row);
        matches!(self.rows.last(), Some(Row { outcome: Outcome::Passed | Outcome::Skipped(_), .. }))
    }

    /// Records that a step can't be done because another one failed.
    pub(crate) fn cannot(&mut self, name: &str, why: &str) {
        self.ui.heading(name, "");
        self.ui.failed(why);
        let outcome = Outcome::Failed(why.to_owned());
        self.rows.push(Row {
            name: name.to_owned(),
            outcome,
            counts: Counts::default(),
            elapsed: Duration::ZERO,
        });
    }

    /// The table of all steps, then how many tests passed and failed, alone on the last line.
    pub(crate) fn finish(self) -> ExitCode {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        println!("\n{}", self.ui.paint("1", "What was done"));
        for row in &self.rows {
            let (colour, result) = match &row.outcome {
                Outcome::Passed => ("32", format!("passed{}", tests(row.counts))),
                Outcome::Failed(why) => ("1;31", format!("FAILED {}", first_line(why))),
                Outcome::Skipped(why) => ("1;31", format!("SKIPPED: {}", first_line(why))),
            };
            println!(
                "  {:width$}  {:>13}  {}",
                row.name,
                duration(row.elapsed),
                self.ui.paint(colour, &result)
            );
        }
        println!("  {:width$}  {:>13}", "in all", duration(self.started.elapsed()));
        println!("\n{}", closing_line(self.total()));
        if self.rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_))) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    /// The sum over the steps. A failed step without a failed test (a warning, a build) counts as one failure, and a
    /// step left out as one skipped.
    fn total(&self) -> Counts {
        let mut total = Counts::default();
        for row in &self.rows {
            total += row.counts;
            match row.outcome {
                Outcome::Failed(_) if row.counts.failed == 0 => total.failed += 1,
                Outcome::Skipped(_) => total.skipped += 1,
                _ => {}
            }
        }
        total
    }

    fn show_failure(&self, log: &Log) {
        if !self.ui.is_verbose() {
            for line in log.tail(LINES_OF_A_FAILURE) {
                println!("    {line}");
            }
        }
        self.ui.note(&format!("the whole log: {}", log.path().display()));
    }
}

fn closing_line(total: Counts) -> String {
    let skipped = if total.skipped > 0 { format!(", {} skipped", total.skipped) } else { String::new() };
    format!("{} passed, {} failed{skipped}", total.passed, total.failed)
}

fn tests(counts: Counts) -> String {
    match counts {
        Counts { passed: 0, failed: 0, skipped: 0 } => String::new(),
        Counts { passed, skipped: 0, .. } => format!(", {passed} tests"),
        Counts { passed, skipped, .. } => format!(", {passed} tests ({skipped} skipped)"),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_failed_step_never_closes_with_zero_failures() {
        let scratch = Scratch::new("report").unwrap();
        let mut report = Report::new(Ui::for_this_terminal(), scratch.path().join("logs"));
        assert!(report.step("tests", "", |step| {
            step.counts = Counts { passed: 7, failed: 0, skipped: 1 };
            Ok(())
        }));
        assert!(!report.step("lint", "", |_| anyhow::bail!("a warning")));
        assert!(report.step("advisories", "", |step| {
            step.skip("not reachable");
            Ok(())
        }));
        assert_eq!(closing_line(report.total()), "7 passed, 1 failed, 2 skipped");
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }
}
