//! Sources that do not give everything.

use watchfire_model::{
    Found, FoundSeries, Listing, MetricFacts, Selection, SeriesSource, SourceError,
};

use super::*;

const MINUTE: i64 = 60_000;

/// A source of which something cannot be read, while it is said so.
struct Damaged<'a>(&'a MemorySource, bool);

impl SeriesSource for Damaged<'_> {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let mut found = self.0.select(selection)?;
        found.incomplete = self.1;
        found.warnings.push("only minutes are kept".to_owned());
        Ok(found)
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        self.0.series(listing)
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        self.0.label_names(listing)
    }

    fn label_values(
        &self,
        name: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        self.0.label_values(name, listing)
    }

    fn metadata(&self, _: Option<&str>, _: usize) -> Result<Found<MetricFacts>, SourceError> {
        Ok(Found::all(Vec::new()))
    }
}

#[test]
fn what_cannot_be_read_ends_no_alert() {
    let group = rules(
        "limit: 0",
        "  - record: y\n    expr: x\n  - alert: A\n    expr: x == 1\n  - alert: B\n    expr: y == 1\n",
    );
    let all = source(MINUTE, &["x{n=\"a\"} 1 1 1 1", "x{n=\"b\"} 1 _x9"]);
    let some = source(MINUTE, &["x{n=\"b\"} 1 _x9", "x{n=\"c\"} _ 1 1 1"]);
    let none = LabelSet::empty();
    let mut state = GroupState::new(group);
    let mut at = |minute: i64, source: &MemorySource, is_damaged| {
        let source = Damaged(source, is_damaged);
        let given = MemorySource::default();
        let limits = Limits { lookback_ms: MINUTE, ..Limits::default() };
        let scene = Scene { source: &source, limits, ..scene(&given, &none) };
        let evaluation = state.evaluate(minute * MINUTE, &scene);
        let names = |rule| {
            let active = state.alerts(rule).filter(|alert| alert.is_active());
            active.map(|alert| alert.labels.get("n")).collect::<Vec<_>>().concat()
        };
        let ends = evaluation.series.iter().filter(|(_, value)| is_absent(*value)).count();
        (names(1), names(2), ends, evaluation.errors.len())
    };
    // Other warnings than that say nothing of the kind.
    assert_eq!(at(0, &all, false), ("ab".to_owned(), "ab".to_owned(), 0, 0));
    assert_eq!(at(1, &some, true), ("abc".to_owned(), "abc".to_owned(), 0, 3));
    let (first, second, ends, errors) = at(2, &all, false);
    assert_eq!((first.as_str(), second.as_str(), errors), ("a", "a", 0));
    assert!(ends > 0);
    let Health::Good = state.health(1) else { panic!("{:?}", state.health(1)) };
}

#[test]
fn a_rule_whose_record_failed_ends_no_alert_of_those_that_ask_for_it() {
    let record = "  - record: y\n    expr: x * on (j) group_left () info\n";
    let group = rules("limit: 0", &format!("{record}  - alert: A\n    expr: y == 1\n"));
    let source = source(
        MINUTE,
        &[
            "x{n=\"a\",j=\"j\"} 1x9",
            "info{v=\"1\",j=\"j\"} 1x9",
            "info{v=\"2\",j=\"j\"} _ 1x2 stale",
        ],
    );
    let mut state = GroupState::new(group);
    let none = LabelSet::empty();
    let mut at = |minute: i64| {
        // Nobody stores what the rule gave.
        let evaluation = state.evaluate(minute * MINUTE, &scene(&source, &none));
        let active = state.alerts(1).filter(|alert| alert.is_active()).count();
        (active, evaluation.errors.len())
    };
    assert_eq!([at(0), at(1), at(2), at(4)], [(1, 0), (1, 2), (1, 2), (1, 0)]);
}
