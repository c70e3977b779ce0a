//! A flipped byte is a gap, and never a wrong number.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use watchfire_model::ProcessTable;
use watchfire_store::{
    History, MIN_CAP_BYTES, Sealing, StoredEvent, backup_history, examine_history, examine_store,
};

use crate::made::{
    BEGIN, HOUR, MINUTE, chunk, key, row, samples, seal, table, tend, ticks, windows,
};

const SERVERS: usize = 3;
const KEYS: usize = 70;

fn name(server: usize) -> String {
    format!("server-{server}")
}

fn tables(server: usize) -> Vec<ProcessTable> {
    let one = |minute: i64| {
        let at = BEGIN + minute * MINUTE;
        table(at, vec![row(server as u32 + 1, "sshd", minute as f64), row(99, "cron", 0.5)])
    };
    (0..70).map(one).collect()
}

fn events(server: usize) -> Vec<StoredEvent> {
    let one = |minute: i64| StoredEvent {
        at_ms: BEGIN + minute * MINUTE,
        bytes: format!("server {server}, minute {minute}").into_bytes(),
    };
    (0..200).map(one).collect()
}

/// Seven hours of three servers, of which six are over and settled, and an open chunk.
fn fill(folder: &Path) {
    let history = History::open(folder, MIN_CAP_BYTES).expect("a new one opens");
    for server in 0..SERVERS {
        let (timestamps, mut series) = ticks(BEGIN, 7 * 60, MINUTE, KEYS);
        let shift = |of: &mut (_, Vec<f64>)| of.1.iter_mut().for_each(|v| *v += server as f64);
        series.iter_mut().for_each(shift);
        let tables = tables(server);
        let name = name(server);
        let sealing = Sealing {
            server: &name,
            chunks: &[],
            timestamps: &timestamps,
            series: &series,
            tables: &tables,
            events: &events(server),
        };
        history.seal(&sealing).expect("it can be sealed");
        history.append(&[chunk(&name, 1, BEGIN + 8 * HOUR)]).expect("it can be written");
    }
    while history.tend(BEGIN + 6 * HOUR + 20 * MINUTE).expect("it can be tended") {}
}

/// The bytes of a filled file.
fn filled() -> &'static Vec<u8> {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        fill(folder.path());
        fs::read(database(folder.path())).expect("it is there")
    })
}

fn database(folder: &Path) -> PathBuf {
    folder.join("history.db")
}

fn truth(server: usize, number: usize, time: i64) -> f64 {
    (time / 1000 % 1_000_000) as f64 * (number + 1) as f64 + server as f64
}

/// Everything that is read is what was written. Returns how many samples and tables were read.
fn only_the_truth(history: &History) -> Result<(usize, usize), TestCaseError> {
    let (mut read, mut read_tables) = (0, 0);
    let Ok(keys) = history.keys() else { return Ok((0, 0)) };
    let numbers: HashMap<u32, usize> =
        (0..KEYS).filter_map(|number| Some((keys.id_of(&key(number))?, number))).collect();
    let ids: Vec<u32> = numbers.keys().copied().collect();
    for server in 0..SERVERS {
        let mut wrong = Vec::new();
        let of_history = history.samples(
            &name(server),
            &ids,
            i64::MIN,
            i64::MAX,
            &mut |place, times, values| {
                for (time, value) in times.iter().zip(values) {
                    read += 1;
                    let right = truth(server, numbers[&ids[place]], *time);
                    if right != *value && !watchfire_model::is_absent(*value) {
                        wrong.push((server, *time, *value));
                    }
                }
                std::ops::ControlFlow::Continue(())
            },
        );
        let _ = of_history;
        prop_assert!(wrong.is_empty(), "{:?}", wrong);
        let mut wrong = Vec::new();
        let _ = history.windows(
            &name(server),
            &ids,
            60_000,
            i64::MIN,
            i64::MAX,
            &mut |place, starts, of| {
                for (number, start) in starts.iter().enumerate() {
                    let right = truth(server, numbers[&ids[place]], *start);
                    let told = [of.min[number], of.max[number], of.sum[number], of.last[number]];
                    let count = of.count[number];
                    if told.iter().any(|v| *v != right && !watchfire_model::is_absent(*v))
                        || count > 1.0
                    {
                        wrong.push((server, *start, told, count));
                    }
                }
                std::ops::ControlFlow::Continue(())
            },
        );
        prop_assert!(wrong.is_empty(), "{:?}", wrong);
        let all = tables(server);
        for minute in (0..70).step_by(9) {
            if let Ok(Some(found)) = history.table_at(&name(server), BEGIN + minute * MINUTE) {
                prop_assert!(all.contains(&found), "{:?}", found);
                read_tables += 1;
            }
        }
        if let Ok(told) = history.events(&name(server), i64::MIN, i64::MAX, usize::MAX) {
            let all = events(server);
            prop_assert!(told.events.iter().all(|event| all.contains(event)), "{:?}", told);
        }
        if let Ok(runs) = history.runs_of("sshd", i64::MIN, i64::MAX, 9) {
            for run in runs {
                let pid: Vec<u32> =
                    (1..=SERVERS as u32).filter(|pid| run.pids.contains(pid)).collect();
                prop_assert_eq!(name(pid[0] as usize - 1), run.server);
            }
        }
    }
    Ok((read, read_tables))
}

