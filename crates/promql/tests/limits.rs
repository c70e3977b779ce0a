//! Each limit has an error of its own, and what is within it is answered.

use std::cell::Cell;

use watchfire_model::{Found, FoundSeries, Hint, LabelSet, Listing, MetricFacts, Selection};
use watchfire_model::{SeriesSource, SourceError};
use watchfire_promql::memory::MemorySource;
use watchfire_promql::{Answer, Features, Limits, MAX_DEPTH, Query, QueryError, Value};

const MINUTE: i64 = 60_000;

/// Ten series with a sample a minute for an hour.
fn source() -> MemorySource {
    let mut source = MemorySource::default();
    for number in 0..10 {
        let samples: Vec<(i64, f64)> =
            (0..60).map(|minute| (minute * MINUTE, minute as f64)).collect();
        source.add(&[("__name__", "m"), ("n", &number.to_string())], &samples);
    }
    source
}

fn ask(text: &str, limits: Limits) -> Result<Answer, QueryError> {
    let query = Query::parse(text, Features::default())?;
    query.range(&source(), (0, 59 * MINUTE, MINUTE), &limits, &|| false)
}

#[test]
fn samples() {
    let limits = |samples| Limits { samples, ..Limits::default() };
    // 600 are read and 600 made.
    assert_eq!(ask("m", limits(1200)).unwrap().samples, 1200);
    let error = ask("m", limits(1199)).unwrap_err();
    assert_eq!(error, QueryError::TooManySamples { limit: 1199 });
    assert!(error.to_string().contains("more than 1199 samples"));
    for costly in [
        "max_over_time(m[1h:1ms])",
        "max_over_time(vector(1)[100y:1ms])",
        "count_values(\"v\", m)",
        "m * on() group_left sum(m)",
        "sum_over_time(sum_over_time(m[30m:1s])[30m:1s])",
    ] {
        let error = ask(costly, limits(1500)).unwrap_err();
        assert_eq!(error, QueryError::TooManySamples { limit: 1500 }, "{costly}");
    }
}

#[test]
fn series() {
    let limits = |series| Limits { series, ..Limits::default() };
    assert!(ask("m", limits(10)).is_ok());
    assert_eq!(ask("m", limits(9)).unwrap_err(), QueryError::TooManySeries { limit: 9 });
}

#[test]
fn steps() {
    let limits = |steps| Limits { steps, ..Limits::default() };
    assert!(ask("m", limits(60)).is_ok());
    let error = ask("m", limits(59)).unwrap_err();
    assert_eq!(error, QueryError::TooManySteps { steps: 60, limit: 59 });
    assert_eq!(error.error_type(), "bad_data");
}

#[test]
fn time() {
    let (source, query) = (source(), Query::parse("sum(m)", Features::default()).unwrap());
    let asked = Cell::new(0);
    let out_of_time = || {
        asked.set(asked.get() + 1);
        true
    };
    let error = query.instant(&source, MINUTE, &Limits::default(), &out_of_time).unwrap_err();
    assert_eq!((error.error_type(), asked.get() > 0), ("timeout", true));
    assert_eq!(error, QueryError::OutOfTime);
}

/// Time is asked for within long work too, and not only while reading.
#[test]
fn time_within_one_costly_function() {
    let (source, left) = (source(), Cell::new(12));
    let out_of_time = || {
        left.set(left.get() - 1);
        left.get() < 0
    };
    let query = Query::parse("quantile_over_time(0.5, m[1h:1s])", Features::default()).unwrap();
    let answer = query.range(&source, (0, 59 * MINUTE, MINUTE), &Limits::default(), &out_of_time);
    assert_eq!(answer.map(|answer| answer.samples), Err(QueryError::OutOfTime));
}

/// Even what is nested as deeply as it may be is evaluated on the small stack of a thread.
#[test]
fn the_deepest_expressions_do_not_exhaust_the_stack() {
    let nested = |open: &str, close: &str, levels: usize| {
        format!("{}m{}", open.repeat(levels), close.repeat(levels))
    };
    let levels = MAX_DEPTH - 2;
    for text in [
        nested("(", ")", levels),
        nested("-", "", levels),
        nested("abs(", ")", levels),
        nested("sum by (n) (", ")", levels),
        nested("topk(2, ", ")", levels),
        nested("m + ", "", levels),
        nested("m or (", ")", levels / 2),
        nested("", " + 1", levels),
        nested("", " unless on (x) m", levels),
        nested("label_replace(", ", 'a', 'b', 'c', 'd')", levels),
        nested("histogram_quantile(0.5, ", ")", levels),
        nested("max_over_time(", "[2m:1m])", levels / 2),
        nested("clamp(", ", 0, scalar(m))", levels - 1),
    ] {
        let query =
            Query::parse(&text, Features::default()).unwrap_or_else(|why| panic!("{text}: {why}"));
        let answer = query.range(&source(), (0, 2 * MINUTE, MINUTE), &Limits::default(), &|| false);
        assert!(answer.is_ok(), "{text}: {answer:?}");
        assert!(!query.pretty().is_empty() && !query.selectors().is_empty());
    }
}

