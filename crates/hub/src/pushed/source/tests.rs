use std::cell::Cell;

use watchfire_model::{ABSENT, Hint, Labels, MatchOp, Scope, Server};
use watchfire_runtime::Secret;
use watchfire_store::{Push, PushedSamples};

use super::*;
use crate::config::Sender;
use crate::pushed::Senders;
use crate::testing::{fleet_of, manual_clock, name};

/// Series of one sender, a sample each; all else is stored of it too.
fn source(series: usize, more: &[(i64, f64)]) -> (tempfile::TempDir, PushedSource) {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("a good history");
    let one = |number: usize| PushedSamples {
        labels: LabelSet::of(&[("__name__", "m"), ("number", &number.to_string())]),
        samples: [&[(1_000, number as f64)], more].concat(),
    };
    let series = (0..series).map(one).collect();
    history.push(&[Push { sender: "a".to_owned(), series, facts: Vec::new() }]).expect("stored");
    let server = Server::new(name("a"), Labels::new());
    let senders = Senders::new(&[Sender { server, token: Secret::new("a-long-token") }], false);
    let fleet = fleet_of(&["web-1"], &[], &manual_clock().0);
    (folder, PushedSource::new(Some(history), fleet, senders.of(&Scope::everything())))
}

/// How many series a question found, and how often it looked at the clock, which said no more
/// often than `most` times that there is time.
fn select(
    source: &PushedSource,
    (after_ms, until_ms): (i64, i64),
    max_series: usize,
    most: usize,
) -> (Result<usize, SourceError>, usize) {
    let asked = Cell::new(0);
    let matchers = [Matcher::new("__name__", MatchOp::Equal, "m").expect("good")];
    let selection = Selection {
        matchers: &matchers,
        after_ms,
        until_ms,
        hint: Hint::default(),
        max_series,
        max_samples: 100_000,
        out_of_time: &|| {
            asked.set(asked.get() + 1);
            asked.get() > most
        },
    };
    (source.select(&selection).map(|found| found.items.len()), asked.get())
}

#[test]
fn a_question_ends_with_its_time_and_with_too_many_series() {
    let (_folder, source) = source(3_000, &[]);
    let at = (0, 5_000);
    let (found, all) = select(&source, at, 3_000, usize::MAX);
    assert_eq!(found, Ok(3_000));
    assert!(all >= 3_000, "each series is a step: {all}");
    for most in [0, 1, 200, all - 1] {
        assert_eq!(select(&source, at, 3_000, most), (Err(SourceError::OutOfTime), most + 1));
    }
    let (found, asked) = select(&source, at, 100, usize::MAX);
    assert_eq!(found, Err(SourceError::TooManySeries { limit: 100 }));
    assert!(asked < all / 5, "most are not looked at: {asked} of {all}");
}

#[test]
fn a_series_that_ended_before_does_not_count() {
    let (_folder, source) = source(700, &[(2_000, ABSENT)]);
    assert_eq!(select(&source, (1_500, 5_000), 1, usize::MAX).0, Ok(0));
    assert_eq!(select(&source, (500, 5_000), 700, usize::MAX).0, Ok(700));
}

#[test]
fn a_listing_ends_with_its_time() {
    let (_folder, source) = source(3_000, &[]);
    let listed = |from_ms, most: usize| {
        let asked = Cell::new(0);
        let listing = Listing {
            selectors: &[],
            from_ms,
            until_ms: 9_000,
            limit: 10,
            out_of_time: &|| {
                asked.set(asked.get() + 1);
                asked.get() > most
            },
        };
        let found = source.label_values("number", &listing).map(|found| found.items.len());
        (found, asked.get())
    };
    for (from_ms, found) in [(0, 10), (5_000, 0)] {
        let (all, asked) = listed(from_ms, usize::MAX);
        assert_eq!(all, Ok(found));
        assert!(asked >= 10, "it looks at the clock between parts: {asked}");
        assert_eq!(listed(from_ms, 3), (Err(SourceError::OutOfTime), 4));
    }
}

#[test]
fn samples_of_two_are_woven_and_the_first_counts() {
    let one = (vec![1, 3, 5], vec![1.0, 3.0, 5.0]);
    let other = (vec![2, 3, 9], vec![20.0, 30.0, 90.0]);
    let expected = (vec![1, 2, 3, 5, 9], vec![1.0, 20.0, 3.0, 5.0, 90.0]);
    assert_eq!(woven(one.clone(), other), expected);
    assert_eq!(woven(Columns::default(), one.clone()), one);
    assert_eq!(woven(one.clone(), Columns::default()), one);
}

#[test]
fn matchers_that_a_renaming_changes_are_asked_of_what_is_shown() {
    let of = |label: &str, op, value: &str| Matcher::new(label, op, value).expect("good");
    let labels = |matchers: &[Matcher]| -> Vec<String> {
        before_renaming(matchers).iter().map(|one| one.label().to_owned()).collect()
    };
    let job = || of("job", MatchOp::Equal, "x");
    assert_eq!(labels(&[job(), of(INSTANCE, MatchOp::Equal, "a")]), ["job", "instance"]);
    assert_eq!(labels(&[job(), of(INSTANCE, MatchOp::NotEqual, "a")]), ["job"]);
    let exported = of("exported_instance", MatchOp::Equal, "a");
    assert_eq!(labels(&[job(), of(INSTANCE, MatchOp::Equal, "a"), exported]), ["job"]);
}