#[test]
fn a_flipped_bit_of_a_block_is_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(database(folder.path()), filled()).expect("it can be written");
    let bytes = {
        let raw = rusqlite::Connection::open(database(folder.path())).expect("it opens");
        let sql = "SELECT bytes FROM block WHERE server = 2 AND width_ms = 0 ORDER BY id LIMIT 1 OFFSET 2";
        raw.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0)).expect("it is there")
    };
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let whole = only_the_truth(&history).expect("nothing is wrong");
    assert_eq!(whole, (SERVERS * KEYS * 7 * 60, SERVERS * 8));
    drop(history);
    assert!(examine_history(folder.path()).expect("it can be looked at").are_good());
    let mut file = fs::read(database(folder.path())).expect("it is there");
    // The last bytes of a block are of its last group, and lie together.
    let tail = &bytes[bytes.len() - 60..];
    let at = file.windows(60).position(|here| here == tail).expect("it is whole");
    file[at + 30] ^= 4;
    fs::write(database(folder.path()), file).expect("it can be written");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("SQLite does not notice");
    history.check().expect("nor does its check");
    let read = only_the_truth(&history).expect("nothing is wrong");
    assert!(read.0 < whole.0 && read.0 >= whole.0 - 60 * 64, "a group of an hour: {read:?}");
    assert_eq!(read.1, whole.1);
    let ids: Vec<u32> = history.keys().expect("known").iter().map(|(id, _)| id).collect();
    let (_, told) = samples(&history, &name(1), &ids, i64::MIN, i64::MAX);
    let [gap] = told.gaps[..] else { panic!("{:?}", told.gaps) };
    assert_eq!((gap.from_ms, gap.to_ms), (BEGIN + 2 * HOUR, BEGIN + 3 * HOUR - MINUTE));
    assert!(history.counters().damaged_rows > 0);
    let (_, beside) = samples(&history, &name(2), &ids, i64::MIN, i64::MAX);
    assert_eq!(beside.gaps, []);
    // Upkeep leaves it as it is, and merges the others.
    let (late, series) = ticks(BEGIN + 2 * HOUR + 500, 10, MINUTE, 3);
    seal(&history, &name(1), &late, &series);
    tend(&history);
    let (found, told) = samples(&history, &name(1), &ids, i64::MIN, i64::MAX);
    assert_eq!((found[0].len() >= 6 * 60 + 10, told.gaps.len()), (true, 1));
    drop(history);
    let findings = examine_history(folder.path()).expect("it can be looked at");
    assert_eq!(findings.wrong, 1, "{findings:?}");
    assert!(findings.told[0].contains("server-1: a block of ticks"), "{findings:?}");
}

#[test]
fn the_block_of_one_server_is_not_read_as_that_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(database(folder.path()), filled()).expect("it can be written");
    let raw = rusqlite::Connection::open(database(folder.path())).expect("it opens");
    raw.execute_batch(
        "UPDATE block SET server = 4 - server; UPDATE process_segment SET server = 4 - server;",
    )
    .expect("it can be changed");
    drop(raw);
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let (found, told) = samples(&history, &name(0), &[1], i64::MIN, i64::MAX);
    assert_eq!((found[0].len(), told.gaps.len()), (0, 7));
    assert_eq!(windows(&history, &name(2), &[1], 60_000, (i64::MIN, i64::MAX))[0], []);
    assert_eq!(history.table_at(&name(0), i64::MAX), Ok(None));
    let (found, _) = samples(&history, &name(1), &[1], i64::MIN, i64::MAX);
    assert_eq!(found[0].len(), 420);
}

