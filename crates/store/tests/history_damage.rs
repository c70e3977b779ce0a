//! A flipped byte is a gap or a fresh file, and never wrong bytes.

#[path = "common/history.rs"]
mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use common::{chunk, time_of};
use proptest::prelude::*;
use watchfire_store::{Chunk, History, HistoryError, MIN_CAP_BYTES};

const SERVERS: u64 = 6;
const CHUNKS: u64 = 20;

fn key(server: u64) -> String {
    format!("server-{server}")
}

fn one(server: u64, number: u64) -> Chunk {
    let records: Vec<u64> = (number * 10 + 1..=number * 10 + 10).collect();
    let mut chunk = chunk(&key(server), 1, number * 10, &records);
    chunk.bytes = (0..2500).map(|at| (at * 7 + server * 31 + number * 17) as u8).collect();
    chunk.starts_chain = number.is_multiple_of(6);
    chunk
}

fn filled(folder: &Path) -> HashMap<(String, u64), Chunk> {
    let history = History::open(folder, MIN_CAP_BYTES).expect("a new one opens");
    let all: Vec<Chunk> =
        (0..CHUNKS).flat_map(|number| (0..SERVERS).map(move |of| one(of, number))).collect();
    history.append(&all).expect("it can be written");
    all.into_iter().map(|chunk| ((chunk.server.clone(), chunk.first), chunk)).collect()
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("history.db")
}

/// Whatever is read must be what was written. Returns how many chunks were read.
fn only_the_truth(
    history: &History,
    truth: &HashMap<(String, u64), Chunk>,
) -> Result<usize, TestCaseError> {
    for server in (0..SERVERS).map(key) {
        if let Ok(coverage) = history.coverage(&server, [1; 16]) {
            prop_assert!(coverage.iter().all(|one| *one == (0, CHUNKS * 10)), "{:?}", coverage);
        }
    }
    only_true_chunks(history, truth)
}

/// As [`only_the_truth`], where the newest chunks may never have been told.
fn only_true_chunks(
    history: &History,
    truth: &HashMap<(String, u64), Chunk>,
) -> Result<usize, TestCaseError> {
    let mut read = 0;
    for server in (0..SERVERS).map(key) {
        if let Ok(stretch) = history.chunks(&server, i64::MIN, i64::MAX) {
            read += stretch.chunks.len();
            for stored in stretch.chunks {
                let written = truth.get(&(server.clone(), stored.chunk.first));
                prop_assert_eq!(Some(&stored.chunk), written);
            }
        }
        if let Ok(Some(last)) = history.last(&server) {
            prop_assert!(truth.values().any(|one| one.server == server && one.to_ms == last));
        }
    }
    Ok(read)
}

#[test]
fn a_flipped_bit_of_a_chunk_is_a_gap_between_its_neighbours() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let mut bytes = fs::read(database(folder.path())).expect("it is there");
    let wanted = one(2, 7).bytes;
    let at = bytes.windows(wanted.len()).position(|here| here == wanted).expect("it is whole");
    bytes[at + 1234] ^= 4;
    fs::write(database(folder.path()), bytes).expect("it can be written");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("SQLite does not notice");
    history.check().expect("nor does its check");
    let stretch = history.chunks(&key(2), 0, time_of(1000)).expect("it can be read");
    assert_eq!(stretch.chunks.len() as u64, CHUNKS - 1);
    let [gap] = stretch.gaps[..] else { panic!("{:?}", stretch.gaps) };
    assert_eq!((gap.ring, gap.from_ms, gap.to_ms), ([1; 16], time_of(70), time_of(81)));
    assert!(history.counters().damaged_rows > 0);
    let beside = history.chunks(&key(3), 0, time_of(1000)).expect("it can be read");
    assert_eq!((beside.chunks.len() as u64, beside.gaps.len()), (CHUNKS, 0));
}

#[test]
fn a_damaged_file_is_set_aside_and_a_fresh_one_takes_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    for round in 0..2 {
        fs::write(database(folder.path()), format!("no database {round}")).expect("as above");
        let history = History::open(folder.path(), MIN_CAP_BYTES).expect("a fresh one opens");
        assert_eq!(history.counters().files_set_aside, 1);
        assert_eq!(history.coverage(&key(0), [1; 16]), Ok(vec![]));
        history.append(&[one(0, 0)]).expect("it can be written");
        let kept = fs::read(folder.path().join("damaged-history/history.db")).expect("it is kept");
        assert_eq!(kept, format!("no database {round}").as_bytes());
    }
}

