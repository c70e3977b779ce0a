//! Pushes for the tests, and what is read of them.

use std::ops::ControlFlow;

use watchfire_model::{LabelSet, Matcher};
use watchfire_store::{
    History, HistoryError, Push, Pushed, PushedId, PushedSamples, PushedSpan, Told,
};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// 2020-09-13.
pub(crate) const BEGIN: i64 = 1_600_000_000_000;

pub(crate) fn labels(number: usize) -> LabelSet {
    let metric = format!("metric_{}", number % 3);
    let number = number.to_string();
    LabelSet::of(&[("__name__", &metric), ("instance", "web-1"), ("number", &number)])
}

/// Samples of one series of one sender.
pub(crate) fn one(sender: &str, number: usize, samples: &[(i64, f64)]) -> Push {
    let series = vec![PushedSamples { labels: labels(number), samples: samples.to_vec() }];
    Push { sender: sender.to_owned(), series, facts: Vec::new() }
}

pub(crate) fn push(
    history: &History,
    sender: &str,
    number: usize,
    samples: &[(i64, f64)],
) -> Pushed {
    history.push(&[one(sender, number, samples)]).expect("it can be stored")[0]
}

/// The ids of all series of a sender that have a sample in that time, with their labels.
pub(crate) fn series(
    history: &History,
    sender: &str,
    (from_ms, to_ms): (i64, i64),
) -> Vec<(PushedId, LabelSet)> {
    fitting(history, sender, &[], (from_ms, to_ms)).expect("it can be read")
}

/// As [`series`], of those that fit.
pub(crate) fn fitting(
    history: &History,
    sender: &str,
    matchers: &[Matcher],
    (from_ms, to_ms): (i64, i64),
) -> Result<Vec<(PushedId, LabelSet)>, HistoryError> {
    let mut all = Vec::new();
    let span = PushedSpan::unhurried(from_ms, to_ms);
    let told = history.pushed_series(sender, matchers, &span, &mut |part| {
        all.extend(part);
        ControlFlow::Continue(())
    });
    told.map(|told| {
        assert!(told.is_continue());
        all
    })
}

/// The samples of series, each with the bits of its value.
pub(crate) fn samples(
    history: &History,
    ids: &[PushedId],
    (from_ms, to_ms): (i64, i64),
) -> (Vec<Vec<(i64, u64)>>, Told) {
    let mut all = vec![Vec::new(); ids.len()];
    let mut place_before = 0;
    let told = history
        .pushed_samples(ids, &PushedSpan::unhurried(from_ms, to_ms), &mut |place, times, values| {
            assert!(place >= place_before && times.len() == values.len() && !times.is_empty());
            place_before = place;
            all[place].extend(times.into_iter().zip(values.into_iter().map(f64::to_bits)));
            ControlFlow::Continue(())
        })
        .expect("it can be read");
    (all, told)
}

/// All samples of one series of a sender; none when it has none.
pub(crate) fn all_of(history: &History, sender: &str, number: usize) -> Vec<(i64, u64)> {
    let found = series(history, sender, (i64::MIN, i64::MAX));
    let id = found.iter().find(|(_, of)| *of == labels(number)).map(|(id, _)| *id);
    let (mut found, told) = samples(history, &Vec::from_iter(id), (i64::MIN, i64::MAX));
    assert!(told.gaps.is_empty() && !told.cut);
    found.pop().unwrap_or_default()
}

pub(crate) fn bits(samples: &[(i64, f64)]) -> Vec<(i64, u64)> {
    samples.iter().map(|(time, value)| (*time, value.to_bits())).collect()
}

/// Does all that is to be done, as if everything were pushed long ago.
pub(crate) fn fold(history: &History) {
    for at in 0..2 {
        let mut steps = 0;
        while history.tend(BEGIN + 1000 * HOUR + at * HOUR).expect("it can be tended") {
            steps += 1;
            assert!(steps < 10_000, "it comes to an end");
        }
    }
}