#[test]
fn what_an_index_hides_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(database(folder.path()), filled()).expect("it can be written");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let raw = rusqlite::Connection::open(database(folder.path())).expect("it opens");
    raw.execute_batch(
        "CREATE TEMP TABLE hidden AS SELECT * FROM archived WHERE id = 2;
         CREATE TEMP TABLE counted AS SELECT * FROM held_block;
         DELETE FROM archived WHERE id = 2;
         PRAGMA writable_schema = ON;
         CREATE TEMP TABLE its_index AS SELECT * FROM sqlite_schema WHERE name = 'archived_by_server';
         DELETE FROM sqlite_schema WHERE name = 'archived_by_server';
         PRAGMA writable_schema = RESET;
         INSERT INTO archived SELECT * FROM hidden;
         PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema SELECT * FROM its_index;
         PRAGMA writable_schema = RESET;",
    )
    .expect("it can be changed");
    drop(raw);
    let found = || samples(&history, &name(1), &[1], i64::MIN, i64::MAX).0[0].len();
    assert_eq!(found(), 0, "the index hides it");
    let (late, series) = ticks(BEGIN + 9 * HOUR, 10, MINUTE, 3);
    seal(&history, &name(1), &late, &series);
    assert_eq!(found(), 10);
    let (mut from, mut mended) = (Some(0), 0);
    while let Some(next) = from {
        let verified = history.verify(next, 2).expect("it can be read");
        (from, mended) = (verified.next, mended + u32::from(verified.mended));
    }
    assert_eq!((mended, found()), (1, 430));
    history.check().expect("all is sound");
    assert!(!history.verify(0, 100).expect("it can be read").mended);
    assert!(!history.verify(-1, 100).expect("it can be read").mended);
}

#[test]
fn a_copy_is_whole_and_made_beside_writers() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(database(folder.path()), filled()).expect("it can be written");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let copied = tempfile::tempdir().expect("a folder");
    let to = database(copied.path());
    history.backup_to(&to).expect("it can be copied");
    assert!(history.backup_to(&to).is_err(), "it writes over nothing");
    // What comes later is not in it.
    history.append(&[chunk(&name(0), 2, BEGIN + 9 * HOUR)]).expect("it can be written");
    let copy = History::open(copied.path(), MIN_CAP_BYTES).expect("it opens");
    assert_eq!(only_the_truth(&copy).expect("nothing is wrong").0, SERVERS * KEYS * 7 * 60);
    assert_eq!(copy.last(&name(0)), Ok(Some(BEGIN + 8 * HOUR)));
    assert!(examine_history(copied.path()).expect("it can be looked at").are_good());
    // Another process does it beside the hub.
    let second = copied.path().join("second.db");
    backup_history(folder.path(), &second).expect("it can be copied");
    assert!(backup_history(&copied.path().join("none"), &second).is_err());
    let store = watchfire_store::Store::open(folder.path()).expect("it opens");
    store.write(|batch| batch.put_secret("token", &[1])).expect("it can be written");
    let of_store = copied.path().join("watchfire.db");
    store.backup_to(&of_store).expect("it can be copied");
    assert!(examine_store(copied.path()).expect("it can be looked at").are_good());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(&of_store).expect("there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_gives_no_wrong_number(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..40),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bytes = filled().clone();
        for (place, flip) in damage {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        fs::write(database(folder.path()), bytes).expect("it can be written");
        // Damage of the header can make it another program's or a newer release's.
        if let Ok(history) = History::open(folder.path(), MIN_CAP_BYTES) {
            only_the_truth(&history)?;
            let (times, series) = ticks(BEGIN, 10, 1000, 3);
            let sealing = Sealing {
                server: "new", chunks: &[], timestamps: &times, series: &series, tables: &[],
                events: &[],
            };
            // The watching goes on: in this file or in a fresh one.
            let sealed = history.seal(&sealing).or_else(|_| history.seal(&sealing));
            if sealed.is_ok_and(|sealed| sealed.stale) {
                history.seal(&sealing).expect("the second time it is known");
            }
            for _ in 0..50 {
                if !history.tend(BEGIN + 1000 * HOUR).unwrap_or(false) {
                    break;
                }
            }
            only_the_truth(&history)?;
            drop(history);
            let _ = examine_history(folder.path());
        }
    }
}
