use std::cell::Cell;

use watchfire_model::MatchOp;

use super::*;
use crate::history::pushed::testing::{ids, push, samples};

fn open() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), 1 << 30).unwrap();
    (folder, history)
}

fn ever(out_of_time: &dyn Fn() -> bool) -> PushedSpan<'_> {
    PushedSpan { from_ms: i64::MIN, to_ms: i64::MAX, out_of_time }
}

#[test]
fn a_fold_that_ends_after_a_snapshot_began_is_noticed() {
    let (_folder, history) = open();
    history.push(&[push("a", [0], &[(7, 1.0)])]).unwrap();
    let ids = ids(&history, "a");
    let folded = history.pushed().unwrap().folded;
    let span = PushedSpan::unhurried(0, 9);
    let looked = history.read(|connection| {
        begin(connection)?;
        let before = history.wanted(&ids, &span, folded).map(|wanted| wanted.len());
        for at in [0, 3_600_000] {
            history.tend_pushed(at).unwrap();
        }
        let runs = run::between(connection, ids[0].series, 0, 9)?;
        Ok((before, runs.len(), history.wanted(&ids, &span, folded).is_some()))
    });
    assert_eq!(looked, Ok((Some(1), 0, false)), "neither memory nor the snapshot has it");
}

#[test]
fn series_come_in_parts_and_the_time_is_asked_for_between_them() {
    let (_folder, history) = open();
    let count = 4 * SERIES_AT_ONCE + 1;
    history.push(&[push("a", 0..count, &[(7, 1.0)])]).unwrap();
    assert_eq!(ids(&history, "a").len(), count);
    // Nothing fits, and the time is asked for all the same.
    for (name, each) in [("m", SERIES_AT_ONCE), ("other", 0)] {
        let matcher = Matcher::new("__name__", MatchOp::Matches, name).unwrap();
        let asked = Cell::new(0);
        let out_of_time = || {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        let span = ever(&out_of_time);
        let mut parts = Vec::new();
        let told = history.pushed_series("a", &[matcher], &span, &mut |part| {
            parts.push(part.len());
            ControlFlow::Continue(())
        });
        assert_eq!((told, parts), (Ok(ControlFlow::Break(())), vec![each, each]), "{name}");
    }
    // Where runs are to be looked at, it is asked for from series to series.
    for at in [0, 3_600_000] {
        while history.tend_pushed(at).unwrap() {}
    }
    let asked = Cell::new(0);
    let out_of_time = || {
        asked.set(asked.get() + 1);
        asked.get() > 7
    };
    let told = history.pushed_series("a", &[], &ever(&out_of_time), &mut |_| unreachable!());
    assert_eq!((told, asked.get()), (Ok(ControlFlow::Break(())), 8));
    let mut parts = 0;
    let told = history.pushed_series("a", &[], &ever(&|| false), &mut |_| {
        parts += 1;
        ControlFlow::Break(())
    });
    assert_eq!((told, parts), (Ok(ControlFlow::Break(())), 1));
}

#[test]
fn a_series_of_a_file_that_was_replaced_is_not_told() {
    let (_folder, history) = open();
    history.push(&[push("a", [0], &[(7, 1.0)])]).unwrap();
    let (generation, candidates) = history.candidates("a", &[]).unwrap();
    let span = PushedSpan::unhurried(0, 9);
    let fitting = |of| history.fitting(of, &candidates, &[], &span).unwrap().len();
    assert_eq!((fitting(generation), fitting(generation.map(|of| of + 1))), (1, 0));
}

#[test]
fn the_time_is_asked_for_from_run_to_run() {
    let (_folder, history) = open();
    let runs = 20;
    let long: Vec<(i64, f64)> =
        (0..(runs * run::MOST_SAMPLES) as i64).map(|at| (at, at as f64)).collect();
    history.push(&[push("a", [0, 1], &long)]).unwrap();
    for at in [0, 3_600_000] {
        while history.tend_pushed(at).unwrap() {}
    }
    let ids = ids(&history, "a");
    assert_eq!(samples(&history, &ids), [long.clone(), long]);
    let stops_after = |most: usize| {
        let asked = Cell::new(0);
        let out_of_time = || {
            asked.set(asked.get() + 1);
            asked.get() > most
        };
        let span = ever(&out_of_time);
        let mut told = 0;
        let mut found = |_: usize, times: Vec<i64>, _: Vec<f64>| {
            told += times.len();
            ControlFlow::Continue(())
        };
        let answer = history.pushed_samples(&ids, &span, &mut found).unwrap();
        (answer.cut, told, asked.get())
    };
    let all = 2 * runs * run::MOST_SAMPLES;
    assert_eq!(stops_after(3), (true, 0, 4), "in the middle of a series");
    assert_eq!(stops_after(runs + 1), (true, all / 2, runs + 2), "with the second one");
    assert_eq!(stops_after(usize::MAX), (false, all, 2 * (runs + 1)));
}
