//! A figure beside its goal.

use serde::Serialize;

/// A figure that may be so large at most, or so small at least.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Goal {
    /// What it is a figure of, where that is not clear.
    #[serde(skip_serializing_if = "str::is_empty")]
    of: &'static str,
    name: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    unit: &'static str,
    met: bool,
}

impl Goal {
    pub(crate) fn new(name: &'static str, value: f64, at_most: f64, unit: &'static str) -> Self {
        let at_most_is_met = value <= at_most;
        Self { of: "", name, value, at_most: Some(at_most), at_least: None, unit, met: at_most_is_met }
    }

    pub(crate) fn at_least(name: &'static str, value: f64, at_least: f64, unit: &'static str) -> Self {
        Self { of: "", name, value, at_most: None, at_least: Some(at_least), unit, met: value >= at_least }
    }

    pub(crate) fn of(self, of: &'static str) -> Self {
        Self { of, ..self }
    }

    pub(crate) fn print(&self) {
        let Self { of, name, value, at_most, at_least, unit, met } = self;
        let met = if *met { "met" } else { "NOT met" };
        let goal = match (at_most, at_least) {
            (Some(at_most), _) => format!("at most {at_most}"),
            (None, at_least) => format!("at least {}", at_least.unwrap_or_default()),
        };
        println!("  {of:8} {name:48} {value:9.3} {unit:2}   goal {goal} {unit}: {met}");
    }
}
