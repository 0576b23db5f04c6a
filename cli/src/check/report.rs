//! The report: one screen for people, one JSON object for scripts.

use serde_json::{Value, json};

use super::checks::ALL;
use super::finding::{Finding, Verdict};
use super::lab::CleanUp;
use crate::exit::Exit;
use crate::signal::Signal;

/// All that a check has to say.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: Option<&'a str>,
    pub(super) findings: Vec<Finding>,
    pub(super) requests: u32,
    pub(super) sign_ins: u32,
    pub(super) clean_up: CleanUp,
    /// What kept the check from its end, if anything did.
    pub(super) stopped: Option<Stopped>,
}

/// What kept a check from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// This is the exit code, unless a check failed.
    By(Exit),
    /// The exit code is the signal's, whatever was found until then.
    BySignal(Signal),
}

impl Report<'_> {
    /// Puts the findings in order, and fills in what was not tested.
    pub(super) fn complete(&mut self, why: &str) {
        let found = std::mem::take(&mut self.findings);
        self.findings = ALL
            .iter()
            .map(|check| {
                let found = found.iter().find(|finding| finding.check.id == check.id).cloned();
                let needs_client = check.needs_client && self.client_id.is_none();
                found.unwrap_or_else(|| check.not_tested(if needs_client { NEEDS_CLIENT } else { why }))
            })
            .collect();
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self.stopped {
            Some(Stopped::BySignal(signal)) => signal.code(),
            _ if self.count(Verdict::Fail) > 0 => Exit::Unfit.code(),
            Some(Stopped::By(exit)) => exit.code(),
            None => Exit::Success.code(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let summary: serde_json::Map<String, Value> = Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name().to_owned(), self.count(*verdict).into()))
            .collect();
        let checks: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "id": finding.check.id,
                    "title": finding.check.title,
                    "verdict": finding.verdict.name(),
                    "found": finding.found,
                    "users": finding.users,
                    "spec": finding.check.spec,
                })
            })
            .collect();
        json!({
            "issuer": self.issuer,
            "client_id": self.client_id,
            "fit": self.count(Verdict::Fail) == 0 && self.stopped.is_none(),
            "complete": self.stopped.is_none(),
            "exit_code": self.code(),
            "summary": summary,
            "checks": checks,
            "requests": self.requests,
            "sign_ins": self.sign_ins,
            "sessions": {
                "made": self.clean_up.sessions,
                "ended_by_experiments": self.clean_up.ended,
                "revoked": self.clean_up.revoked,
                "left": self.clean_up.left(),
            },
        })
    }

    /// One screen.
    pub(super) fn text(&self, colour: bool) -> String {
        let mut lines = vec![format!("How fit is {} for mobile apps?", self.issuer), String::new()];
        for finding in &self.findings {
            let is_left_out = self.client_id.is_none() && finding.found == NEEDS_CLIENT;
            if !is_left_out {
                lines.extend(lines_of(finding, colour));
            }
        }
        lines.push(String::new());
        if self.client_id.is_none() {
            let left_out = self.findings.iter().filter(|finding| finding.found == NEEDS_CLIENT).count();
            lines.push(format!(
                "{left_out} more checks need a client and a sign-in (lost answers, races, stolen tokens): \
                 --client-id ID."
            ));
        }
        lines.push(self.summary());
        lines.push(self.conclusion(colour));
        lines.join("\n")
    }

    fn summary(&self) -> String {
        let requests = counted(self.requests, "request");
        if self.sign_ins == 0 {
            return format!("{requests}.");
        }
        let CleanUp { sessions, ended, revoked } = self.clean_up;
        format!(
            "{requests}, {}. Of {}, {ended} ended in an experiment, {revoked} were revoked, {} \
             are left.",
            counted(self.sign_ins, "sign-in"),
            counted(sessions, "session"),
            self.clean_up.left()
        )
    }

    fn conclusion(&self, colour: bool) -> String {
        let [fails, warnings] = [Verdict::Fail, Verdict::Warning].map(|verdict| self.count(verdict));
        let (said, verdict) = match (fails, warnings, self.stopped) {
            (0, _, Some(_)) => ("Not judged: the check did not finish".to_owned(), Verdict::Warning),
            (0, 0, None) => ("Fit".to_owned(), Verdict::Pass),
            (0, _, None) => (format!("Fit, with {}", counted(warnings, "warning")), Verdict::Warning),
            (_, _, _) => (
                format!("Not fit: {}, {}", counted(fails, "failure"), counted(warnings, "warning")),
                Verdict::Fail,
            ),
        };
        format!("{}.", painted(&said, verdict, colour))
    }
}

