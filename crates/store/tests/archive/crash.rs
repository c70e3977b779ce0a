//! SIGKILL at any instant leaves each tick in a chunk or in a block, and never in both or none.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use watchfire_model::SeriesKey;
use watchfire_store::{Chunk, History, Sealing};

use crate::made::{BEGIN, key};

const FOLDER: &str = "WATCHFIRE_ARCHIVE_CRASH_FOLDER";
const ACKNOWLEDGED: &str = "acknowledged ";
const SERVERS: u64 = 4;
const CAP: u64 = 1 << 30;

fn name(server: u64) -> String {
    format!("server-{server}")
}

/// Ten records, one every 20 s, so that hours pass quickly.
fn chunk(server: u64, number: u64) -> Chunk {
    let at = |record: u64| BEGIN + record as i64 * 20_000;
    Chunk {
        from_ms: at(number * 10 + 1),
        to_ms: at(number * 10 + 10),
        ..crate::made::chunk(&name(server), number, 0)
    }
}

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let history = History::open(Path::new(&folder), CAP).expect("the history opens");
    let known = history.coverage(&name(0), [1; 16]).expect("it can be read");
    let first = known.last().map_or(0, |(_, to)| to / 10);
    let mut out = std::io::stdout().lock();
    for number in first.. {
        let group: Vec<Chunk> = (0..SERVERS).map(|server| chunk(server, number)).collect();
        history.append(&group).expect("it can be written");
        writeln!(out, "{ACKNOWLEDGED}{number}").expect("the parent listens");
        if number % 3 == 0 {
            (0..SERVERS).for_each(|server| seal(&history, server));
        }
        for _ in 0..2 {
            history.tend(i64::MAX / 4).expect("it can be tended");
        }
    }
}

fn seal(history: &History, server: u64) {
    let stretch = history.chunks(&name(server), i64::MIN, i64::MAX).expect("it can be read");
    let chunks: Vec<_> = stretch.chunks.iter().map(|one| one.row).collect();
    let records: Vec<u64> =
        stretch.chunks.iter().flat_map(|one| one.chunk.first..=one.chunk.last).collect();
    let timestamps: Vec<i64> =
        records.iter().map(|record| BEGIN + *record as i64 * 20_000).collect();
    let values: Vec<f64> = records.iter().map(|record| *record as f64).collect();
    let series: Vec<(SeriesKey, Vec<f64>)> = (0..3).map(|n| (key(n), values.clone())).collect();
    let name = name(server);
    let sealing = Sealing {
        server: &name,
        chunks: &chunks,
        timestamps: &timestamps,
        series: &series,
        tables: &[],
    };
    assert!(!history.seal(&sealing).expect("it can be sealed").stale);
}

/// Kills the child once it acknowledged `enough` groups, and returns the last.
fn run_and_kill(folder: &Path, enough: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("the test's own program"))
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let (mut last, mut seen) = (0, 0);
    for line in lines {
        let line = line.expect("the child writes text");
        let number = line.split_once(ACKNOWLEDGED).and_then(|(_, number)| number.parse().ok());
        if let Some(number) = number {
            (last, seen) = (number, seen + 1);
        }
        if seen == enough {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it is ours");
    assert!(seen >= enough, "the child ended by itself");
    last
}

#[test]
fn a_kill_leaves_each_tick_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..8 {
        let last = run_and_kill(folder.path(), 1 + round * 29 % 47);
        let history = History::open(folder.path(), CAP).expect("it opens after a kill");
        history.check().expect("it is whole");
        let ids: Vec<u32> = history.keys().expect("known").iter().map(|(id, _)| id).collect();
        for server in 0..SERVERS {
            let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
            let stretch = history.chunks(&name(server), i64::MIN, i64::MAX).expect("readable");
            for one in &stretch.chunks {
                (one.chunk.first..=one.chunk.last).for_each(|of| *seen.entry(of).or_default() += 1);
            }
            let told = history
                .samples(
                    &name(server),
                    &ids[..ids.len().min(1)],
                    i64::MIN,
                    i64::MAX,
                    &mut |_, times, values| {
                        for (time, value) in times.iter().zip(values) {
                            assert_eq!(*time, BEGIN + *value as i64 * 20_000);
                            *seen.entry(*value as u64).or_default() += 1;
                        }
                        ControlFlow::Continue(())
                    },
                )
                .expect("readable");
            assert!(stretch.gaps.is_empty() && told.gaps.is_empty());
            let expected = *seen.keys().next_back().expect("something was stored");
            assert!(expected >= last * 10 + 10, "server {server}: {expected} of {last}");
            assert_eq!(seen.len() as u64, expected, "round {round}: none is missing");
            assert!(seen.values().all(|times| *times == 1), "round {round}: each once");
        }
        assert_eq!(history.counters().files_set_aside, 0);
    }
}
