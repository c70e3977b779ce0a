//! Limits, facts and what goes by itself.

use std::ops::ControlFlow;

use watchfire_model::MetricFacts;
use watchfire_store::{
    History, LeftOut, MAX_PUSHED_LABEL_BYTES, MAX_PUSHED_SERIES, MIN_CAP_BYTES, Push,
    PushedSamples, PushedSpan, examine_history,
};

use crate::made::{BEGIN, HOUR, all_of, bits, fold, labels, one, push, samples, series};

fn open() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    (folder, history)
}

fn facts(name: &str, help: &str) -> MetricFacts {
    MetricFacts {
        name: name.to_owned(),
        kind: "gauge".to_owned(),
        help: help.to_owned(),
        unit: String::new(),
    }
}

#[test]
fn facts_are_kept_and_the_later_ones_count() {
    let (folder, history) = open();
    let tell = |sender: &str, told: &[(&str, &str)]| {
        let facts = told.iter().map(|(name, help)| facts(name, help)).collect();
        let push = Push { sender: sender.to_owned(), series: Vec::new(), facts };
        history.push(&[push]).expect("it can be stored");
    };
    tell("a", &[("up", "old"), ("down", "x"), ("up", "is up")]);
    tell("b", &[("up", "is up"), ("down", "y")]);
    tell("a", &[("long", &"é".repeat(9_000))]);
    let expected = [facts("down", "x"), facts("down", "y")];
    assert_eq!(history.pushed_facts(&["a", "b"], Some("down"), 9).expect("readable"), expected);
    drop(history);
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let told = history.pushed_facts(&["a", "b"], None, 9).expect("readable");
    let names: Vec<&str> = told.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["down", "down", "long", "up"]);
    assert_eq!(told[3].help, "is up");
    let of_b = history.pushed_facts(&["b"], Some("down"), 9).expect("readable");
    assert_eq!(of_b, [facts("down", "y")]);
    assert!(told[2].help.len() <= 2_000 && told[2].help.len() > 1_900);
    assert_eq!(history.pushed_facts(&["a", "b"], None, 1).expect("readable").len(), 2);
    history.remove_server("a").expect("it can be written");
    let left = history.pushed_facts(&["a", "b"], Some("down"), 9).expect("readable");
    assert_eq!(left, [facts("down", "y")]);
}

#[test]
fn too_many_series_are_refused_and_the_rest_is_stored() {
    let (_folder, history) = open();
    let all = MAX_PUSHED_SERIES + 3;
    let series = (0..all).map(|number| PushedSamples {
        labels: labels(number),
        samples: vec![(BEGIN, number as f64)],
    });
    let first = Push { sender: "a".to_owned(), series: series.collect(), facts: Vec::new() };
    let pushed = history.push(&[first]).expect("it can be stored")[0];
    assert_eq!((pushed.series, pushed.samples), (MAX_PUSHED_SERIES, MAX_PUSHED_SERIES));
    assert_eq!((pushed.refused_series, pushed.refused_samples), (3, 3));
    let again = push(&history, "a", 5, &[(BEGIN + 1, 1.0)]);
    assert_eq!((again.samples, again.refused_series), (1, 0), "known ones go on");
    assert_eq!(push(&history, "a", all, &[(BEGIN, 1.0)]).refused_series, 1);
    assert_eq!(push(&history, "b", all, &[(BEGIN, 1.0)]).refused_series, 0);
    let counters = history.counters();
    assert_eq!((counters.pushed_series_refused, counters.pushed_samples_refused), (4, 4));
}

#[test]
fn what_is_impossible_is_left_out() {
    let (_folder, history) = open();
    let pushed = push(&history, "a", 0, &[(i64::MAX, 1.0), (BEGIN, 2.0), (i64::MIN, 3.0)]);
    assert_eq!((pushed.samples, pushed.refused_samples), (1, 2));
    assert_eq!(all_of(&history, "a", 0), bits(&[(BEGIN, 2.0)]));
    let long = "x".repeat(MAX_PUSHED_LABEL_BYTES);
    let labels = watchfire_model::LabelSet::of(&[("__name__", "up"), ("long", &long)]);
    let series = vec![PushedSamples { labels, samples: vec![(BEGIN, 1.0)] }];
    let too_long = Push { sender: "a".to_owned(), series, facts: Vec::new() };
    let pushed = history.push(&[too_long]).expect("it can be asked")[0];
    assert_eq!((pushed.samples, pushed.refused_series), (0, 1));
    assert_eq!(pushed.why, Some(LeftOut::LongLabels));
    for sender in ["", &"x".repeat(600)] {
        let refused = push(&history, sender, 0, &[(BEGIN, 1.0)]);
        assert_eq!((refused.refused_samples, refused.why), (1, Some(LeftOut::Name)));
    }
    assert_eq!(history.pushed_senders().expect("readable"), ["a"]);
}

#[test]
fn a_push_larger_than_the_history_may_have_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f64::from_bits(seed)
    };
    let many: Vec<(i64, f64)> = (0..700_000).map(|at| (BEGIN + at, noise())).collect();
    let pushed = history.push(&[one("a", 0, &many), one("b", 0, &many[..9])]);
    let pushed = pushed.expect("it can be stored");
    assert_eq!((pushed[0].refused_samples, pushed[0].why), (many.len(), Some(LeftOut::Large)));
    assert_eq!((pushed[1].samples, pushed[1].why), (9, None), "the other is stored");
    assert_eq!(history.pushed_senders().expect("readable"), ["b"]);
}

