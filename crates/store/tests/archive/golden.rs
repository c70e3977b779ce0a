//! Files of earlier versions open, and have what was put into them.
//!
//! `tests/golden/history-v2.db` and `history-v3.db` were made once by the test `make_golden_files`,
//! which is run by hand when a version comes, and then for that version alone:
//!
//! ```text
//! cargo test -p watchfire-store --test archive -- --ignored make_golden_files
//! ```
//!
//! Their pages are of 1 kB instead of 8, so that the files are small; nothing else differs from
//! what a hub has.

use std::fs;
use std::path::{Path, PathBuf};

use watchfire_store::{History, MIN_CAP_BYTES, Sealing, StoredEvent, examine_history};

use crate::made::{BEGIN, HOUR, MINUTE, row, samples, table, tend, ticks, windows};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn open(name: &str) -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(golden(name), folder.path().join("history.db")).expect("it is there");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    assert_eq!(history.counters().files_set_aside, 0);
    history.check().expect("it is whole");
    (folder, history)
}

fn chunk(number: u64) -> watchfire_store::Chunk {
    crate::made::chunk("name:web-1", number, BEGIN + number as i64 * 10_000)
}

#[test]
fn a_file_of_version_2_keeps_its_chunks() {
    let (folder, history) = open("history-v2.db");
    let found = history.chunks("name:web-1", i64::MIN, i64::MAX).expect("readable");
    let chunks: Vec<_> = found.chunks.iter().map(|one| one.chunk.clone()).collect();
    assert_eq!((chunks, found.gaps.len()), (vec![chunk(0), chunk(1)], 0));
    assert_eq!(history.coverage("name:web-1", [1; 16]), Ok(vec![(0, 20)]));
    let (timestamps, series) = ticks(BEGIN, 20, 1000, 2);
    let rows: Vec<_> = found.chunks.iter().map(|one| one.row).collect();
    let sealing = Sealing {
        server: "name:web-1",
        chunks: &rows,
        timestamps: &timestamps,
        series: &series,
        tables: &[],
        events: &[],
    };
    assert_eq!(history.seal(&sealing).expect("the new tables can be written").chunks, 2);
    drop(history);
    assert!(examine_history(folder.path()).expect("it can be looked at").are_good());
}

#[test]
fn a_file_of_version_3_has_all_that_was_sealed() {
    let (folder, history) = open("history-v3.db");
    assert_eq!(history.keys().expect("known").len(), 3);
    let (times, series) = ticks(BEGIN, 8 * 60, MINUTE, 3);
    let (found, told) = samples(&history, "a", &[1, 2, 3], i64::MIN, i64::MAX);
    assert_eq!(told.gaps, []);
    for (found, (_, values)) in found.iter().zip(&series) {
        let expected: Vec<(i64, f64)> = times.iter().copied().zip(values.iter().copied()).collect();
        assert_eq!(*found, expected);
    }
    for (width, count) in [(60_000, 480), (3_600_000, 8)] {
        let found = windows(&history, "a", &[2], width, (i64::MIN, i64::MAX));
        assert_eq!(found[0].len(), count);
        let all: f64 = found[0].iter().map(|(_, of)| of[3]).sum();
        assert_eq!(all, series[1].1.iter().sum::<f64>());
    }
    assert_eq!(history.table_at("a", BEGIN + 1), Ok(Some(processes(0))));
    assert_eq!(history.table_at("a", i64::MAX), Ok(Some(processes(2))));
    assert_eq!(history.runs_of("cron", i64::MIN, i64::MAX, 9).expect("readable").len(), 1);
    assert_eq!(history.coverage("a", [1; 16]), Ok(vec![(0, 10)]));
    let events = [StoredEvent { at_ms: BEGIN, bytes: b"new in version 4".to_vec() }];
    let sealing = Sealing { server: "a", events: &events, ..Sealing::default() };
    assert_eq!(history.seal(&sealing).expect("the new tables can be written").events, 1);
    tend(&history);
    let told = history.events("a", BEGIN, BEGIN, 9).expect("readable");
    assert_eq!((told.events.as_slice(), told.gaps.len()), (&events[..], 0));
    let (again, _) = samples(&history, "a", &[1, 2, 3], i64::MIN, i64::MAX);
    assert_eq!(again, found);
    drop(history);
    assert!(examine_history(folder.path()).expect("it can be looked at").are_good());
}

