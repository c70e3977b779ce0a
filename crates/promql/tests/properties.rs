//! What holds for any series and any text.

use proptest::prelude::*;
use watchfire_model::{ABSENT, LabelSet, is_absent};
use watchfire_promql::memory::MemorySource;
use watchfire_promql::{Answer, Features, Limits, Query, QueryError, Value};

const LOOKBACK: i64 = 20_000;

fn limits() -> Limits {
    Limits { lookback_ms: LOOKBACK, samples: 100_000, subquery_step_ms: 3_000, ..Limits::default() }
}

fn query(text: &str) -> Query {
    Query::parse(text, Features { experimental: true })
        .unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// Samples at uneven distances, with resets, NaN and markers of staleness.
fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![
        8 => (-50i32..50).prop_map(f64::from),
        4 => 0.0f64..1e6,
        1 => Just(f64::NAN),
        1 => Just(ABSENT),
    ];
    prop::collection::vec((1i64..9_000, value), 0..60).prop_map(|gaps| {
        let mut time = -30_000;
        let step = |(gap, value)| {
            time += gap;
            (time, value)
        };
        gaps.into_iter().map(step).collect()
    })
}

/// The samples of the window, by definition: later than its start, not later than its end.
fn window(samples: &[(i64, f64)], end: i64, range: i64) -> Vec<(i64, f64)> {
    let within =
        |(time, value): &&(i64, f64)| *time > end - range && *time <= end && !is_absent(*value);
    samples.iter().filter(within).copied().collect()
}

/// What a function gives for one window, written down as its definition says.
fn by_definition(function: &str, window: &[(i64, f64)], end: i64, range: i64) -> Option<f64> {
    let values: Vec<f64> = window.iter().map(|(_, value)| *value).collect();
    let (first, last) = (*values.first()?, *values.last()?);
    let pairs = || values.windows(2).map(|pair| (pair[0], pair[1]));
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    Some(match function {
        "count_over_time" => values.len() as f64,
        "last_over_time" => last,
        "first_over_time" => first,
        "min_over_time" => numbers().reduce(f64::min).unwrap_or(f64::NAN),
        "max_over_time" => numbers().reduce(f64::max).unwrap_or(f64::NAN),
        "sum_over_time" => values.iter().sum(),
        "resets" => pairs().filter(|(old, new)| new < old).count() as f64,
        "changes" => pairs()
            .filter(|(old, new)| old != new && !(old.is_nan() && new.is_nan()))
            .count() as f64,
        "idelta" | "irate" if values.len() < 2 => return None,
        "idelta" => last - values[values.len() - 2],
        _ if values.len() < 2 => return None,
        "increase" | "delta" | "rate" => {
            let counter = function != "delta";
            let mut change = last - first;
            if counter {
                change += pairs().filter(|(old, new)| new < old).map(|(old, _)| old).sum::<f64>();
            }
            let seconds = |ms: i64| ms as f64 / 1000.0;
            let (from, to) = (window[0].0, window[window.len() - 1].0);
            let sampled = seconds(to - from);
            let usual = sampled / (values.len() - 1) as f64;
            let near = |gap: f64| if gap < usual * 1.1 { gap } else { usual / 2.0 };
            let mut before = near(seconds(from - (end - range)));
            if counter && change > 0.0 && first >= 0.0 {
                before = before.min(sampled * (first / change));
            }
            let whole = change * (sampled + before + near(seconds(end - to))) / sampled;
            if function == "rate" { whole / seconds(range) } else { whole }
        }
        other => panic!("{other} has no definition here"),
    })
}

fn close(one: f64, other: f64) -> bool {
    let finite = one.is_finite() && other.is_finite();
    (one.is_nan() && other.is_nan())
        || one == other
        || finite && (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1e-3)
}

