//! How many tests ran, read from what each test runner prints.

/// Tests of one suite or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Those that passed.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that the runner left out.
    pub skipped: u64,
}

impl Counts {
    /// How many there were, without those left out.
    pub(crate) const fn ran(self) -> u64 {
        self.passed + self.failed
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// `cargo test`: one `test result:` line a test program.
pub(crate) fn of_cargo_test(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter(|line| line.contains("test result: ")) {
        counts += Counts {
            passed: number_before(line, " passed"),
            failed: number_before(line, " failed"),
            skipped: number_before(line, " ignored"),
        };
    }
    counts
}

/// Maven's Surefire: the line of each module's total, which ends at its last number (a class's goes on with the time).
pub(crate) fn of_surefire(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().map(str::trim_end).filter(|line| line.contains("Tests run: ")) {
        if line.ends_with(|last: char| last.is_ascii_digit()) {
            let run = number_after(line, "Tests run: ");
            let failed = number_after(line, "Failures: ") + number_after(line, "Errors: ");
            let skipped = number_after(line, "Skipped: ");
            counts += Counts { passed: run.saturating_sub(failed + skipped), failed, skipped };
        }
    }
    counts
}

/// JUnit 4's own runner: `OK (3 tests)`, or the numbers of a run that failed.
pub(crate) fn of_junit(output: &str) -> Counts {
    let ok = output.lines().rev().find_map(|line| line.strip_prefix("OK ("));
    if let Some(passed) = ok.and_then(|rest| rest.split(' ').next()?.parse().ok()) {
        return Counts { passed, failed: 0, skipped: 0 };
    }
    let failed = output.lines().rev().find(|line| line.starts_with("Tests run: ")).unwrap_or_default();
    let (run, failures) = (number_after(failed, "Tests run: "), number_after(failed, "Failures: "));
    Counts { passed: run.saturating_sub(failures), failed: failures, skipped: 0 }
}

/// `swift test`: XCTest prints a total for each suite and the one of all last; Swift Testing prints one line.
pub(crate) fn of_swift_test(output: &str) -> Counts {
    let mut counts = Counts::default();
    let total = output
        .lines()
        .rev()
        .find(|line| line.trim_start().starts_with("Executed ") && line.contains(" test"));
    if let Some(line) = total {
        let run = number_after(line, "Executed ");
        // The line tells how many assertions failed; how many tests did, only their own lines do.
        let failed = count(output, |line| line.starts_with("Test Case '") && line.contains("' failed ("));
        let skipped = number_before(line, " test skipped") + number_before(line, " tests skipped");
        counts += Counts { passed: run.saturating_sub(failed + skipped), failed, skipped };
    }
    if let Some(line) = output.lines().rev().find(|line| line.contains("Test run with ")) {
        let run = number_after(line, "Test run with ");
        let failed = count(output, |line| {
            line.contains("Test ") && line.contains(" failed after ") && !line.contains("Test run with ")
        });
        counts += Counts { passed: run.saturating_sub(failed), failed, skipped: 0 };
    }
    counts
}

/// Node's test runner, in its TAP form (`# pass 3`) and its readable one (`ℹ pass 3`).
pub(crate) fn of_node_test(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        let Some(line) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else { continue };
        match line.split_once(' ') {
            Some(("pass", number)) => counts.passed += number.trim().parse().unwrap_or(0),
            Some(("fail" | "cancelled", number)) => counts.failed += number.trim().parse().unwrap_or(0),
            Some(("skipped" | "todo", number)) => counts.skipped += number.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    counts
}

fn count(output: &str, matches: impl Fn(&str) -> bool) -> u64 {
    output.lines().filter(|line| matches(line.trim_start())).count() as u64
}

fn number_before(line: &str, word: &str) -> u64 {
    let Some((before, _)) = line.split_once(word) else { return 0 };
    before
        .rsplit(|character: char| !character.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn number_after(line: &str, word: &str) -> u64 {
    let Some((_, after)) = line.split_once(word) else { return 0 };
    after
        .split(|character: char| !character.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junit_prints_one_line_for_all() {
        let counts = |output| {
            let Counts { passed, failed, skipped } = of_junit(output);
            [passed, failed, skipped]
        };
        assert_eq!(counts("JUnit version 4.13.2\n...\n\nOK (18 tests)\n"), [18, 0, 0]);
        assert_eq!(counts("FAILURES!!!\nTests run: 18,  Failures: 2\n"), [16, 2, 0]);
        assert_eq!(counts("Error: could not find or load main class"), [0, 0, 0]);
    }

    #[test]
    fn cargo_tests_are_summed_over_the_programs() {
        let output = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                      test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        assert_eq!(of_cargo_test(output), Counts { passed: 15, failed: 2, skipped: 1 });
    }

    #[test]
    fn surefire_counts_a_module_once_and_not_each_class_again() {
        let output = "[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 0.1 s -- in com.example.ATest\n\
                      [INFO] Results:\n[ERROR] Tests run: 9, Failures: 1, Errors: 1, Skipped: 1";
        assert_eq!(of_surefire(output), Counts { passed: 6, failed: 2, skipped: 1 });
    }

    #[test]
    fn xctest_counts_the_total_of_all_suites_once() {
        let output = "\t Executed 2 tests, with 0 failures (0 unexpected) in 0.1 (0.1) seconds\n\
                      Test Case 'PinTests.testOne' failed (0.001 seconds)\n\
                      Test Case 'PinTests.testTwo' failed (0.001 seconds)\n\
                      Test Suite 'All tests' failed at 2026-01-01\n\
                      \t Executed 5 tests, with 1 test skipped and 9 failures (0 unexpected) in 0.2 (0.2) seconds";
        assert_eq!(of_swift_test(output), Counts { passed: 2, failed: 2, skipped: 1 });
    }

    #[test]
    fn swift_testing_is_counted_beside_xctest() {
        let output = "\t Executed 1 test, with 0 failures (0 unexpected) in 0.1 (0.1) seconds\n\
                      ✘ Test \"a pin that does not match\" failed after 0.01 seconds with 1 issue.\n\
                      ✘ Test run with 3 tests in 1 suite failed after 0.02 seconds with 1 issue.";
        assert_eq!(of_swift_test(output), Counts { passed: 3, failed: 1, skipped: 0 });
    }

    #[test]
    fn node_is_read_in_both_of_its_forms() {
        let counts = Counts { passed: 5, failed: 1, skipped: 2 };
        assert_eq!(
            of_node_test("# tests 8\n# pass 5\n# fail 1\n# cancelled 0\n# skipped 2\n# todo 0"),
            counts
        );
        assert_eq!(
            of_node_test("ℹ tests 8\nℹ pass 5\nℹ fail 1\nℹ cancelled 0\nℹ skipped 2\nℹ todo 0"),
            counts
        );
    }
}