#[test]
fn damage_that_a_writer_meets_brings_a_fresh_file_and_the_work_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    history.append(&[one(0, 0)]).expect("it can be written");
    let raw = rusqlite::Connection::open(database(folder.path())).expect("it opens");
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    raw.query_row(checkpoint, [], |_| Ok(())).expect("it can be checkpointed");
    raw.execute_batch("CREATE TABLE x (y)").expect("so the pages are read anew");
    raw.query_row(checkpoint, [], |_| Ok(())).expect("it can be checkpointed");
    let mut bytes = fs::read(database(folder.path())).expect("it is there");
    bytes[8192..].fill(0xA5);
    fs::write(database(folder.path()), bytes).expect("it can be written");
    drop(raw);
    let appended = history.append(&[one(0, 1)]).expect("it goes on with a fresh file");
    assert_eq!(appended.stored, 1);
    assert_eq!(history.counters().files_set_aside, 1);
    let stretch = history.chunks(&key(0), 0, i64::MAX).expect("it can be read");
    assert_eq!(stretch.chunks.len(), 1);
    assert_eq!(stretch.chunks[0].chunk, one(0, 1));
}

/// A flipped letter of a table's description is no damage to SQLite, and changes
/// what it stores.
#[test]
fn a_flipped_letter_of_the_schema_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let mut bytes = fs::read(database(folder.path())).expect("it is there");
    let word = b"DEFAULT FALSE";
    let at = bytes.windows(word.len()).position(|here| here == word).expect("it is there");
    bytes[at + 8] ^= 1;
    fs::write(database(folder.path()), bytes).expect("it can be written");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("a fresh one opens");
    assert_eq!(history.counters().files_set_aside, 1);
    assert_eq!(history.append(&[one(0, 0)]).expect("it can be written").stored, 1);
}

/// One bad row must not keep all servers from being stored.
#[test]
fn a_row_of_a_wrong_type_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let raw = rusqlite::Connection::open(database(folder.path())).expect("it opens");
    raw.execute_batch(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'ring';
         PRAGMA writable_schema = RESET;
         UPDATE ring SET widest_ms = 'x' WHERE server = 'server-1';",
    )
    .expect("it can be changed");
    drop(raw);
    let all: Vec<Chunk> = (0..SERVERS).map(|server| one(server, CHUNKS)).collect();
    assert_eq!(history.append(&all).expect("it goes on").stored as u64, SERVERS);
    assert_eq!(history.counters().files_set_aside, 1);
}

/// The files as they lie there while a hub works. Half of the rounds are in the file alone, and the
/// others in the log; in the file as well if they are `written_back`.
fn at_work(folder: &Path, rounds: u64, written_back: bool) -> HashMap<(String, u64), Chunk> {
    let other = tempfile::tempdir().expect("a folder");
    let history = History::open(other.path(), MIN_CAP_BYTES).expect("a new one opens");
    let checkpoint = |how: &str| {
        let raw = rusqlite::Connection::open(database(other.path())).expect("it opens");
        let sql = format!("PRAGMA wal_checkpoint({how})");
        raw.query_row(&sql, [], |_| Ok(())).expect("it can be checkpointed");
    };
    let mut truth = HashMap::new();
    for number in 0..rounds {
        if number == rounds / 2 {
            checkpoint("TRUNCATE");
        }
        let group: Vec<Chunk> = (0..SERVERS).map(|server| one(server, number)).collect();
        history.append(&group).expect("it can be written");
        truth.extend(group.into_iter().map(|chunk| ((chunk.server.clone(), chunk.first), chunk)));
    }
    if written_back {
        checkpoint("PASSIVE");
    }
    for file in ["history.db", "history.db-wal"] {
        fs::copy(other.path().join(file), folder.join(file)).expect("it is there");
    }
    truth
}

#[test]
fn one_process_has_it_at_a_time_and_a_newer_file_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let second = History::open(folder.path(), MIN_CAP_BYTES);
    assert!(matches!(second, Err(HistoryError::Busy)), "{second:?}");
    drop(history);
    let raw = rusqlite::Connection::open(database(folder.path())).expect("it opens");
    raw.pragma_update(None, "user_version", 99).expect("it can be set");
    drop(raw);
    let newer = History::open(folder.path(), MIN_CAP_BYTES);
    assert!(matches!(newer, Err(HistoryError::NewerFormat { found: 99, .. })), "{newer:?}");
    assert!(!folder.path().join("damaged-history").exists());
}

/// Puts rows of `table` back into it where its index does not see them.
fn hide(folder: &Path, table: &str, index: &str, rows: &str) {
    let raw = rusqlite::Connection::open(database(folder)).expect("it opens");
    raw.execute_batch(&format!(
        "CREATE TEMP TABLE hidden AS SELECT * FROM {table} WHERE {rows};
         DELETE FROM {table} WHERE {rows};
         PRAGMA writable_schema = ON;
         CREATE TEMP TABLE its_index AS SELECT * FROM sqlite_schema WHERE name = '{index}';
         DELETE FROM sqlite_schema WHERE name = '{index}';
         PRAGMA writable_schema = RESET;
         INSERT INTO {table} SELECT * FROM hidden;
         PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema SELECT * FROM its_index;
         PRAGMA writable_schema = RESET;"
    ))
    .expect("it can be changed");
}

