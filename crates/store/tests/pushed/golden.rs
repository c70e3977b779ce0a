//! A file of an earlier version opens, and has what was pushed into it.
//!
//! `tests/golden/history-v6-pushed.db` was made once by the test `make_golden_file`, which is run
//! by hand when a version comes, and then for a file of that version's own:
//!
//! ```text
//! cargo test -p watchfire-store --test pushed -- --ignored make_golden_file
//! ```
//!
//! Its pages are of 1 kB instead of 8, so that the file is small.

use std::fs;
use std::path::{Path, PathBuf};

use watchfire_model::{ABSENT, MetricFacts};
use watchfire_store::{History, MIN_CAP_BYTES, Push, PushedSamples, examine_history};

use crate::made::{BEGIN, HOUR, all_of, bits, fold, labels};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/history-v6-pushed.db")
}

/// A column of each form, absences and numbers that are none.
fn pushed(number: usize) -> Vec<(i64, f64)> {
    let value = |tick: i64| match number {
        0 => 7.0,
        1 => (tick / 20) as f64,
        2 => (tick * tick % 1009) as f64 / 10.0,
        3 => f64::from_bits(0x7ff8_0000_0000_0000 | (tick * tick % 3) as u64),
        _ if tick % 50 == 49 => ABSENT,
        _ => (tick as f64).sqrt(),
    };
    let time = |tick: i64| BEGIN + tick * 15_000 + (tick * number as i64) % 7;
    (0..300).map(|tick| (time(tick), value(tick))).chain([(-1000, 1.5), (0, -0.0)]).collect()
}

fn facts() -> Vec<MetricFacts> {
    vec![MetricFacts {
        name: "metric_0".to_owned(),
        kind: "gauge".to_owned(),
        help: "It is \u{e9}".to_owned(),
        unit: "bytes".to_owned(),
    }]
}

fn push(history: &History, part: impl Fn(&[(i64, f64)]) -> Vec<(i64, f64)>) {
    let series = (0..5)
        .map(|number| PushedSamples { labels: labels(number), samples: part(&pushed(number)) });
    let push = Push { sender: "a".to_owned(), series: series.collect(), facts: facts() };
    history.push(&[push]).expect("it can be stored");
}

#[test]
fn a_file_of_version_6_has_all_that_was_pushed() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(golden(), folder.path().join("history.db")).expect("it is there");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    assert_eq!(history.counters().files_set_aside, 0);
    for _ in 0..2 {
        for number in 0..5 {
            let mut expected = pushed(number);
            expected.sort_by_key(|(time, _)| *time);
            assert_eq!(all_of(&history, "a", number), bits(&expected), "{number}");
        }
        assert_eq!(history.pushed_facts(&["a", "b"], None, 9), Ok(facts()));
        fold(&history);
    }
    history.check().expect("it is whole");
    drop(history);
    assert!(examine_history(folder.path()).expect("it can be looked at").are_good());
}

#[test]
#[ignore = "makes a golden file"]
fn make_golden_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    push(&history, |all| all[..200].to_vec());
    history.tend(BEGIN).expect("it can be tended");
    history.tend(BEGIN + HOUR).expect("it can be tended");
    // What comes now stays a batch.
    push(&history, |all| all[200..].to_vec());
    drop(history);
    let _ = fs::remove_file(golden());
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    raw.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM")
        .expect("it can be set");
    raw.execute("VACUUM INTO ?1", [golden().to_str().expect("a name")]).expect("it can be copied");
}
