//! Which system calls something happened at: whether a run has met every step.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::control::Mode;
use crate::kind::Kind;
use crate::start::Start;
use crate::sweep::Sweep;

/// See the module. By kind, what happens, and what it happens to.
#[derive(Debug, Default, Clone)]
pub(crate) struct Coverage(BTreeMap<(Kind, Start, Mode), Swept>);

/// What one sweep has met.
#[derive(Debug, Default, Clone)]
struct Swept {
    calls: BTreeSet<u64>,
    /// The first call that was not reached, whenever a sweep without strides got so far; the latest of them.
    end: Option<u64>,
}

impl Coverage {
    /// It happened at this call.
    pub(crate) fn hit(&mut self, sweep: &Sweep, call: u64) {
        self.of(sweep).calls.insert(call);
    }

    /// There were never so many calls.
    pub(crate) fn ended(&mut self, sweep: &Sweep, call: u64) {
        let end = &mut self.of(sweep).end;
        *end = (*end).max(Some(call));
    }

    fn of(&mut self, sweep: &Sweep) -> &mut Swept {
        self.0.entry((sweep.kind, sweep.start, sweep.mode)).or_default()
    }

    /// What was not met of these sweeps, in words.
    pub(crate) fn missing<'a>(&self, sweeps: impl Iterator<Item = &'a Sweep>) -> Vec<String> {
        let missing = |sweep: &'a Sweep| {
            let what = format!("{} ({:?}, {})", sweep.kind.name(), sweep.mode, sweep.start.name());
            let Some(swept) = self.0.get(&(sweep.kind, sweep.start, sweep.mode)) else {
                return Some(format!("{what}: no call at all"));
            };
            let Some(end) = swept.end else { return Some(format!("{what}: the end was never reached")) };
            let gaps: Vec<_> =
                (1..end).filter(|call| !swept.calls.contains(call)).map(|call| call.to_string()).collect();
            (!gaps.is_empty()).then(|| format!("{what}: call {}", gaps.join(", ")))
        };
        sweeps.filter_map(missing).collect()
    }

    /// How much of these sweeps was met, a line a kind.
    pub(crate) fn lines<'a>(&self, sweeps: impl Iterator<Item = &'a Sweep> + Clone) -> Vec<String> {
        let mut kinds: Vec<Kind> = sweeps.clone().map(|sweep| sweep.kind).collect();
        kinds.dedup();
        let line = |kind: Kind| {
            let of_kind = || sweeps.clone().filter(move |sweep| sweep.kind == kind);
            let swept = || of_kind().filter_map(|sweep| self.0.get(&(kind, sweep.start, sweep.mode)));
            let met: usize = swept().map(|swept| swept.calls.len()).sum();
            if self.missing(of_kind()).is_empty() {
                let last = || swept().filter_map(|swept| swept.calls.last().copied());
                let (least, most) = (last().min().unwrap_or(0), last().max().unwrap_or(0));
                let sweeps = of_kind().count();
                return format!(
                    "{:<30}  every call: 1 to {least}–{most}, in each of {sweeps} ways",
                    kind.name()
                );
            }
            let about: usize = of_kind().map(|sweep| sweep.start.calls()).sum();
            format!("{:<30}  {met} of about {about} (call, way) pairs", kind.name())
        };
        kinds.into_iter().map(line).collect()
    }

    /// The same as figures, by kind.
    pub(crate) fn json(&self, kind: Kind) -> Vec<Value> {
        let of_kind = self.0.iter().filter(|((its, ..), _)| *its == kind);
        let sweep = |((_, start, mode), swept): (&(Kind, Start, Mode), &Swept)| {
            json!({
                "what": format!("{mode:?}"),
                "to": start.name(),
                "calls": swept.calls.len(),
                "last": swept.calls.last(),
                "every_call": swept.end.is_some_and(|end| (1..end).all(|call| swept.calls.contains(&call))),
            })
        };
        of_kind.map(sweep).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep() -> Sweep {
        Sweep::new(Kind::SdkKilled, Mode::KillHalf, Start::Warm, 10, true)
    }

    fn covered(calls: &[u64], end: Option<u64>) -> Coverage {
        let mut coverage = Coverage::default();
        calls.iter().for_each(|call| coverage.hit(&sweep(), *call));
        end.into_iter().for_each(|end| coverage.ended(&sweep(), end));
        coverage
    }

    fn missing(calls: &[u64], end: Option<u64>) -> Vec<String> {
        covered(calls, end).missing([&sweep()].into_iter())
    }

    #[test]
    fn a_sweep_that_has_met_every_call_to_the_end_misses_nothing() {
        assert!(missing(&[1, 2, 3], Some(4)).is_empty());
        let lines = covered(&[1, 2, 3], Some(4)).lines([&sweep()].into_iter());
        assert!(lines[0].contains("every call: 1 to 3–3"), "{lines:?}");
    }

    #[test]
    fn what_was_missed_is_named() {
        assert!(missing(&[1, 2, 5], Some(6))[0].ends_with("(KillHalf, an old process): call 3, 4"));
        assert!(missing(&[1, 2], None)[0].contains("the end was never reached"));
        let none = Coverage::default().missing([&sweep()].into_iter());
        assert!(none[0].contains("no call at all"));
        let lines = covered(&[1, 2, 5], None).lines([&sweep()].into_iter());
        assert!(lines[0].contains("3 of about 35"), "{lines:?}");
    }
}
