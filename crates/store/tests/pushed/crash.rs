//! SIGKILL at any instant leaves all that was acknowledged, each sample once.

use watchfire_store::{History, Push, PushedSamples};

use crate::killed::{acknowledge, folder, run_and_kill};
use crate::made::{BEGIN, HOUR, labels, samples, series};

const SERIES: usize = 20;
const CAP: u64 = 1 << 30;

/// A sample of each series; every third push goes back in time and changes what was there.
fn pushed(number: i64) -> Push {
    let tick = if number % 3 == 2 { number / 2 } else { number };
    let series = (0..SERIES).map(|of| {
        let samples = vec![(BEGIN + tick * 15_000, number as f64)];
        PushedSamples { labels: labels(of), samples }
    });
    Push { sender: "a".to_owned(), series: series.collect(), facts: Vec::new() }
}

/// What is there after the pushes up to and with one.
fn expected(last: i64) -> Vec<(i64, u64)> {
    let mut map = std::collections::BTreeMap::new();
    for number in 0..=last {
        let (time, value) = pushed(number).series[0].samples[0];
        map.insert(time, value.to_bits());
    }
    map.into_iter().collect()
}

/// How many pushes there were, by the largest value.
fn pushes(read: &[(i64, u64)]) -> i64 {
    read.iter().map(|(_, bits)| f64::from_bits(*bits) as i64 + 1).max().unwrap_or(0)
}

fn all(history: &History) -> Vec<Vec<(i64, u64)>> {
    let found = series(history, "a", (i64::MIN, i64::MAX));
    let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
    let (read, told) = samples(history, &ids, (i64::MIN, i64::MAX));
    assert!(told.gaps.is_empty());
    read
}

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Some(folder) = folder() else { return };
    let history = History::open(&folder, CAP).expect("the history opens");
    let first = all(&history).first().map_or(0, |one| pushes(one));
    for number in first.. {
        history.push(&[pushed(number)]).expect("it can be stored");
        acknowledge(number);
        // One batch becomes runs after another, while more come.
        history.tend(number * HOUR).expect("it can be tended");
    }
}

#[test]
fn a_kill_leaves_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..7 {
        let told: Vec<i64> = run_and_kill("crash::child", folder.path(), 1 + round * 29 % 47);
        let last = told.last().copied().expect("some");
        let history = History::open(folder.path(), CAP).expect("it opens after a kill");
        history.check().expect("it is whole");
        let read = all(&history);
        assert_eq!(read.len(), SERIES);
        let there = pushes(&read[0]) - 1;
        assert!(there >= last, "round {round}: {there} of {last}");
        for one in read {
            assert_eq!(one, expected(there), "round {round}");
        }
    }
}
