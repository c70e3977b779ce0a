//! Who reads while others push and fold sees all that was there before, and what is newer than
//! that whole.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use watchfire_store::{History, Push, PushedSamples};

use crate::made::{BEGIN, HOUR, labels, samples, series};

const SERIES: usize = 6;
const ROUNDS: i64 = 150;

/// A new sample of each series, and the first one anew.
fn pushed(round: i64) -> Push {
    let series = (0..SERIES).map(|of| {
        let samples = vec![(BEGIN + round * 15_000, 0.0), (BEGIN - 1, round as f64)];
        PushedSamples { labels: labels(of), samples }
    });
    Push { sender: "a".to_owned(), series: series.collect(), facts: Vec::new() }
}

#[test]
fn a_reader_misses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    history.push(&[pushed(0)]).expect("it can be stored");
    let (done, over) = (AtomicI64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut now = BEGIN;
            while !over.load(Ordering::Acquire) {
                now += HOUR;
                history.tend(now).expect("it can be tended");
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    let before = done.load(Ordering::Acquire);
                    let found = series(&history, "a", (BEGIN - 1, BEGIN));
                    assert_eq!(found.len(), SERIES);
                    let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
                    let (read, _) = samples(&history, &ids, (i64::MIN, i64::MAX));
                    let later = done.load(Ordering::Acquire);
                    for one in read {
                        let newest = f64::from_bits(one[0].1) as i64;
                        // The samples of a push come together.
                        assert_eq!(one.len() as i64, newest + 2);
                        assert!(newest >= before && newest <= later + 1, "{newest}");
                    }
                }
            });
        }
        for round in 1..ROUNDS {
            history.push(&[pushed(round)]).expect("it can be stored");
            done.store(round, Ordering::Release);
        }
        over.store(true, Ordering::Release);
    });
    assert!(history.counters().pushed_runs_made > 0);
}