const NEEDS_CLIENT: &str = "Needs --client-id.";

fn counted(number: impl ToString, noun: &str) -> String {
    let number = number.to_string();
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A verdict, a title, and what there is to say, wrapped.
fn lines_of(finding: &Finding, colour: bool) -> Vec<String> {
    let said = [finding.found.as_str(), finding.users.as_str()];
    let text: Vec<&str> = said.into_iter().filter(|part| !part.is_empty()).collect();
    let spec = format!("[{}]", finding.check.spec);
    let words = text.iter().flat_map(|part| part.split_whitespace()).chain([spec.as_str()]);
    let mut lines = Vec::new();
    for line in wrapped(words, WIDTH - INDENT) {
        lines.push(if lines.is_empty() {
            let name = finding.verdict.name().replace('_', " ");
            let name = painted(&format!("{name:<10}"), finding.verdict, colour);
            format!("{name} {:<16} {line}", finding.check.title)
        } else {
            format!("{:INDENT$}{line}", "")
        });
    }
    lines
}

const WIDTH: usize = 118;
const INDENT: usize = 28;

/// Lines of at most `width` characters. A word that is longer stays whole.
fn wrapped<'a>(words: impl IntoIterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in words {
        let letters = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + letters <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + letters;
            }
            _ => {
                lines.push(word.to_owned());
                length = letters;
            }
        }
    }
    lines
}

fn painted(text: &str, verdict: Verdict, colour: bool) -> String {
    let code = match verdict {
        Verdict::Pass => "32",
        Verdict::Note => "36",
        Verdict::Warning => "33",
        Verdict::Fail => "1;31",
        Verdict::NotTested => "2",
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{DPOP, LOST_ANSWER, PKCE};
    use super::*;

    fn report(findings: Vec<Finding>, client_id: Option<&'static str>) -> Report<'static> {
        let clean_up = CleanUp { sessions: 3, ended: 1, revoked: 1 };
        let issuer = "https://id.example.com";
        Report { issuer, client_id, findings, requests: 9, sign_ins: 0, clean_up, stopped: None }
    }

    #[test]
    fn the_exit_code_is_zero_with_warnings_and_not_with_a_failure() {
        let mut report = report(vec![PKCE.pass("a", "b"), DPOP.warning("c", "d")], Some("app"));
        report.complete("why");
        assert_eq!(report.code(), Exit::Success.code());
        report.stopped = Some(Stopped::By(Exit::Cancelled));
        assert_eq!(report.code(), Exit::Cancelled.code());
        report.findings.push(LOST_ANSWER.fail("e", "f"));
        assert_eq!(report.code(), Exit::Unfit.code());
        report.stopped = Some(Stopped::BySignal(Signal::Terminate));
        assert_eq!(report.code(), 143);
    }

    #[test]
    fn json_has_every_check_once_with_its_section() {
        let mut report = report(vec![PKCE.pass("S256.", "Safe.")], None);
        report.complete("why");
        let json = report.json();
        let checks = json["checks"].as_array().unwrap();
        assert_eq!(checks.len(), ALL.len());
        let pkce = checks.iter().find(|check| check["id"] == "pkce").unwrap();
        assert_eq!(
            (&pkce["verdict"], &pkce["found"], &pkce["users"]),
            (&"pass".into(), &"S256.".into(), &"Safe.".into())
        );
        assert!(checks.iter().all(|check| check["spec"].as_str().unwrap().contains('§')));
        let lost = checks.iter().find(|check| check["id"] == "lost_answer").unwrap();
        assert_eq!((&lost["verdict"], &lost["found"]), (&"not_tested".into(), &"Needs --client-id.".into()));
        assert_eq!(json["sessions"]["left"], 1);
    }

    #[test]
    fn the_text_keeps_to_its_width_and_has_colours_only_where_they_are_wanted() {
        let long = "word ".repeat(80);
        let mut report = report(vec![PKCE.fail(long.clone(), long)], None);
        report.complete("why");
        let text = report.text(false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('\u{1b}') && report.text(true).contains("\u{1b}[1;31mfail"));
        assert!(text.contains("Not fit: 1 failure, 0 warnings."), "{text}");
        assert!(!text.contains("spent token late"), "what needs a client is counted, not listed: {text}");
    }
}