#[test]
fn moments_too_far_away_are_refused() {
    let query = Query::parse("m offset 10y", Features::default()).unwrap();
    for at in [i64::MIN, i64::MAX] {
        let answer = query.instant(&source(), at, &Limits::default(), &|| false);
        assert!(matches!(answer, Err(QueryError::BadRange(_))));
    }
}

/// From when, until when, step, range, function, grouping, whether it is kept.
type Asking = (i64, i64, i64, i64, String, Vec<String>, bool);

/// What a source was asked for, and which ends of windows are enough.
#[derive(Default)]
struct Asked(Cell<Option<Asking>>, Cell<Vec<i64>>);

impl SeriesSource for Asked {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let Hint { step_ms, range_ms, function, grouping, by, ends, part: _ } = selection.hint;
        self.1.set(ends.to_vec());
        let asked = (selection.after_ms, selection.until_ms, step_ms, range_ms);
        self.0.set(Some((
            asked.0,
            asked.1,
            asked.2,
            asked.3,
            function.into(),
            grouping.into(),
            by,
        )));
        let warnings = vec!["one server is missing".to_owned()];
        Ok(Found { warnings, ..Found::all(Vec::new()) })
    }

    fn series(&self, _: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        Err(SourceError::OutOfTime)
    }

    fn label_names(&self, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Err(SourceError::OutOfTime)
    }

    fn label_values(&self, _: &str, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Err(SourceError::OutOfTime)
    }

    fn metadata(&self, _: Option<&str>, _: usize) -> Result<Found<MetricFacts>, SourceError> {
        Err(SourceError::OutOfTime)
    }
}

#[test]
fn a_source_learns_what_its_samples_are_for() {
    let asked = |text: &str| {
        let (source, query) = (Asked::default(), Query::parse(text, Features::default()).unwrap());
        let range = (10 * MINUTE, 20 * MINUTE, MINUTE);
        let answer = query.range(&source, range, &Limits::default(), &|| false).unwrap();
        assert_eq!(answer.value, Value::Matrix(Vec::new()));
        assert_eq!(answer.warnings, ["one server is missing"]);
        source.0.take().unwrap()
    };
    let (start, end) = (10 * MINUTE, 20 * MINUTE);
    let none = Vec::<String>::new;
    assert_eq!(
        asked("avg by (i) (rate(m[2m] offset 1m))"),
        (
            start - 3 * MINUTE,
            end - MINUTE,
            MINUTE,
            2 * MINUTE,
            "rate".into(),
            vec!["i".into()],
            true
        )
    );
    assert_eq!(
        asked("sum without (i) (m)"),
        (start - 5 * MINUTE, end, MINUTE, 0, "sum".into(), vec!["i".into()], false)
    );
    assert_eq!(asked("m @ 300"), (0, 5 * MINUTE, 0, 0, String::new(), none(), false));
    assert_eq!(
        asked("max_over_time(abs(m)[2m:30s])"),
        (start - 6 * MINUTE - MINUTE / 2, end, MINUTE / 2, 0, "abs".into(), none(), false)
    );
}

#[test]
fn only_of_counters_the_ends_of_windows_are_enough() {
    let ends = |text: &str| {
        let (source, query) = (Asked::default(), Query::parse(text, Features::default()).unwrap());
        let range = (0, 2 * MINUTE, MINUTE);
        query.range(&source, range, &Limits::default(), &|| false).unwrap();
        source.1.take()
    };
    for text in ["rate(m[2m])", "sum(increase(m[1m]))"] {
        assert_eq!(ends(text), [0, MINUTE, 2 * MINUTE], "{text}");
    }
    assert_eq!(ends("rate(m[2m] offset 1m)"), [-MINUTE, 0, MINUTE]);
    for text in ["m", "delta(m[2m])", "irate(m[2m])", "max_over_time(m[2m])", "rate(m[2m:1m])"] {
        assert!(ends(text).is_empty(), "{text}");
    }
}

/// A source that cannot read.
struct Broken(SourceError);

impl SeriesSource for Broken {
    fn select(&self, _: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        Err(self.0.clone())
    }

    fn series(&self, _: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        Err(self.0.clone())
    }

    fn label_names(&self, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Err(self.0.clone())
    }

    fn label_values(&self, _: &str, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Err(self.0.clone())
    }

    fn metadata(&self, _: Option<&str>, _: usize) -> Result<Found<MetricFacts>, SourceError> {
        Err(self.0.clone())
    }
}

#[test]
fn what_a_source_says_is_passed_on() {
    let query = Query::parse("sum(rate(m[5m]))", Features::default()).unwrap();
    for (said, kind, words) in [
        (SourceError::OutOfTime, "timeout", "took longer"),
        (SourceError::Unreadable("a torn block".to_owned()), "internal", "a torn block"),
        (SourceError::TooManySeries { limit: 7 }, "execution", "more than 7 series"),
        // The source was told what was left; the asker is told the whole.
        (SourceError::TooManySamples { limit: 3 }, "execution", "more than 50000000 samples"),
    ] {
        let answer = query.instant(&Broken(said), 0, &Limits::default(), &|| false);
        let error = answer.unwrap_err();
        assert_eq!(error.error_type(), kind);
        assert!(error.to_string().contains(words), "{error}");
    }
}
