//! Invariant 4: no clock read, no task, no unbounded channel outside `runtime`.
//!
//! clippy.toml bans what has no use in tests either; the rest is held here,
//! because clippy cannot tell a test from the code it tests.

use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::tree::Tree;

/// Folders that may: runtime itself, and what never runs in production.
const EXEMPT: &[&str] = &["crates/runtime/", "crates/testkit/", "xtask/", "bench/"];

const CLOCK: &str = "take `now` as an argument, or ask runtime's clock, so that tests can turn it";
const TASK: &str = "start it through runtime's tasks, which log a failure and wait at shutdown";
const CHANNEL: &str = "use a channel with a named capacity, a policy for full, and a counter";

/// What is looked for, what it is called, how to mend it.
static BANNED: LazyLock<Vec<(Regex, &str, &str)>> = LazyLock::new(|| {
    [
        (r"\bInstant::now\b", "reads the monotonic clock", CLOCK),
        (r"\bSystemTime::now\b", "reads the wall clock", CLOCK),
        (r"\b(Timestamp|Zoned)::now\b", "reads the wall clock", CLOCK),
        (r"\btokio::spawn\b", "starts a task that nobody watches", TASK),
        // Runtime's own module is called `task` too; only tokio's is meant.
        (r"\btokio::task::spawn\w*", "starts a task that nobody watches", TASK),
        (r"\buse tokio::task\b", "lets tasks start that nobody watches", TASK),
        (r"\buse tokio::\{.*\b(spawn|task)\b", "lets tasks start that nobody watches", TASK),
        (r"\bspawn_(blocking|local)\b", "starts a task that nobody watches", TASK),
        (r"\bthread::spawn\b", "starts a thread that nobody watches", TASK),
        (r"\bthread::Builder\b", "starts a thread that nobody watches", TASK),
        (r"\bunbounded_channel\b", "makes a channel without a limit", CHANNEL),
        (r"\bmpsc::unbounded\b", "makes a channel without a limit", CHANNEL),
        (r"\bmpsc::channel(::<.*>)?\(\s*\)", "makes a channel without a limit", CHANNEL),
    ]
    .into_iter()
    .map(|(pattern, what, mend)| {
        (Regex::new(pattern).expect("the pattern above is valid"), what, mend)
    })
    .collect()
});

/// Looks through the code of all crates, tests aside.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        if file.is_test || EXEMPT.iter().any(|folder| file.path.starts_with(folder)) {
            continue;
        }
        for (number, line) in file.numbered() {
            for (pattern, what, mend) in BANNED.iter() {
                if let Some(found) = pattern.find(line) {
                    let what = format!("`{}` {what}", found.as_str().trim());
                    findings.push(Finding::wrong(&file.path, number, what, *mend));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_banned_call_is_found_on_its_line() {
        let calls = [
            "std::time::Instant::now()",
            "SystemTime::now()",
            "jiff::Timestamp::now()",
            "tokio::spawn(f)",
            "tokio::task::spawn(f)",
            "handle.spawn_blocking(f)",
            "std::thread::spawn(f)",
            "thread::Builder::new()",
            "mpsc::unbounded_channel()",
            "mpsc::channel::<Vec<u8>>()",
            "mpsc::channel()",
        ];
        for call in calls {
            let text = format!("fn f() {{\n    let x = {call};\n}}");
            assert_eq!(lines("crates/hub/src/a.rs", &text), [2], "{call}");
        }
    }

    #[test]
    fn bounded_channels_comments_strings_and_tests_pass() {
        let text = "// tokio::spawn\nlet x = \"Instant::now\";\nmpsc::channel(QUEUE);\nsync_channel(3);\n\
                    #[cfg(test)]\nmod tests { fn f() { tokio::spawn(g()); } }";
        assert_eq!(lines("crates/hub/src/a.rs", text), [0; 0]);
        assert_eq!(lines("crates/hub/tests/a.rs", "tokio::spawn(f)"), [0; 0]);
    }

    #[test]
    fn tokio_is_told_from_runtime() {
        assert_eq!(
            lines("crates/hub/src/a.rs", "task::spawn(f); task::spawn_critical(g);"),
            [0; 0]
        );
        assert_eq!(lines("crates/hub/src/a.rs", "use tokio::task;"), [1]);
        assert_eq!(lines("crates/hub/src/a.rs", "use tokio::{net::TcpStream, task};"), [1]);
        assert_eq!(lines("crates/hub/src/a.rs", "use tokio::{net::TcpStream, time};"), [0; 0]);
    }

    #[test]
    fn runtime_may() {
        assert_eq!(lines("crates/runtime/src/clock.rs", "Instant::now()"), [0; 0]);
    }
}
