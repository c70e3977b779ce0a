//! Tables of templates, and what comes out. What stands in them was compared once with what Prometheus' own
//! tool says; where both differ, the module's documentation names it.

mod errors;
mod fuel;
mod functions;
mod language;
mod printing;
mod property;
mod rule_files;

use watchfire_model::LabelSet;
use watchfire_promql::{Features, Limits as QueryLimits, Query, Sample, memory::MemorySource};

use super::{Data, Limits, Template, TemplateError};

/// The value that the alert of these tests has.
const VALUE: f64 = 1_234_567.891;

fn expand(text: &str) -> Result<String, TemplateError> {
    expand_within(text, &Limits::default())
}

fn expand_within(text: &str, limits: &Limits) -> Result<String, TemplateError> {
    let series = series();
    let ask = |text: &str| answer(&series, text);
    Template::parse(text)?.expand(&alert(VALUE), &ask, limits)
}

fn alert(value: f64) -> Data {
    let labels = LabelSet::of(&[
        ("instance", "web-1.example.com:9100"),
        ("job", "node"),
        ("mountpoint", "/"),
    ]);
    let external = LabelSet::of(&[("region", "eu"), ("site", "fra")]);
    Data::of_alert(&labels, value, &external, "https://mon.example.com/watch?x=1").at(90_500)
}

/// Three series of `up`, and a thousand of `many`.
fn series() -> MemorySource {
    let mut source = MemorySource::default();
    for (instance, number, value) in [("b:1", "2", 1.0), ("a:1", "10", 0.0), ("c:1", "1", 1.0)] {
        let labels = [("__name__", "up"), ("instance", instance), ("n", number)];
        source.add(&labels, &[(60_000, value)]);
    }
    for number in 0..1000 {
        let number = number.to_string();
        source.add(&[("__name__", "many"), ("n", &number)], &[(60_000, 1.0)]);
    }
    source
}

fn answer(source: &MemorySource, text: &str) -> Result<Vec<Sample>, String> {
    let query = Query::parse(text, Features::default()).map_err(|error| error.to_string())?;
    let answer = query.instant(source, 60_000, &QueryLimits::default(), &|| false);
    match answer.map_err(|error| error.to_string())?.value {
        watchfire_promql::Value::Vector(samples) => Ok(samples),
        watchfire_promql::Value::Scalar { at_ms, value } => {
            Ok(vec![Sample { labels: LabelSet::empty(), at_ms, value }])
        }
        _ => Err("this is no vector".to_owned()),
    }
}

/// Expands each template and compares.
fn all(table: &[(&str, &str)]) {
    for (template, text) in table {
        assert_eq!(expand(template).as_deref(), Ok(*text), "{template}");
    }
}

/// Each template fails in this place, with these words among others.
fn fail(table: &[(&str, (usize, usize), &str)]) {
    for (template, place, words) in table {
        match expand(template) {
            Ok(text) => panic!("{template} gives {text:?}"),
            Err(error) => {
                assert_eq!((error.line, error.column), *place, "{template}: {error}");
                assert!(error.words.contains(words), "{template}: {error}");
            }
        }
    }
}
