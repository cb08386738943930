//! Pass and fail counts, read out of what a test runner printed.

use serde::{Deserialize, Serialize};

/// How many tests ran and how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TestCounts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed or crashed.
    pub failed: u64,
    /// Tests that did not run.
    pub skipped: u64,
}

impl TestCounts {
    /// The sum of two reports.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

/// Adds up the closing lines of the runners it knows: cargo test, cargo-nextest, pytest, node's runner and TAP, jest,
/// vitest and mocha, go test with `-v`, unittest, and a plain `N passed, N failed`. None when there is no such line.
#[must_use]
pub fn counts(output: &str) -> Option<TestCounts> {
    let clean = strip_ansi(output);
    let summary = clean.lines().filter_map(summary_line).reduce(TestCounts::plus);
    summary.or_else(|| tap(&clean)).or_else(|| go(&clean)).or_else(|| unittest(&clean))
}

// `12 passed; 0 failed`, `3 passed, 1 failed in 0.2s`, `Tests: 1 failed, 2 passed, 3 total`, `10 passing`,
// `Summary [0.1s] 5 tests run: 5 passed, 0 skipped`: the same shape, a number before each word.
fn summary_line(line: &str) -> Option<TestCounts> {
    // `Test Suites: 1 passed` counts files, not tests.
    if line.trim_start().starts_with("Test Suites:") || line.trim_start().starts_with("Test Files") {
        return None;
    }
    let mut found = TestCounts::default();
    let mut any = false;
    let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].parse::<u64>() else { continue };
        match pair[1] {
            "passed" | "passing" => found.passed += number,
            "failed" | "failing" | "errors" | "error" | "timed" => found.failed += number,
            "skipped" | "ignored" | "pending" | "todo" => {
                found.skipped += number;
                continue;
            }
            _ => continue,
        }
        any = true;
    }
    let has_outcome = words.iter().any(|w| matches!(*w, "passed" | "passing" | "failed" | "failing"));
    (any && has_outcome).then_some(found)
}

fn labelled(text: &str, label: &str) -> Option<u64> {
    text.lines().rev().find_map(|line| line.trim().strip_prefix(label)?.trim().parse().ok())
}

// node --test and tap: `# pass 3`, `# fail 0` (or `ℹ pass 3`).
fn tap(text: &str) -> Option<TestCounts> {
    let read = |word: &str| labelled(text, &format!("# {word}")).or_else(|| labelled(text, &format!("ℹ {word}")));
    let (passed, failed) = (read("pass")?, read("fail")?);
    Some(TestCounts { passed, failed, skipped: read("skipped").unwrap_or(0) })
}

fn go(text: &str) -> Option<TestCounts> {
    let count = |mark: &str| text.lines().filter(|l| l.trim_start().starts_with(mark)).count() as u64;
    let found = TestCounts { passed: count("--- PASS:"), failed: count("--- FAIL:"), skipped: count("--- SKIP:") };
    (found != TestCounts::default()).then_some(found)
}

// `Ran 5 tests in 0.001s` and then `OK` or `FAILED (failures=1, errors=2)`.
fn unittest(text: &str) -> Option<TestCounts> {
    let total = text.lines().rev().find_map(|line| {
        let mut words = line.strip_prefix("Ran ")?.split(' ');
        let number = words.next()?.parse::<u64>().ok()?;
        words.next()?.starts_with("test").then_some(number)
    })?;
    let last = text.lines().rev().find(|l| l.starts_with("OK") || l.starts_with("FAILED"))?;
    let value = |name: &str| {
        let rest = last.split_once(&format!("{name}="))?.1;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    let failed = value("failures").unwrap_or(0) + value("errors").unwrap_or(0);
    let skipped = value("skipped").unwrap_or(0);
    Some(TestCounts { passed: total.saturating_sub(failed + skipped), failed, skipped })
}

fn strip_ansi(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_runners_print() {
        let c = |passed, failed, skipped| Some(TestCounts { passed, failed, skipped });
        let cases = [
            ("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", c(12, 0, 1)),
            (
                "test result: ok. 2 passed; 0 failed; 0 ignored\ntest result: FAILED. 3 passed; 1 failed; 0 ignored",
                c(5, 1, 0),
            ),
            ("     Summary [   0.101s] 5 tests run: 4 passed, 1 failed, 2 skipped", c(4, 1, 2)),
            ("\u{1b}[32m==== 3 passed\u{1b}[0m, 1 failed, 2 errors in 0.12s ====", c(3, 3, 0)),
            ("Test Suites: 1 passed, 1 total\nTests:       1 failed, 2 passed, 3 total", c(2, 1, 0)),
            ("  10 passing (20ms)\n  1 failing", c(10, 1, 0)),
            ("# tests 4\n# pass 3\n# fail 1\n# skipped 0", c(3, 1, 0)),
            ("=== RUN T\n--- PASS: T (0.0s)\n--- FAIL: U (0.0s)\nFAIL", c(1, 1, 0)),
            ("Ran 5 tests in 0.001s\n\nFAILED (failures=1, errors=1)", c(3, 2, 0)),
            ("Ran 2 tests in 0.001s\n\nOK", c(2, 0, 0)),
            ("2 passed, 0 failed", c(2, 0, 0)),
        ];
        for (output, expected) in cases {
            assert_eq!(counts(output), expected, "{output}");
        }
    }

    #[test]
    fn words_are_not_counts() {
        for output in
            ["", "all tests passed", "Done", "I passed the exam, 3 times", "error: 2 errors emitted", "1 skipped"]
        {
            assert_eq!(counts(output), None, "{output}");
        }
    }
}
