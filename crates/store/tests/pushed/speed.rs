//! What pushing, folding and reading cost, and what samples take. It measures, so it is not run
//! by itself:
//!
//! ```text
//! cargo test --release -p watchfire-store --test pushed -- --ignored --nocapture speed
//! ```

use std::fs;
use std::time::Duration;

use watchfire_store::{History, Push, PushedSamples};

use crate::made::{BEGIN, fold, labels, samples, series};

/// The processor's time that this thread had.
fn cpu() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// A scrape of `count` series: counters, gauges and some that rest.
fn scrape(tick: i64, count: usize) -> Push {
    let series = (0..count).map(|number| {
        let mixed = (tick.unsigned_abs() as usize * 2_654_435_761 + number * 40_503) >> 7;
        let value = match number % 4 {
            0 => (number * 1000) as f64,
            1 => (tick as usize * (90 + number % 7) + mixed % 9) as f64 / 100.0,
            2 => (1_000_000 + mixed % 50) as f64 * 4096.0,
            _ => (tick / 9) as f64 / 10.0,
        };
        PushedSamples { labels: labels(number), samples: vec![(BEGIN + tick * 15_000, value)] }
    });
    Push { sender: "prometheus".to_owned(), series: series.collect(), facts: Vec::new() }
}

#[test]
#[ignore = "a measurement: it prints figures"]
fn speed() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 4 << 30).expect("it opens");
    let (mut pushing, mut folding) = (Vec::new(), Duration::ZERO);
    for tick in 0..480 {
        let push = [scrape(tick, 10_000)];
        let begun = cpu();
        history.push(&push).expect("it can be stored");
        pushing.push(cpu().saturating_sub(begun));
        if tick % 40 == 39 {
            let begun = cpu();
            fold(&history);
            folding += cpu().saturating_sub(begun);
        }
    }
    let first = pushing[0];
    pushing.sort_unstable();
    println!("a push of 10,000 new series: {first:?}, of 10,000 known ones: {:?}", pushing[240]);
    println!("folding 4.8 M samples: {folding:?}");
    let ids: Vec<_> = series(&history, "prometheus", (BEGIN, i64::MAX)).into_iter().collect();
    let one: Vec<_> = ids.iter().map(|(id, _)| *id).skip(5_001).take(1).collect();
    let begun = cpu();
    let read = samples(&history, &one, (i64::MIN, i64::MAX)).0[0].len();
    println!("one series of 10,000, {read} samples: {:?}", cpu().saturating_sub(begun));
    let all: Vec<_> = ids.iter().map(|(id, _)| *id).collect();
    let begun = cpu();
    let read: usize = samples(&history, &all, (i64::MIN, i64::MAX)).0.iter().map(Vec::len).sum();
    println!("all of them, {read} samples: {:?}", cpu().saturating_sub(begun));
    drop(history);
    let begun = cpu();
    let history = History::open(folder.path(), 4 << 30).expect("it opens");
    assert_eq!(history.pushed_senders().expect("readable").len(), 1);
    println!("opening: {:?}", cpu().saturating_sub(begun));
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    for kind in 0..4 {
        let sql = format!(
            "SELECT 1000 * sum(length(bytes)) / sum(samples) FROM pushed_run \
             WHERE series % 4 = {kind}"
        );
        println!("kind {}: {} bytes a thousand samples", (kind + 3) % 4, count(&sql));
    }
    let pages = count("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'pushed_%'");
    println!("all pages: {} bytes a sample", pages as f64 / 4_800_000.0);
}

#[test]
#[ignore = "a measurement: it prints figures"]
fn speed_of_long_series() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 4 << 30).expect("it opens");
    for number in 0..5 {
        let at = |tick: i64| (BEGIN + tick * 15_000, (tick * 37 % 1001) as f64 / 10.0);
        let samples = (0..10_000).map(at).collect();
        let series = vec![PushedSamples { labels: labels(number), samples }];
        let push = [Push { sender: "a".to_owned(), series, facts: Vec::new() }];
        let begun = cpu();
        history.push(&push).expect("it can be stored");
        println!("a push of one series with 10,000 samples: {:?}", cpu().saturating_sub(begun));
    }
}
