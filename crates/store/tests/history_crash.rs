//! SIGKILL at any instant loses no chunk that was acknowledged.

#[path = "common/history.rs"]
mod common;
#[path = "common/killed.rs"]
mod killed;
#[path = "common/reader.rs"]
mod reader;

use std::collections::BTreeSet;

use common::chunk;
use reader::sequences;
use watchfire_store::{Chunk, History};

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
    let Some(folder) = killed::folder() else { return };
    let history = History::open(&folder, CAP).expect("the history opens");
    let known = history.coverage("server-0", [1; 16]).expect("it can be read");
    let first = known.last().map_or(0, |(_, to)| to / 10);
    for number in first.. {
        history.append(&group(number)).expect("it can be written");
        killed::acknowledge(number);
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged: BTreeSet<u64> = BTreeSet::new();
    for round in 0..10 {
        let enough = 1 + round * 29 % 67;
        acknowledged.extend(killed::run_and_kill::<u64>("child", folder.path(), enough));
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
