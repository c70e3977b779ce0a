//! A flipped byte is a gap, and never a wrong number.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use rusqlite::params;
use watchfire_store::{History, MIN_CAP_BYTES, Push, PushedSamples, PushedSpan, examine_history};

use crate::made::{BEGIN, MINUTE, all_of, bits, fitting, fold, labels, push, samples, series};

const SERIES: usize = 30;
const EVER: (i64, i64) = (i64::MIN, i64::MAX);

fn truth(number: usize, at: i64) -> f64 {
    // Runs of such values are most of the file.
    (at as usize).wrapping_mul(2_654_435_761 * (number + 1)) as f64 % 1_000_003.0
}

fn filled_push(ticks: std::ops::Range<i64>) -> Push {
    let series = (0..SERIES).map(|number| {
        let time = |tick: i64| BEGIN + tick * MINUTE;
        let samples = ticks.clone().map(|tick| (time(tick), truth(number, time(tick)))).collect();
        PushedSamples { labels: labels(number), samples }
    });
    Push { sender: "a".to_owned(), series: series.collect(), facts: Vec::new() }
}

fn database(folder: &Path) -> PathBuf {
    folder.join("history.db")
}

/// The bytes of a file with runs and batches.
fn filled() -> &'static Vec<u8> {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::open(folder.path(), MIN_CAP_BYTES).expect("a new one opens");
        history.push(&[filled_push(0..300)]).expect("it can be stored");
        fold(&history);
        history.push(&[filled_push(200..400)]).expect("it can be stored");
        drop(history);
        fs::read(database(folder.path())).expect("it is there")
    })
}

/// Everything that is read is what was written. Returns how many samples were read.
fn only_the_truth(history: &History) -> Result<usize, TestCaseError> {
    let Ok(found) = fitting(history, "a", &[], EVER) else { return Ok(0) };
    let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
    let mut wrong = Vec::new();
    let mut read = 0;
    let ever = PushedSpan::unhurried(EVER.0, EVER.1);
    let _ = history.pushed_samples(&ids, &ever, &mut |place, times, values| {
        let number = (0..SERIES).find(|number| labels(*number) == found[place].1);
        for (time, value) in times.into_iter().zip(values) {
            read += 1;
            if number.is_none_or(|number| truth(number, time) != value) {
                wrong.push((place, time, value));
            }
        }
        std::ops::ControlFlow::Continue(())
    });
    prop_assert!(wrong.is_empty(), "{:?}", wrong);
    Ok(read)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_are_never_a_wrong_number(
        places in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..6),
        tended: bool,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bytes = filled().clone();
        for (place, flip) in &places {
            let at = place.index(bytes.len());
            bytes[at] ^= flip;
        }
        fs::write(database(folder.path()), &bytes).expect("it can be written");
        let _ = examine_history(folder.path());
        let Ok(history) = History::open(folder.path(), MIN_CAP_BYTES) else { return Ok(()) };
        if tended {
            for at in 0..9 {
                let _ = history.tend(BEGIN + at * 1000 * MINUTE);
            }
        }
        only_the_truth(&history)?;
        // Indexes are looked at now and then; what comes from then on is stored and found.
        verified(&history);
        history.push(&[filled_push(400..410)]).expect("a damaged file gives way to a fresh one");
        prop_assert!(only_the_truth(&history)? >= SERIES * 10);
    }
}

/// Whether anything had to be mended.
fn verified(history: &History) -> bool {
    let (mut from, mut mended) = (Some(0), false);
    while let Some(next) = from {
        let verified = history.verify(next, 2).expect("it can be read");
        (from, mended) = (verified.next, mended || verified.mended);
    }
    mended
}

fn spoil(folder: &Path, sql: &str) {
    let raw = rusqlite::Connection::open(database(folder)).expect("it opens");
    assert_eq!(raw.execute(sql, params![]).expect("it can be written"), 1, "{sql}");
}

#[test]
fn a_damaged_run_is_a_gap_and_what_comes_later_is_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let history = open();
    push(&history, "a", 0, &[(1000, 1.0), (9000, 2.0)]);
    push(&history, "a", 1, &[(1000, 3.0)]);
    fold(&history);
    spoil(folder.path(), "UPDATE pushed_run SET bytes = zeroblob(9) WHERE series = 1");
    push(&history, "a", 0, &[(5000, 4.0)]);
    for _ in 0..2 {
        let found = series(&history, "a", EVER);
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        let (read, told) = samples(&history, &ids, EVER);
        assert_eq!(read, [bits(&[(5000, 4.0)]), bits(&[(1000, 3.0)])]);
        let gaps: Vec<_> = told.gaps.iter().map(|gap| (gap.from_ms, gap.to_ms)).collect();
        assert_eq!(gaps, [(1000, 9000)]);
        fold(&history);
    }
    assert!(history.counters().damaged_rows >= 2);
    let findings = examine_history(folder.path()).expect("it can be looked at");
    assert_eq!(findings.wrong, 1, "{findings:?}");
    assert!(findings.told[0].contains("a gap from 1000 to 9000"), "{findings:?}");
}