#[test]
fn a_series_without_samples_goes_and_its_number_is_not_used_again() {
    let (folder, history) = open();
    push(&history, "a", 0, &[(BEGIN, 1.0)]);
    push(&history, "a", 1, &[(BEGIN, 1.0)]);
    fold(&history);
    let before = series(&history, "a", (i64::MIN, i64::MAX));
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    raw.execute("DELETE FROM pushed_run WHERE id = 2", []).expect("it can be written");
    push(&history, "a", 2, &[(BEGIN, 1.0)]);
    while history.tend(BEGIN + 2000 * HOUR).expect("it can be tended") {}
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    assert_eq!(count("SELECT count(*) FROM pushed_series"), 2, "one is in memory alone");
    push(&history, "a", 1, &[(BEGIN, 7.0)]);
    let after = series(&history, "a", (i64::MIN, i64::MAX));
    assert_eq!(after.len(), 3);
    let (found, _) = samples(&history, &[before[1].0], (i64::MIN, i64::MAX));
    assert_eq!(found, [vec![]], "an id from before finds nothing");
    assert_eq!(all_of(&history, "a", 1), bits(&[(BEGIN, 7.0)]));
}

#[test]
fn a_removed_sender_is_gone_at_once_and_from_the_file_piece_by_piece() {
    let (folder, history) = open();
    push(&history, "a", 0, &[(BEGIN, 1.0)]);
    fold(&history);
    push(&history, "a", 1, &[(BEGIN, 1.0)]);
    push(&history, "b", 1, &[(BEGIN, 2.0)]);
    let old = series(&history, "a", (i64::MIN, i64::MAX));
    // What upkeep is in the middle of must not come back.
    history.tend(BEGIN).expect("it can be tended");
    history.remove_server("a").expect("it can be written");
    assert_eq!(history.pushed_senders().expect("readable"), ["b"]);
    let ids: Vec<_> = old.iter().map(|(id, _)| *id).collect();
    assert_eq!(samples(&history, &ids, (i64::MIN, i64::MAX)).0, [vec![], vec![]]);
    push(&history, "a", 0, &[(BEGIN + 5, 3.0)]);
    fold(&history);
    while history.prune(1).expect("it can be written").more {}
    assert_eq!(all_of(&history, "a", 0), bits(&[(BEGIN + 5, 3.0)]));
    assert_eq!(all_of(&history, "b", 1), bits(&[(BEGIN, 2.0)]));
    drop(history);
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    for table in ["pushed_sender", "pushed_series", "pushed_run"] {
        assert_eq!(count(&format!("SELECT count(*) FROM {table}")), 2, "{table}");
    }
    let held = "SELECT sum(runs) FROM held_pushed WHERE sender > 0";
    assert_eq!((count(held), count("SELECT runs FROM held_pushed WHERE sender = 0")), (2, 2));
    let findings = examine_history(folder.path()).expect("it can be looked at");
    assert!(findings.are_good() && findings.rows >= 4, "{findings:?}");
}

#[test]
fn a_sender_that_is_removed_while_it_is_folded_stays_away() {
    let (folder, history) = open();
    let series = (0..2_000).map(|number| PushedSamples {
        labels: labels(number),
        samples: vec![(BEGIN, number as f64)],
    });
    let many = Push { sender: "a".to_owned(), series: series.collect(), facts: Vec::new() };
    history.push(&[many]).expect("it can be stored");
    for at in [0, HOUR] {
        assert!(history.tend(BEGIN + at).is_ok());
    }
    let runs = history.counters().pushed_runs_made;
    assert!((1..2_000).contains(&runs), "some are made, and some are not: {runs}");
    history.remove_server("a").expect("it can be written");
    push(&history, "a", 3, &[(BEGIN + 5, 3.0)]);
    fold(&history);
    while history.prune(100).expect("it can be written").more {}
    assert_eq!(all_of(&history, "a", 3), bits(&[(BEGIN + 5, 3.0)]));
    drop(history);
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    for table in ["pushed_run", "pushed_series"] {
        assert_eq!(count(&format!("SELECT count(*) FROM {table}")), 1, "{table}");
    }
    assert_eq!(count("SELECT count(*) FROM pushed_batch"), 0);
}

#[test]
fn a_long_series_comes_in_parts_and_a_break_ends_it() {
    let (_folder, history) = open();
    let long: Vec<(i64, f64)> =
        (0..200_000).map(|at| (BEGIN + at * 1000, (at / 7) as f64)).collect();
    push(&history, "a", 0, &long);
    fold(&history);
    push(&history, "a", 0, &[(BEGIN + 500, 0.5), (BEGIN + 1000, 1.5)]);
    let mut expected = long.clone();
    expected[1].1 = 1.5;
    expected.insert(1, (BEGIN + 500, 0.5));
    assert_eq!(all_of(&history, "a", 0), bits(&expected));
    let ids: Vec<_> =
        series(&history, "a", (i64::MIN, i64::MAX)).into_iter().map(|(id, _)| id).collect();
    let mut parts = 0;
    let mut count = |_: usize, _: Vec<i64>, _: Vec<f64>| {
        parts += 1;
        if parts == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let ever = PushedSpan::unhurried(i64::MIN, i64::MAX);
    let told = history.pushed_samples(&ids, &ever, &mut count).expect("readable");
    assert_eq!((parts, told.cut), (2, true));
}
