//! What the tests beside the code have in common.

use std::ops::ControlFlow;

use watchfire_model::LabelSet;

use super::admission::Caps;
use super::told::{Push, PushedId, PushedSamples, PushedSpan};
use crate::history::History;

/// Those of a large history.
pub(super) fn caps() -> Caps {
    Caps::of(1 << 30)
}

pub(super) fn labels(number: usize) -> LabelSet {
    LabelSet::of(&[("__name__", "m"), ("number", &number.to_string())])
}

/// The same samples of each of these series.
pub(super) fn push(
    sender: &str,
    numbers: impl IntoIterator<Item = usize>,
    samples: &[(i64, f64)],
) -> Push {
    let one = |number| PushedSamples { labels: labels(number), samples: samples.to_vec() };
    let series = numbers.into_iter().map(one).collect();
    Push { sender: sender.to_owned(), series, facts: Vec::new() }
}

/// All series of a sender.
pub(super) fn ids(history: &History, sender: &str) -> Vec<PushedId> {
    let mut ids = Vec::new();
    let mut found = |part: Vec<(PushedId, LabelSet)>| {
        ids.extend(part.into_iter().map(|(id, _)| id));
        ControlFlow::Continue(())
    };
    let ever = PushedSpan::unhurried(i64::MIN, i64::MAX);
    let told = history.pushed_series(sender, &[], &ever, &mut found).unwrap();
    assert!(told.is_continue());
    ids
}

/// All samples of each of these series.
pub(super) fn samples(history: &History, ids: &[PushedId]) -> Vec<Vec<(i64, f64)>> {
    let mut all = vec![Vec::new(); ids.len()];
    let mut found = |place: usize, times: Vec<i64>, values: Vec<f64>| {
        all[place].extend(times.into_iter().zip(values));
        ControlFlow::Continue(())
    };
    let ever = PushedSpan::unhurried(i64::MIN, i64::MAX);
    let told = history.pushed_samples(ids, &ever, &mut found).unwrap();
    assert!(told.gaps.is_empty() && !told.cut);
    all
}
