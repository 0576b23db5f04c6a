//! What the libraries for Kotlin and Swift cost, each figure beside its goal. They measure themselves.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::goal::Goal;

/// What the two languages have measured: medians, in an optimised build of the native library.
#[derive(Debug, Deserialize)]
pub(crate) struct Bindings {
    kotlin: Measured,
    swift: Measured,
}

#[derive(Debug, Deserialize)]
struct Measured {
    cached_token_us: f64,
    /// The same as CPU time of the process, which other programs on the machine do not change.
    cached_token_cpu_us: Option<f64>,
    /// How many requests a thousand tasks make at once whose token was rejected.
    refreshes_of_1000_at_once: f64,
    /// From the constructor to the state of a user who is signed in; the native library is loaded already.
    first_state_ms: f64,
    /// An API call with a DPoP-bound token through OkHttp.
    call_ms: Option<f64>,
    /// The same by an OkHttp that signs the proofs itself, with the keys of Java's own library.
    bare_call_ms: Option<f64>,
}

impl Bindings {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not what was measured", file.display()))
    }

    pub(crate) fn goals(&self) -> Vec<Goal> {
        let mut goals = self.kotlin.goals("Kotlin", 20.0, 30.0);
        goals.extend(self.swift.goals("Swift", 2.0, 5.0));
        goals
    }

    pub(crate) fn print(&self) {
        println!(
            "\nThe libraries for apps (medians; Kotlin on this machine's JVM, Swift on Linux, release builds):\n"
        );
        self.goals().iter().for_each(Goal::print);
        for (language, measured) in [("Kotlin", &self.kotlin), ("Swift", &self.swift)] {
            if let Some(cpu) = measured.cached_token_cpu_us {
                println!("  {language:8} {:48} {cpu:9.3} µs", "a cached access token: CPU time");
            }
        }
    }
}

impl Measured {
    fn goals(&self, language: &'static str, cached_token_us: f64, first_state_ms: f64) -> Vec<Goal> {
        let goal = |name, value, at_most, unit| Goal::new(name, value, at_most, unit).of(language);
        let mut goals = vec![
            goal("a cached access token", self.cached_token_us, cached_token_us, "µs"),
            goal("1,000 at once: requests", self.refreshes_of_1000_at_once, 1.0, ""),
            goal("constructor to first state", self.first_state_ms, first_state_ms, "ms"),
        ];
        if let (Some(with), Some(without)) = (self.call_ms, self.bare_call_ms) {
            goals.push(goal("a bound call, over bare OkHttp", (with / without - 1.0) * 100.0, 10.0, "%"));
        }
        goals
    }
}
