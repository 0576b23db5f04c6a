//! What libFuzzer prints, read.

use std::fmt;

/// What one target did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Inputs that were run.
    pub executions: u64,
    /// Of those, in a second.
    pub per_second: u64,
    /// Places in the code that were reached: edges between its basic blocks.
    pub coverage: u64,
    /// Inputs that reach something that no other does, committed or found.
    pub corpus: usize,
    /// What went wrong, in a line.
    pub crash: Option<String>,
    /// The file with the input that did it.
    pub input: Option<String>,
}

impl Statistics {
    /// Reads the output of a run with `-print_final_stats=1`.
    pub(super) fn of(output: &str) -> Self {
        let mut read = Self::default();
        for line in output.lines() {
            if let Some((name, number)) = line.strip_prefix("stat::").and_then(|stat| stat.split_once(':')) {
                let number = number.trim().parse().unwrap_or(0);
                match name {
                    "number_of_executed_units" => read.executions = number,
                    "average_exec_per_sec" => read.per_second = number,
                    _ => {}
                }
            } else if line.starts_with('#') && line.contains(" cov: ") {
                let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "cov:");
                read.coverage = words.nth(1).and_then(|number| number.parse().ok()).unwrap_or(read.coverage);
            } else if let Some((_, file)) = line.split_once("Test unit written to ") {
                read.input = Some(file.trim().to_owned());
            } else if line.contains("panicked at ") || line.starts_with("SUMMARY: ") {
                read.crash.get_or_insert_with(|| line.trim().to_owned());
            }
        }
        read
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, per_second, coverage, corpus, .. } = self;
        write!(f, "{executions} executions ({per_second} a second), coverage {coverage}, corpus {corpus}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_found_nothing_is_read() {
        let output = "INFO: seed corpus: files: 16 min: 2b max: 2311b total: 5512b rss: 52Mb\n\
                      #17\tINITED cov: 1200 ft: 3400 corp: 16/5512b exec/s: 0 rss: 60Mb\n\
                      #262144\tpulse  cov: 1411 ft: 5120 corp: 301/41Kb lim: 2311 exec/s: 43690 rss: 420Mb\n\
                      #300001\tDONE   cov: 1415 ft: 5140 corp: 303/41Kb lim: 2311 exec/s: 42857 rss: 421Mb\n\
                      Done 300001 runs in 7 second(s)\n\
                      stat::number_of_executed_units: 300001\nstat::average_exec_per_sec:     42857\n";
        let read = Statistics::of(output);
        let expected =
            Statistics { executions: 300_001, per_second: 42_857, coverage: 1415, ..Statistics::default() };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_crash_is_read_with_its_input() {
        let output = "#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 40Mb\n\
                      thread '<unnamed>' (42) panicked at sdk-core/src/session/fuzzing.rs:80:5:\n\
                      SUMMARY: libFuzzer: deadly signal\n\
                      artifact_prefix='fuzz/artifacts/pins/'; Test unit written to fuzz/artifacts/pins/crash-da39\n";
        let read = Statistics::of(output);
        assert!(read.crash.is_some_and(|crash| crash.contains("fuzzing.rs:80")));
        assert_eq!(read.input.as_deref(), Some("fuzz/artifacts/pins/crash-da39"));
    }
}
