//! What a check found: a verdict, in words, with the standard's section and what it costs users.

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// As the standard wants it.
    Pass,
    /// An optional feature that is not offered.
    Note,
    /// Works, at a price.
    Warning,
    /// Costs users their sessions or their safety.
    Fail,
    /// Nothing is known.
    NotTested,
}

impl Verdict {
    pub(super) const ALL: [Self; 5] = [Self::Pass, Self::Note, Self::Warning, Self::Fail, Self::NotTested];

    /// The name in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fail => "fail",
            Self::NotTested => "not_tested",
        }
    }
}

/// One thing to check. The list of all of them is [`super::checks::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Check {
    /// A stable name for scripts.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// The section that says how it should be.
    pub(super) spec: &'static str,
    /// Whether it takes a client and a sign-in.
    pub(super) needs_client: bool,
}

impl Check {
    pub(super) fn pass(&'static self, found: impl Into<String>, users: impl Into<String>) -> Finding {
        self.finding(Verdict::Pass, found, users)
    }

    pub(super) fn note(&'static self, found: impl Into<String>, users: impl Into<String>) -> Finding {
        self.finding(Verdict::Note, found, users)
    }

    pub(super) fn warning(&'static self, found: impl Into<String>, users: impl Into<String>) -> Finding {
        self.finding(Verdict::Warning, found, users)
    }

    pub(super) fn fail(&'static self, found: impl Into<String>, users: impl Into<String>) -> Finding {
        self.finding(Verdict::Fail, found, users)
    }

    pub(super) fn not_tested(&'static self, why: impl Into<String>) -> Finding {
        self.finding(Verdict::NotTested, why, "")
    }

    fn finding(
        &'static self,
        verdict: Verdict,
        found: impl Into<String>,
        users: impl Into<String>,
    ) -> Finding {
        Finding { check: self, verdict, found: found.into(), users: users.into() }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: &'static Check,
    pub(super) verdict: Verdict,
    /// The fact, in a sentence or two.
    pub(super) found: String,
    /// What it costs users, or what it gives them.
    pub(super) users: String,
}

/// For a sentence that goes on after a colon.
pub(super) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A provider's text, short and fit for a terminal: it may hold anything.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 100;
    let shown: String = text.chars().take(MOST).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    let escaped: String = shown.escape_debug().collect();
    let turns_round = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    format!("\"{}{more}\"", escaped.replace("\\'", "'").replace(turns_round, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_text_is_shown_short_and_without_what_a_terminal_obeys() {
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(
            quoted("a\u{1b}[31m\nb\u{202e}"),
            "\"a\\u{1b}[31m\\nb\u{fffd}\"".replace('\u{fffd}', "\\u{202e}")
        );
        assert!(quoted(&"x".repeat(10_000)).len() < 120);
    }
}
