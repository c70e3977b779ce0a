//! The cap holds, and what came first goes first.

use std::path::Path;

use watchfire_store::{History, MIN_CAP_BYTES};

use crate::made::{BEGIN, HOUR, all_of, push};

fn on_disk(folder: &Path) -> u64 {
    let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |of| of.len());
    size("history.db") + size("history.db-wal")
}

/// Values that do not compress.
fn noise(seed: &mut u64, count: i64, from_ms: i64) -> Vec<(i64, f64)> {
    let mut next = || {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from_bits(*seed >> 2)
    };
    (0..count).map(|at| (from_ms + at * 15_000, next())).collect()
}

#[test]
fn the_oldest_goes_and_a_heavy_sender_loses_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let mut seed = 9;
    push(&history, "small", 0, &noise(&mut seed, 500, BEGIN));
    let mut now = BEGIN;
    for round in 0..180 {
        let from_ms = BEGIN + round * 10_000 * 15_000;
        push(&history, "heavy", 1, &noise(&mut seed, 10_000, from_ms));
        now += HOUR;
        while history.tend(now).expect("it can be tended") {}
        while history.prune(64).expect("it can be written").more {}
        assert!(on_disk(folder.path()) <= MIN_CAP_BYTES, "{round}");
    }
    assert!(history.counters().pushed_runs_pruned > 100, "{:?}", history.counters());
    let left = all_of(&history, "heavy", 1);
    assert!(left.len() > 300_000, "most of the room is used: {}", left.len());
    let last = BEGIN + 180 * 10_000 * 15_000 - 15_000;
    let (oldest, newest) = (left[0].0, left[left.len() - 1].0);
    assert_eq!((newest, (newest - oldest) / 15_000 + 1), (last, left.len() as i64));
    assert_eq!(all_of(&history, "small", 0).len(), 500);
    history.check().expect("it is whole");
}

#[test]
fn pushed_series_leave_room_for_agents() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let mut seed = 9;
    let mut now = BEGIN;
    let chunk = |number: u64| watchfire_store::Chunk {
        server: "a".to_owned(),
        ring: [1; 16],
        previous: number * 10,
        first: number * 10 + 1,
        last: number * 10 + 10,
        from_ms: BEGIN,
        to_ms: BEGIN + 1,
        starts_chain: true,
        bytes: vec![number as u8; 20_000],
    };
    for round in 0..180 {
        push(&history, "heavy", 1, &noise(&mut seed, 10_000, BEGIN + round * 10_000 * 15_000));
        history.append(&[chunk(round as u64)]).expect("it can be stored");
        now += HOUR;
        while history.tend(now).expect("it can be tended") {}
    }
    assert!(history.counters().pushed_runs_pruned > 100, "{:?}", history.counters());
    let stretch = history.chunks("a", i64::MIN, i64::MAX).expect("readable");
    assert!(stretch.chunks.len() > 120, "{}", stretch.chunks.len());
}
