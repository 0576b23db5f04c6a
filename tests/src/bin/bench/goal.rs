//! A figure beside its goal.

use serde::Serialize;

/// A figure that may be so large at most.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Goal {
    /// What it is a figure of, where that is not clear.
    #[serde(skip_serializing_if = "str::is_empty")]
    of: &'static str,
    name: &'static str,
    value: f64,
    at_most: f64,
    unit: &'static str,
    met: bool,
}

impl Goal {
    pub(crate) fn new(name: &'static str, value: f64, at_most: f64, unit: &'static str) -> Self {
        Self { of: "", name, value, at_most, unit, met: value <= at_most }
    }

    pub(crate) fn of(self, of: &'static str) -> Self {
        Self { of, ..self }
    }

    pub(crate) fn print(&self) {
        let Self { of, name, value, at_most, unit, met } = self;
        let met = if *met { "met" } else { "NOT met" };
        println!("  {of:8} {name:48} {value:9.3} {unit:2}   goal at most {at_most} {unit}: {met}");
    }
}
