use proptest::prelude::*;

use super::*;
use crate::history::pushed::testing::{ids, push, samples};

fn open() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), 1 << 30).unwrap();
    (folder, history)
}

/// Folds all that is in memory, and says how many steps of such a size that took.
fn fold(history: &History, most: Step) -> usize {
    let mut clock = history.0.pushed.clock();
    let mut steps = 0;
    while history.begin_fold(&mut clock, None).unwrap() {
        history.fold_step(&mut clock, most).unwrap();
        steps += 1;
    }
    steps
}

fn count(history: &History, sql: &str) -> i64 {
    history.read(|connection| Ok(connection.query_row(sql, [], |row| row.get(0))?)).unwrap()
}

#[test]
fn of_a_sender_that_is_removed_meanwhile_nothing_is_written() {
    let (_folder, history) = open();
    for sender in ["gone", "here"] {
        history.push(&[push(sender, [0], &[(7, 1.0)])]).unwrap();
    }
    let made = |sender: i64| {
        let made = vec![run::make(&[(7, 1.0)], 0).unwrap()];
        Replacing { sender, series: sender, old: Vec::new(), made }
    };
    history.remove_server("gone").unwrap();
    let generation = history.pushed().unwrap().generation;
    assert_eq!(history.replace(generation, &[made(1), made(2)], &[]), Ok(true));
    let left = |series| history.read(|connection| run::between(connection, series, 0, 9));
    assert_eq!((left(1).unwrap().len(), left(2).unwrap().len()), (0, 1));
    let gone = Replacing { old: vec![99], ..made(2) };
    assert_eq!(history.replace(generation, &[gone], &[1]), Ok(false), "that run is not there");
}

#[test]
fn one_long_series_is_folded_piece_by_piece() {
    let (_folder, history) = open();
    let most = Step { samples: 10_000, ..STEP };
    let even: Vec<(i64, f64)> = (0..100_000).map(|at| (2 * at, at as f64)).collect();
    history.push(&[push("a", [0, 1], &even)]).unwrap();
    let steps = fold(&history, most);
    assert!((20..=24).contains(&steps), "{steps}");
    let ids = ids(&history, "a");
    assert_eq!(samples(&history, &ids), [even.clone(), even.clone()]);
    let runs = count(&history, "SELECT count(*) FROM pushed_run");
    assert!(runs < 120, "its pieces are not smaller than they may be: {runs}");

    // Some late samples, one in each run, would make all of them anew.
    let late: Vec<(i64, f64)> = (0..200).map(|at| (1_001 * at, -1.0)).collect();
    history.push(&[push("a", [0], &late)]).unwrap();
    let steps = fold(&history, most);
    assert!((9..=25).contains(&steps), "{steps}");
    let expected = crate::history::pushed::overlay::over(&even, &late);
    assert_eq!(samples(&history, &ids), [expected, even]);
}

#[test]
fn rows_are_counted_too() {
    let (_folder, history) = open();
    let most = Step { rows: 10, ..STEP };
    for at in 0..30 {
        history.push(&[push("a", 0..3, &[(at, 1.0)])]).unwrap();
    }
    // One run of each series, and then thirty batches.
    assert_eq!(fold(&history, most), 4);
    assert_eq!(count(&history, "SELECT count(*) FROM pushed_batch"), 0);
    assert_eq!(samples(&history, &ids(&history, "a"))[2].len(), 30);
}

#[test]
fn batches_that_came_first_go_first() {
    let (_folder, history) = open();
    for value in 0..5 {
        history.push(&[push("a", [0], &[(7, f64::from(value))])]).unwrap();
    }
    let most = Step { rows: 2, ..STEP };
    let mut clock = history.0.pushed.clock();
    assert!(history.begin_fold(&mut clock, None).unwrap());
    for left in [4, 2] {
        history.fold_step(&mut clock, most).unwrap();
        assert_eq!(count(&history, "SELECT count(*) FROM pushed_batch"), left);
        // What a crash leaves of them must not bring back what was overwritten.
        let copy = tempfile::tempdir().unwrap();
        history.backup_to(&copy.path().join("history.db")).unwrap();
        let other = History::open(copy.path(), 1 << 30).unwrap();
        assert_eq!(samples(&other, &ids(&other, "a")), [[(7, 4.0)]]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn small_steps_leave_what_large_ones_do(
        pushes in prop::collection::vec(
            (0..3_usize, prop::collection::vec((0..9_000_i64, 0..9_u8), 1..400)), 1..9),
        samples_a_step in 1..700_usize, rows_a_step in 1..9_usize,
    ) {
        let small = Step { series: 2, samples: samples_a_step, rows: rows_a_step };
        let (_one, by_small) = open();
        let (_other, by_large) = open();
        for (at, (number, of)) in pushes.iter().enumerate() {
            let of: Vec<(i64, f64)> = of.iter().map(|(time, value)| (*time, f64::from(*value))).collect();
            for history in [&by_small, &by_large] {
                history.push(&[push("a", [*number], &of)]).unwrap();
            }
            if at % 3 == 2 {
                fold(&by_small, small);
                fold(&by_large, STEP);
            }
        }
        let read = |history: &History| samples(history, &ids(history, "a"));
        let before = read(&by_small);
        fold(&by_small, small);
        prop_assert_eq!(&read(&by_small), &before);
        prop_assert_eq!(&read(&by_large), &before);
    }
}