fn processes(minute: i64) -> watchfire_model::ProcessTable {
    let rows = vec![row(1, "systemd", 0.5), row(77, "cron", minute as f64)];
    table(BEGIN + minute * MINUTE, rows)
}

/// The files as they are checked in. See above.
#[test]
#[ignore = "makes golden files"]
fn make_golden_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    for part in 0..4 {
        let (timestamps, series) = ticks(BEGIN + part * 2 * HOUR, 120, MINUTE, 3);
        let tables: Vec<_> = if part == 0 { (0..3).map(processes).collect() } else { Vec::new() };
        let sealing = Sealing {
            server: "a",
            chunks: &[],
            timestamps: &timestamps,
            series: &series,
            tables: &tables,
            events: &[],
        };
        history.seal(&sealing).expect("it can be sealed");
    }
    while history.tend(BEGIN + 6 * HOUR + 20 * MINUTE).expect("it can be tended") {}
    history.append(&[crate::made::chunk("a", 0, BEGIN + 8 * HOUR)]).expect("it can be written");
    drop(history);
    put(&folder.path().join("history.db"), "history-v3.db");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.db");
    let raw = rusqlite::Connection::open(&file).expect("it opens");
    raw.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").expect("it can be set");
    raw.execute_batch(include_str!("../../src/migrations/history_0001.sql")).expect("made");
    raw.execute_batch(include_str!("../../src/migrations/history_0002.sql")).expect("made");
    raw.execute_batch("PRAGMA application_id = 0x57466869; PRAGMA user_version = 2")
        .expect("it can be set");
    let mut tag = crc32fast::Hasher::new();
    tag.update(b"name:web-1");
    tag.update(&[1; 16]);
    let tag = tag.finalize();
    let crc = |parts: &[&[u8]]| {
        let mut hasher = crc32fast::Hasher::new_with_initial(tag);
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize()
    };
    raw.execute(
        "INSERT INTO ring (server, ring, widest_ms) VALUES ('name:web-1', ?1, 9000)",
        [[1_u8; 16]],
    )
    .expect("stored");
    let known = crc(&[&0_i64.to_le_bytes(), &20_i64.to_le_bytes()]);
    raw.execute("INSERT INTO interval VALUES (1, 0, 20, ?1)", [known]).expect("stored");
    for one in [chunk(0), chunk(1)] {
        let numbers = [one.previous, one.first, one.last].map(u64::to_le_bytes);
        let times = [one.from_ms, one.to_ms].map(i64::to_le_bytes);
        let sum = crc(&[&numbers.concat(), &times.concat(), &[1], &one.bytes]);
        let sql = "INSERT INTO chunk (ring, previous, first, last, from_ms, to_ms, \
             starts_chain, crc, bytes) VALUES (1, ?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)";
        let numbers = [one.previous, one.first, one.last].map(u64::cast_signed);
        let (from, to) = (one.from_ms, one.to_ms);
        let values =
            rusqlite::params![numbers[0], numbers[1], numbers[2], from, to, sum, one.bytes];
        raw.execute(sql, values).expect("stored");
    }
    drop(raw);
    put(&file, "history-v2.db");
}

/// Copies the file with small pages.
fn put(file: &Path, name: &str) {
    let to = golden(name);
    let _ = fs::remove_file(&to);
    let raw = rusqlite::Connection::open(file).expect("it opens");
    raw.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM")
        .expect("it can be set");
    raw.execute("VACUUM INTO ?1", [to.to_str().expect("a name")]).expect("it can be copied");
}
