//! SIGKILL at any instant loses no chunk that was acknowledged.

#[path = "common/history.rs"]
mod common;
#[path = "common/reader.rs"]
mod reader;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::chunk;
use reader::sequences;
use watchfire_store::{Chunk, History};

const FOLDER: &str = "WATCHFIRE_HISTORY_CRASH_FOLDER";
const ACKNOWLEDGED: &str = "acknowledged ";
const SERVERS: u64 = 40;
const CAP: u64 = 1 << 30;

fn group(number: u64) -> Vec<Chunk> {
    let records: Vec<u64> = (number * 10 + 1..=number * 10 + 10).collect();
    let one = |server| {
        let mut one = chunk(&format!("server-{server}"), 1, number * 10, &records);
        one.bytes.resize(80 * (1 + (number * 7 + server) as usize % 40), 0);
        one
    };
    (0..SERVERS).map(one).collect()
}

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let history = History::open(Path::new(&folder), CAP).expect("the history opens");
    let known = history.coverage("server-0", [1; 16]).expect("it can be read");
    let first = known.last().map_or(0, |(_, to)| to / 10);
    let mut out = std::io::stdout().lock();
    for number in first.. {
        history.append(&group(number)).expect("it can be written");
        writeln!(out, "{ACKNOWLEDGED}{number}").expect("the parent listens");
    }
}

/// Kills the child once it acknowledged `enough` groups, and returns all of them.
fn run_and_kill(folder: &Path, enough: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().expect("the test's own program"))
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        let line = line.expect("the child writes text");
        let number = line.split_once(ACKNOWLEDGED).and_then(|(_, number)| number.parse().ok());
        acknowledged.extend::<Option<u64>>(number);
        if acknowledged.len() == enough {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it is ours");
    assert!(acknowledged.len() >= enough, "the child ended by itself");
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = BTreeSet::new();
    for round in 0..10 {
        acknowledged.extend(run_and_kill(folder.path(), 1 + round * 29 % 67));
        let history = History::open(folder.path(), CAP).expect("it opens after a kill");
        history.check().expect("it is whole");
        for server in 0..SERVERS {
            let server = format!("server-{server}");
            let stretch = history.chunks(&server, i64::MIN, i64::MAX).expect("it can be read");
            assert!(stretch.gaps.is_empty() && !stretch.cut);
            let stored: BTreeSet<u64> =
                stretch.chunks.iter().map(|one| one.chunk.previous / 10).collect();
            let lost: Vec<_> = acknowledged.difference(&stored).collect();
            assert!(lost.is_empty(), "{server} lost {lost:?}");
            // A chunk and what is known of it are one transaction.
            let known = history.coverage(&server, [1; 16]).expect("it can be read");
            let newest = stored.last().expect("something was stored");
            assert_eq!(known, [(0, newest * 10 + 10)]);
            assert!(!sequences(&stretch).is_empty());
        }
        assert_eq!(history.counters().files_set_aside, 0);
    }
}