/// The value of the one series of an answer at each of the steps.
fn column(answer: &Answer, (start, end, step): (i64, i64, i64)) -> Vec<Option<f64>> {
    let Value::Matrix(series) = &answer.value else { panic!("a matrix") };
    assert!(series.len() <= 1, "one series at most");
    let value = |time: i64| {
        let one = series.first()?;
        Some(one.values[one.times.binary_search(&time).ok()?])
    };
    (0..=(end - start) / step).map(|number| value(start + number * step)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sliding_windows_give_what_the_definition_gives(
        samples in samples(),
        start in -40_000i64..40_000,
        step in 1i64..20_000,
        range in 1i64..60_000,
    ) {
        let mut source = MemorySource::default();
        source.add(&[("__name__", "m_total")], &samples);
        let moments = (start, start + 40 * step, step);
        for function in [
            "count_over_time", "last_over_time", "first_over_time", "min_over_time",
            "max_over_time", "sum_over_time", "resets", "changes", "idelta", "increase", "delta",
            "rate",
        ] {
            let text = format!("{function}(m_total[{range}ms])");
            let answer = query(&text).range(&source, moments, &limits(), &|| false).unwrap();
            for (number, found) in column(&answer, moments).into_iter().enumerate() {
                let end = start + step * number as i64;
                let expected = by_definition(function, &window(&samples, end, range), end, range);
                let same = match (found, expected) {
                    (Some(found), Some(expected)) => close(found, expected),
                    (found, expected) => found.is_none() && expected.is_none(),
                };
                prop_assert!(same, "{text} at {end}: {found:?}, not {expected:?}");
            }
        }
    }

    #[test]
    fn a_range_is_many_instants(
        one in samples(),
        other in samples(),
        start in -40_000i64..40_000,
        step in 1i64..20_000,
    ) {
        let mut source = MemorySource::default();
        source.add(&[("__name__", "m_total"), ("i", "a"), ("j", "x")], &one);
        source.add(&[("__name__", "m_total"), ("i", "b"), ("j", "x")], &other);
        source.add(&[("__name__", "n"), ("i", "a")], &other);
        for text in [
            "m_total",
            "sum(m_total)",
            "avg by (j) (m_total)",
            "m_total + on(i) n",
            "m_total > on(i) group_left n",
            "m_total or on() n",
            "m_total unless on(i) n > 0",
            "sum_over_time(m_total[10s:3s])",
            "stddev(m_total)",
            "topk(1, m_total)",
            "count_values(\"v\", m_total > 10)",
            "absent(n)",
            "max_over_time((m_total offset 5s)[15s:])",
            "scalar(n) * m_total",
            "quantile(0.3, m_total)",
            "timestamp(m_total)",
            "clamp(m_total, -5, scalar(n))",
            "irate(m_total[20s]) * 2",
        ] {
            let query = query(text);
            let moments = (start, start + 15 * step, step);
            let whole = query.range(&source, moments, &limits(), &|| false).unwrap();
            let Value::Matrix(whole) = whole.value else { panic!("a matrix") };
            for number in 0..=15 {
                let at = start + number * step;
                let instant = query.instant(&source, at, &limits(), &|| false).unwrap();
                let Value::Vector(mut instant) = instant.value else { panic!("a vector") };
                instant.sort_by(|one, other| one.labels.cmp(&other.labels));
                let found: Vec<(&LabelSet, u64)> =
                    instant.iter().map(|one| (&one.labels, one.value.to_bits())).collect();
                let in_whole: Vec<(&LabelSet, u64)> = whole
                    .iter()
                    .filter_map(|series| {
                        let place = series.times.binary_search(&at).ok()?;
                        Some((&series.labels, series.values[place].to_bits()))
                    })
                    .collect();
                prop_assert_eq!(found, in_whole, "{} at {}", text, at);
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>()) {
        answered(&text)?;
    }

    #[test]
    fn no_mixture_of_words_is_too_strange(words in prop::collection::vec(word(), 1..25)) {
        answered(&words.join(" "))?;
        answered(&words.concat())?;
    }

    #[test]
    fn what_is_printed_is_read_as_the_same(words in prop::collection::vec(word(), 1..12)) {
        if let Ok(query) = Query::parse(&words.join(" "), Features { experimental: true }) {
            let printed = query.to_string();
            let again = Query::parse(&printed, Features { experimental: true });
            let again = again.map_err(|why| TestCaseError::fail(format!("{printed}: {why}")))?;
            prop_assert_eq!(again.to_string(), printed);
            let pretty = Query::parse(&query.pretty(), Features { experimental: true });
            prop_assert_eq!(pretty.unwrap().to_string(), query.to_string());
        }
    }
}

/// Whatever a text is, there is an answer or an error within the limits.
fn answered(text: &str) -> Result<(), TestCaseError> {
    let Ok(query) = Query::parse(text, Features { experimental: true }) else { return Ok(()) };
    let mut source = MemorySource::default();
    source.add(&[("__name__", "m"), ("le", "1")], &[(0, 1.0), (5_000, 2.0), (9_000, f64::NAN)]);
    source.add(&[("__name__", "m"), ("le", "+Inf")], &[(0, 3.0), (5_000, ABSENT), (9_000, 1.0)]);
    let once = query.instant(&source, 9_000, &limits(), &|| false);
    let often = query.range(&source, (-5_000, 15_000, 5_000), &limits(), &|| false);
    for error in [once.err(), often.err()].into_iter().flatten() {
        prop_assert!(!matches!(error, QueryError::Parse(_)), "{text}: {error}");
    }
    Ok(())
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "m",
        "m",
        "m",
        "n",
        "{",
        "}",
        "(",
        ")",
        "(",
        ")",
        "[5s]",
        "[5s:2s]",
        "[",
        "]",
        ":",
        ",",
        "1",
        "-3",
        "0.5",
        "5s",
        "NaN",
        "Inf",
        "'x'",
        "\"le\"",
        "`",
        "{le='1'}",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "==",
        "!=",
        ">",
        ">= bool",
        "atan2",
        "and",
        "or",
        "unless",
        "on(le)",
        "ignoring(le)",
        "group_left",
        "group_right(le)",
        "by(le)",
        "without(le)",
        "sum",
        "sum(m)",
        "avg(m)",
        "topk(1,",
        "quantile(0.5,",
        "count_values('v',",
        "limitk(1,",
        "rate(",
        "rate(m[9s])",
        "max_over_time(",
        "abs(",
        "sort(",
        "histogram_quantile(0.5, m)",
        "label_replace(m,",
        "time()",
        "day_of_year(",
        "offset 5s",
        "offset -1d",
        "@ 5",
        "@ end()",
        "predict_linear(m[9s],",
        "#",
        "\n",
        "absent(",
        "scalar(",
        "vector(",
        "1e999",
        "0x",
        "é",
        "100y",
        "[100y:1ms]",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

/// Numbers of very different size: what a sum loses shows.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-50i32..50).prop_map(f64::from),
        2 => -1e6f64..1e6,
        1 => Just(1e100),
        1 => Just(-1e100),
        1 => Just(1e-9),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.7e308]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Windows that overlap much are summed another way than those of one instant each.
    #[test]
    fn sums_do_not_depend_on_how_windows_overlap(
        values in prop::collection::vec(wild(), 1..80),
        range in 20i64..60,
        step in 1i64..4,
    ) {
        let samples: Vec<(i64, f64)> =
            values.iter().enumerate().map(|(number, value)| (number as i64 * 1000, *value)).collect();
        let mut source = MemorySource::default();
        source.add(&[("__name__", "m")], &samples);
        let moments = (0, 100_000, step * 1000);
        for function in ["sum_over_time", "avg_over_time"] {
            let query = query(&format!("{function}(m[{range}s])"));
            let whole = query.range(&source, moments, &limits(), &|| false).unwrap();
            for (number, found) in column(&whole, moments).into_iter().enumerate() {
                let at = number as i64 * moments.2;
                let once = query.instant(&source, at, &limits(), &|| false).unwrap();
                let Value::Vector(once) = once.value else { panic!("a vector") };
                let once = once.first().map(|one| one.value);
                // What is lost is a share of what was added, not of what comes out.
                let added: f64 = values.iter().filter(|one| one.is_finite()).map(|one| one.abs()).sum();
                let same = match (found, once) {
                    (Some(found), Some(once)) => {
                        close(found, once) || (found - once).abs() <= 1e-15 * added
                    }
                    (found, once) => found.is_none() && once.is_none(),
                };
                prop_assert!(same, "{function} at {at}: {found:?}, not {once:?}");
            }
        }
    }
}
