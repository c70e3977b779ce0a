//! What upkeep makes of blocks.

use std::ops::ControlFlow;

use watchfire_store::{History, HistoryError, Sealing};

use crate::made::{BEGIN, HOUR, MINUTE, chunk, key, rows, samples, seal, tend, ticks, windows};

fn count(folder: &std::path::Path, sql: &str) -> i64 {
    let raw = rusqlite::Connection::open(folder.join("history.db")).expect("it opens");
    raw.query_row(sql, [], |row| row.get(0)).expect("it can be asked")
}

#[test]
fn an_hour_that_is_over_becomes_one_block_and_late_ticks_come_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    for part in 0..12 {
        let (times, series) = ticks(BEGIN + part * 10 * MINUTE, 60, 10_000, 3);
        assert_eq!(seal(&history, "a", &times, &series).blocks, 1);
    }
    let blocks = || count(folder.path(), "SELECT count(*) FROM block WHERE width_ms = 0");
    assert_eq!(blocks(), 12);
    // The second hour is not over for long enough.
    while history.tend(BEGIN + 2 * HOUR + MINUTE).expect("it can be tended") {}
    assert_eq!(blocks(), 7);
    tend(&history);
    assert_eq!(blocks(), 2);
    assert_eq!(count(folder.path(), "SELECT count(*) FROM due"), 0);
    let (late, series) = ticks(BEGIN + HOUR + 5_000, 50, 10_000, 4);
    seal(&history, "a", &late, &series);
    assert_eq!(blocks(), 3);
    let keys: Vec<u32> = history.keys().expect("known").iter().map(|(id, _)| id).collect();
    let (before, _) = samples(&history, "a", &keys, BEGIN, BEGIN + 2 * HOUR);
    let minutes = windows(&history, "a", &keys, 60_000, (BEGIN, BEGIN + 2 * HOUR));
    tend(&history);
    assert_eq!(blocks(), 2);
    let (after, told) = samples(&history, "a", &keys, BEGIN, BEGIN + 2 * HOUR);
    assert_eq!((before.len(), after, told.gaps.len()), (4, before, 0));
    assert_eq!(minutes, windows(&history, "a", &keys, 60_000, (BEGIN, BEGIN + 2 * HOUR)));
    assert_eq!(history.last("a"), Ok(Some(BEGIN + 2 * HOUR - 10_000)));
}

#[test]
fn a_sealing_whose_chunk_is_gone_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    history.append(&[chunk("a", 0, BEGIN), chunk("a", 1, BEGIN + 10_000)]).expect("written");
    history.append(&[chunk("b", 0, BEGIN), chunk("a/schema", 0, BEGIN)]).expect("written");
    let sealable = history.sealable(BEGIN + HOUR, 9).expect("it can be read");
    let found: Vec<_> = sealable.iter().map(|of| (of.server.as_str(), of.from_ms)).collect();
    assert_eq!(found, [("a", BEGIN - 9_000), ("b", BEGIN - 9_000)]);
    assert_eq!(sealable[0].to_ms, BEGIN + 10_000);
    assert_eq!(history.sealable(BEGIN + 5_000, 9).expect("as above")[0].to_ms, BEGIN);
    assert_eq!(history.sealable(BEGIN, 9), Ok(vec![]));
    let (timestamps, series) = ticks(BEGIN, 5, 1000, 2);
    let mut of_all = rows(&history, "a");
    of_all.extend(rows(&history, "a/schema"));
    let sealing = |chunks: &[watchfire_store::ChunkRow]| {
        let sealing = Sealing {
            server: "a",
            chunks,
            timestamps: &timestamps,
            series: &series,
            tables: &[],
            events: &[],
        };
        history.seal(&sealing).expect("it can be asked")
    };
    // A chunk of another server is none of ours.
    let mut with_other = of_all.clone();
    with_other.extend(rows(&history, "b"));
    assert!(sealing(&with_other).stale);
    assert_eq!((rows(&history, "a").len(), history.keys().expect("known").len()), (2, 0));
    let sealed = sealing(&of_all);
    assert_eq!((sealed.stale, sealed.chunks, sealed.blocks), (false, 3, 1));
    assert!(sealing(&of_all).stale);
    assert_eq!(rows(&history, "a"), []);
    // What is stored next may get the numbers of rows that are gone.
    history.append(&[chunk("a", 2, BEGIN + 20_000)]).expect("written");
    assert!(sealing(&of_all).stale);
    let removed = rows(&history, "a");
    history.remove_server("a").expect("it can be written");
    assert!(sealing(&removed).stale, "a removed server does not come back");
    assert_eq!(history.servers(), Ok(vec!["a/schema".to_owned(), "b".to_owned()]));
    assert_eq!(history.counters().blocks_sealed, 1);
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let refused = |timestamps: &[i64], values: Vec<f64>| {
        let series = [(key(0), values)];
        let sealing = Sealing {
            server: "a",
            chunks: &[],
            timestamps,
            series: &series,
            tables: &[],
            events: &[],
        };
        matches!(history.seal(&sealing), Err(HistoryError::Refused { .. }))
    };
    assert!(refused(&[2, 1], vec![1.0, 2.0]));
    assert!(refused(&[1, 2], vec![1.0]));
    assert!(refused(&[i64::MAX], vec![1.0]));
    assert!(!refused(&[1], vec![1.0]));
}

#[test]
fn a_reader_may_break_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let (times, series) = ticks(BEGIN, 3 * 360, 10_000, 2);
    assert_eq!(seal(&history, "a", &times, &series).blocks, 3);
    let mut calls = 0;
    let mut found = |_: usize, _: &[i64], _: &[f64]| {
        calls += 1;
        if calls == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let told = history.samples("a", &[1, 2], i64::MIN, i64::MAX, &mut found).expect("readable");
    assert_eq!((told.cut, calls), (true, 3));
    assert_eq!(history.keys_of("a", BEGIN, BEGIN), Ok(vec![1, 2]));
    assert_eq!(history.keys_of("nobody", BEGIN, BEGIN), Ok(vec![]));
}

/// What is known in memory must be on the disk, or what is sealed with it later is lost.
#[test]
fn a_series_without_a_value_is_no_key_yet() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let absent = watchfire_model::ABSENT;
    let sealed = seal(&history, "a", &[BEGIN], &[(key(0), vec![absent])]);
    assert_eq!((sealed.blocks, sealed.left_out, history.keys().expect("known").len()), (0, 0, 0));
    seal(&history, "a", &[BEGIN], &[(key(0), vec![1.0]), (key(1), vec![absent])]);
    drop(history);
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let keys = history.keys().expect("known");
    assert_eq!((keys.id_of(&key(0)), keys.id_of(&key(1))), (Some(1), None));
    assert_eq!(keys.by_name(key(0).name()), [1]);
    assert_eq!(samples(&history, "a", &[1], i64::MIN, i64::MAX).0[0], [(BEGIN, 1.0)]);
}
