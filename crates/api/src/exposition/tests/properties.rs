use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_model::{ABSENT, MetricKind, is_absent};

use super::reader::{self, Labels};
use super::*;

/// Few names, so that they meet: with and without the endings that mean something.
const NAMES: [&str; 12] = [
    "x",
    "x_total",
    "x_total_total",
    "x_created",
    "x_seconds",
    "x_seconds_total",
    "x_seconds_created",
    "_total",
    "a:b_bytes",
    "bytes",
    "y",
    "y_ratio",
];

type Series = (usize, Vec<(String, String)>, f64);

fn a_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => Just(ABSENT),
        2 => any::<u64>().prop_map(f64::from_bits),
        4 => (0..1_000_000_u32).prop_map(|value| f64::from(value) / 8.0),
        1 => Just(f64::NAN),
        1 => Just(-0.0),
    ]
}

fn a_label_value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c\"\\\\\n{},= #\0é]{0,6}", "\\PC{0,6}", any::<String>()]
}

fn some_series() -> impl Strategy<Value = Vec<Series>> {
    let labels = vec(("[a-d]", a_label_value()), 0..3);
    vec((0..NAMES.len(), labels, a_value()), 0..40)
}

fn some_metrics() -> impl Strategy<Value = Vec<(usize, MetricKind, String)>> {
    let kind = prop_oneof![
        3 => Just(MetricKind::Counter),
        2 => Just(MetricKind::Gauge),
        1 => Just(MetricKind::Unknown),
    ];
    vec((0..NAMES.len(), kind, a_label_value()), 0..16)
}

fn machine(series: &[Series], metrics: &[(usize, MetricKind, String)]) -> Machine {
    let mut machine = Machine::new(1);
    for (name, kind, help) in metrics {
        machine.metric(NAMES[*name], *kind, help);
    }
    for (name, labels, value) in series {
        let mut labels = labels.clone();
        labels.sort();
        labels.dedup_by(|later, first| later.0 == first.0);
        let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let key = SeriesKey::new(NAMES[*name], labels).unwrap();
        // Keys that differ in nothing but what a NUL becomes would be the same
        // series in the text.
        let same = |known: &SeriesKey| plain(&known.to_string()) == plain(&key.to_string());
        if !machine.schema.keys().iter().any(same) {
            machine.schema.push(key);
            machine.tick.values.push(*value);
        }
    }
    machine
}

fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// What a reader must find: every series with a value, by name and labels.
fn expected(machine: &Machine) -> BTreeMap<(String, Labels), u64> {
    let keys = machine.schema.keys().iter().zip(&machine.tick.values);
    keys.filter(|(_, value)| !is_absent(**value))
        .map(|(key, value)| {
            let labels = key.labels().map(|(name, value)| (name.to_owned(), plain(value)));
            ((key.name().to_owned(), labels.collect()), bits(*value))
        })
        .collect()
}

/// All NaN are written alike.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_exposition_is_valid_and_says_what_is_there(
        series in some_series(),
        metrics in some_metrics(),
    ) {
        let machine = machine(&series, &metrics);
        let expected = expected(&machine);
        let mut renderer = Renderer::default();
        for format in Format::ALL {
            let (text, rendered) = machine.render(&mut renderer, format);
            let read = reader::read(&text, format);
            let read = read.map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
            let found: BTreeMap<_, _> =
                read.samples.iter().map(|(key, value)| (key.clone(), bits(*value))).collect();
            prop_assert_eq!(rendered, Rendered { series: found.len(), left_out: 0 });
            let lost = expected.iter().filter(|(key, _)| !found.contains_key(*key));
            for ((name, _), value) in lost {
                let value = f64::from_bits(*value);
                let told = machine.metrics.iter().find(|metric| *metric.name == **name);
                let counter = told.is_some_and(|metric| metric.kind == MetricKind::Counter);
                prop_assert!(
                    format == Format::OpenMetrics && counter && (value.is_nan() || value < 0.0),
                    "{} {}", name, value
                );
            }
            for (key, value) in &found {
                prop_assert_eq!(expected.get(key), Some(value), "{:?}", key);
            }
            check_heads(&machine, &read, format)?;
        }
    }

    #[test]
    fn the_order_of_the_series_does_not_matter(
        series in some_series(),
        metrics in some_metrics(),
        turn in 0..40_usize,
    ) {
        let one = machine(&series, &metrics);
        let mut other = Machine::new(1);
        other.metrics = one.metrics.clone();
        let count = one.schema.len();
        for number in 0..count {
            let number = (number + turn) % count;
            other.schema.push(one.schema.keys()[number].clone());
            other.tick.values.push(one.tick.values[number]);
        }
        for format in Format::ALL {
            prop_assert_eq!(one.text(format), other.text(format));
        }
    }

    #[test]
    fn no_limit_makes_an_exposition_invalid(
        series in some_series(),
        metrics in some_metrics(),
        limit in 0..3000_usize,
    ) {
        let machine = machine(&series, &metrics);
        for format in Format::ALL {
            let (whole, all) = machine.render(&mut Renderer::default(), format);
            let (text, rendered) = machine.render(&mut Renderer::new(limit), format);
            prop_assert!(text.len() <= limit.max("# EOF\n".len()));
            let read = reader::read(&text, format).map_err(TestCaseError::fail)?;
            prop_assert_eq!(read.samples.len(), rendered.series);
            prop_assert_eq!(rendered.series + rendered.left_out, all.series);
            prop_assert!(whole.len() > limit || text == whole);
        }
    }
}

/// Type and help are those that are told of the metric, as far as the format has them.
fn check_heads(
    machine: &Machine,
    read: &reader::Exposition,
    format: Format,
) -> Result<(), TestCaseError> {
    for (family, kind) in &read.types {
        let counter = kind == "counter" && format == Format::OpenMetrics;
        let name = if counter { format!("{family}_total") } else { family.clone() };
        let told = machine.metrics.iter().find(|metric| *metric.name == *name);
        let fits = match (told.map(|metric| metric.kind), kind.as_str()) {
            (Some(MetricKind::Counter), "counter") | (Some(MetricKind::Gauge), "gauge") => true,
            (Some(MetricKind::Counter), "unknown") => format == Format::OpenMetrics,
            (None | Some(MetricKind::Unknown), "untyped") => format == Format::Text,
            (None | Some(MetricKind::Unknown), "unknown") => format == Format::OpenMetrics,
            _ => false,
        };
        prop_assert!(fits, "{} is {}", family, kind);
        let help = told.map(|metric| plain(&metric.help)).filter(|help| !help.is_empty());
        prop_assert_eq!(read.helps.get(family), help.as_ref(), "{}", family);
    }
    Ok(())
}