#[test]
fn what_an_index_hides_is_found_again() {
    for (table, index, rows) in
        [("chunk", "chunk_by_time", "ring = 3"), ("ring", "ring_by_server", "id = 3")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        filled(folder.path());
        // A file this small is looked through when it is opened: so it is open already.
        let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
        hide(folder.path(), table, index, rows);
        assert!(!is_sound(folder.path()));
        let found = || history.chunks(&key(2), 0, i64::MAX).expect("it can be read").chunks.len();
        assert_eq!(found(), 0, "{index} hides it");
        // The agent goes on telling: what it tells now is found, beside what was hidden.
        let next = CHUNKS * 10;
        let new = chunk(&key(2), 1, next, &[next + 1]);
        history.append(std::slice::from_ref(&new)).expect("the watching goes on");
        let (mut from, mut mended) = (Some(0), 0);
        while let Some(next) = from {
            let verified = history.verify(next, 2).expect("it can be read");
            (from, mended) = (verified.next, mended + u32::from(verified.mended));
        }
        assert_eq!((mended, history.counters().indexes_mended), (1, 1), "{index}");
        assert_eq!(found() as u64, CHUNKS + 1, "{index}");
        history.check().expect("all is sound");
        assert!(!history.verify(0, 100).expect("it can be read").mended);
        assert_eq!(history.counters().files_set_aside, 0);
    }
}

#[test]
fn a_sound_history_is_looked_through_piece_by_piece() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    history.remove_server(&key(1)).expect("it can be written");
    history.prune(7).expect("some of it goes");
    let (mut from, mut calls) = (Some(0), 0);
    while let Some(next) = from {
        let verified = history.verify(next, 2).expect("it can be read");
        assert!(!verified.mended, "after {next}");
        (from, calls) = (verified.next, calls + 1);
    }
    assert_eq!(calls, SERVERS / 2 + 1);
}

/// Whether SQLite's own check of the whole file finds nothing.
fn is_sound(folder: &Path) -> bool {
    let raw = rusqlite::Connection::open(database(folder)).expect("it opens");
    let said: Result<String, _> = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    said.is_ok_and(|said| said == "ok")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// SQLite takes a damaged log for one that was torn, and leaves out the rest of it.
    #[test]
    fn random_damage_of_the_log_gives_no_wrong_bytes(
        rounds in 1..=CHUNKS,
        written_back: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let truth = at_work(folder.path(), rounds, written_back);
        let log = folder.path().join("history.db-wal");
        let mut bytes = fs::read(&log).expect("it is there");
        for (place, flip) in damage {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        fs::write(&log, bytes).expect("it can be written");
        let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
        only_true_chunks(&history, &truth)?;
        // A round is one transaction: of all servers it is there, or of none.
        let known: Vec<_> = (0..SERVERS).map(|of| history.coverage(&key(of), [1; 16])).collect();
        prop_assert!(known.iter().all(|of| of.is_ok() && *of == known[0]), "{:?}", known);
        let new = chunk("new", 1, 0, &[1, 2, 3]);
        history.append(std::slice::from_ref(&new)).expect("the watching goes on");
        let stretch = history.chunks("new", i64::MIN, i64::MAX).expect("it can be read");
        prop_assert_eq!(&stretch.chunks[0].chunk, &new);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_gives_no_wrong_bytes(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..60),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let truth = filled(folder.path());
        let mut bytes = fs::read(database(folder.path())).expect("it is there");
        for (place, flip) in damage {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        fs::write(database(folder.path()), bytes).expect("it can be written");
        // Damage of the header can make it another program's or a newer release's.
        if let Ok(history) = History::open(folder.path(), MIN_CAP_BYTES) {
            only_the_truth(&history, &truth)?;
            let new = chunk("new", 1, 0, &[1, 2, 3]);
            history.append(std::slice::from_ref(&new)).expect("the watching goes on");
            let stretch = history.chunks("new", i64::MIN, i64::MAX).expect("it can be read");
            match stretch.chunks.first() {
                Some(found) => prop_assert_eq!(&found.chunk, &new),
                // An index that was changed hides what is there. SQLite notices that
                // only when it checks the whole file, which a start cannot wait for.
                None => prop_assert!(!is_sound(folder.path()), "it was stored and is not found"),
            }
            only_the_truth(&history, &truth)?;
        }
    }
}
