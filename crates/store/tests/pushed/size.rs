//! What samples take on the disk.

use watchfire_store::{History, Push, PushedSamples};

use crate::made::{BEGIN, fold, labels};

const SERIES: usize = 40;
/// Six hours.
const TICKS: i64 = 6 * 240;

/// A generator that is the same on every machine.
fn noise(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Bytes a sample of gauges that are scraped every 15 s, some milliseconds late or early, and
/// change by a step or two now and then.
fn bytes_a_sample(late_ms: u64) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let mut seed = 0x5eed;
    let mut values: Vec<i64> = (0..SERIES as i64).map(|number| 20_000 + 317 * number).collect();
    for tick in 0..TICKS {
        let at = BEGIN + tick * 15_000 + (noise(&mut seed) % (late_ms + 1)) as i64;
        let series = values.iter_mut().enumerate().map(|(number, value)| {
            if noise(&mut seed).is_multiple_of(4) {
                *value += (noise(&mut seed) % 5) as i64 - 2;
            }
            let samples = vec![(at, *value as f64 / 100.0)];
            PushedSamples { labels: labels(number), samples }
        });
        let series = series.collect();
        let push = Push { sender: "prometheus".to_owned(), series, facts: Vec::new() };
        history.push(&[push]).expect("it can be stored");
        if tick % 40 == 39 {
            fold(&history);
        }
    }
    drop(history);
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    assert_eq!(count("SELECT count(*) FROM pushed_batch"), 0);
    assert_eq!(count("SELECT sum(samples) FROM pushed_run"), SERIES as i64 * TICKS);
    let pages = count(
        "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'pushed_run%' AND pagetype <> 'internal'",
    );
    pages as f64 / (SERIES as f64 * TICKS as f64)
}

#[test]
fn a_gauge_that_changes_slowly_takes_less_than_a_byte_and_a_half() {
    let (exact, late) = (bytes_a_sample(0), bytes_a_sample(4));
    println!("{exact:.2} bytes a sample, {late:.2} of scrapes that are late");
    assert!(exact < 1.0, "{exact}");
    assert!(late < 1.5, "{late}");
}
