//! A process of the test's own program that is killed while it writes.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

const FOLDER: &str = "WATCHFIRE_CRASH_FOLDER";
const ACKNOWLEDGED: &str = "acknowledged ";

/// Where the killed process writes; nothing in any other.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Says in the killed process that something is stored.
pub(crate) fn acknowledge(number: impl Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ACKNOWLEDGED}{number}").expect("the parent listens");
}

/// Runs the test `child` of this program, kills it once it acknowledged `enough`, and returns
/// all that it acknowledged before it died.
pub(crate) fn run_and_kill<T: FromStr>(child: &str, folder: &Path, enough: usize) -> Vec<T> {
    let mut child = Command::new(std::env::current_exe().expect("the test's own program"))
        .args(["--exact", child, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        // The line may follow the test harness' own words, and the last one may be torn.
        let line = line.expect("the child writes text");
        let number = line.split_once(ACKNOWLEDGED).and_then(|(_, number)| number.parse().ok());
        acknowledged.extend::<Option<T>>(number);
        if acknowledged.len() == enough {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it is ours");
    assert!(acknowledged.len() >= enough, "the child ended by itself");
    acknowledged
}
