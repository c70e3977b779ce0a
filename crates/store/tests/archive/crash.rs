//! SIGKILL at any instant leaves each tick and each event in a chunk or sealed, and never in both
//! or none.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use watchfire_model::SeriesKey;
use watchfire_store::{Chunk, History, Sealing, StoredEvent};

use crate::killed;
use crate::made::{BEGIN, key};

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

/// What the kernel told with the last record of a chunk.
fn event(record: u64) -> StoredEvent {
    StoredEvent { at_ms: BEGIN + record as i64, bytes: record.to_string().into_bytes() }
}

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Some(folder) = killed::folder() else { return };
    let history = History::open(&folder, CAP).expect("the history opens");
    let known = history.coverage(&name(0), [1; 16]).expect("it can be read");
    let first = known.last().map_or(0, |(_, to)| to / 10);
    for number in first.. {
        let group: Vec<Chunk> = (0..SERVERS).map(|server| chunk(server, number)).collect();
        history.append(&group).expect("it can be written");
        killed::acknowledge(number);
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
    let events: Vec<StoredEvent> = stretch.chunks.iter().map(|one| event(one.chunk.last)).collect();
    let name = name(server);
    let sealing = Sealing {
        server: &name,
        chunks: &chunks,
        timestamps: &timestamps,
        series: &series,
        tables: &[],
        events: &events,
    };
    assert!(!history.seal(&sealing).expect("it can be sealed").stale);
}

#[test]
fn a_kill_leaves_each_tick_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..8 {
        let enough = 1 + round * 29 % 47;
        let all = killed::run_and_kill::<u64>("crash::child", folder.path(), enough);
        let last = all[all.len() - 1];
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
            let told = history.events(&name(server), i64::MIN, i64::MAX, usize::MAX);
            let mut told = told.expect("readable").events;
            told.extend(stretch.chunks.iter().map(|one| event(one.chunk.last)));
            told.sort();
            let all: Vec<StoredEvent> = (1..=expected / 10).map(|last| event(last * 10)).collect();
            assert!(told == all, "round {round}: {told:?}");
        }
        assert_eq!(history.counters().files_set_aside, 0);
    }
}