#[test]
fn a_run_whose_numbers_are_changed_is_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    push(&history, "a", 0, &[(1000, 1.0)]);
    push(&history, "a", 1, &[(1000, 3.0), (2000, 4.0)]);
    fold(&history);
    for change in [
        // The value of a constant is the last byte.
        "bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'08' AS BLOB) WHERE series = 1",
        "samples = 1, last_ms = 1000 WHERE series = 2",
        "series = 1, first_ms = 5000, last_ms = 6000 WHERE series = 2",
    ] {
        spoil(folder.path(), &format!("UPDATE pushed_run SET {change}"));
        let ids: Vec<_> = series(&history, "a", EVER).into_iter().map(|(id, _)| id).collect();
        let (read, told) = samples(&history, &ids, EVER);
        let right = [bits(&[(1000, 1.0)]), bits(&[(1000, 3.0), (2000, 4.0)])];
        for one in read {
            assert!(one.is_empty() || right.contains(&one), "{change}: {one:?}");
        }
        assert!(!told.gaps.is_empty(), "{change}");
    }
}

#[test]
fn a_damaged_batch_is_a_gap_of_its_sender() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let history = open();
    for sender in ["a", "b"] {
        push(&history, sender, 0, &[(1000, 1.0), (2000, 2.0)]);
        push(&history, sender, 0, &[(7000, 1.0), (9000, 2.0)]);
    }
    drop(history);
    spoil(folder.path(), "UPDATE pushed_batch SET crc = crc + 1 WHERE id = 2");
    let history = open();
    for _ in 0..2 {
        let ids: Vec<_> = series(&history, "a", EVER).into_iter().map(|(id, _)| id).collect();
        let (read, told) = samples(&history, &ids, EVER);
        assert_eq!(read, [bits(&[(1000, 1.0), (2000, 2.0)])]);
        assert_eq!((told.gaps[0].from_ms, told.gaps[0].to_ms, told.gaps.len()), (7000, 9000, 1));
        let (_, told) = samples(&history, &ids, (0, 6999));
        assert!(told.gaps.is_empty());
        assert_eq!(all_of(&history, "b", 0).len(), 4);
        fold(&history);
    }
    drop(history);
    let history = open();
    let ids: Vec<_> = series(&history, "a", EVER).into_iter().map(|(id, _)| id).collect();
    assert_eq!(samples(&history, &ids, EVER).1.gaps.len(), 1, "the mark stays");
}

#[test]
fn a_series_whose_labels_are_damaged_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let history = open();
    push(&history, "a", 0, &[(1000, 1.0)]);
    fold(&history);
    drop(history);
    spoil(folder.path(), "UPDATE pushed_series SET labels = zeroblob(3)");
    let history = open();
    assert!(series(&history, "a", EVER).is_empty());
    assert_eq!(push(&history, "a", 0, &[(2000, 2.0)]).series, 1);
    fold(&history);
    assert_eq!(all_of(&history, "a", 0), bits(&[(2000, 2.0)]));
    let findings = examine_history(folder.path()).expect("it can be looked at");
    assert_eq!(findings.wrong, 2, "the labels, and the run that is theirs: {findings:?}");
}

#[test]
fn a_run_that_an_index_hides_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("a new one opens");
    history.push(&[filled_push(0..300)]).expect("it can be stored");
    fold(&history);
    assert!(!verified(&history));
    for index in ["pushed_run_by_time", "pushed_run_by_sender", "pushed_sender_by_name"] {
        hide(folder.path(), index);
        assert!(verified(&history), "{index}");
        assert!(!verified(&history), "{index}");
        assert_eq!(all_of(&history, "a", 0).len(), 300);
        history.check().expect("it is whole");
    }
}

/// Takes the first rows out of an index.
fn hide(folder: &Path, index: &str) {
    let raw = rusqlite::Connection::open(database(folder)).expect("it opens");
    let find = "SELECT sql FROM sqlite_schema WHERE name = ?1";
    let made: String = raw.query_row(find, [index], |row| row.get(0)).expect("it is there");
    let and = if made.contains("WHERE") { "AND" } else { "WHERE" };
    raw.execute_batch(&format!("DROP INDEX {index}; {made} {and} id > 3")).expect("it is made");
    // Told to be whole, it hides what is not in it.
    raw.execute_batch("PRAGMA writable_schema = ON").expect("it can be set");
    let tell = "UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2";
    raw.execute(tell, [made.as_str(), index]).expect("it can be written");
    raw.execute_batch("PRAGMA writable_schema = RESET").expect("it can be set");
}
