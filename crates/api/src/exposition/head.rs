use watchfire_model::{Metric, MetricKind};

use super::Format;
use super::escape::write_help;

const TOTAL: &str = "_total";

/// What a family of OpenMetrics may say its unit is: the base units of
/// Prometheus and those that node_exporter's names end with.
const UNITS: [&str; 11] = [
    "amperes", "bytes", "celsius", "grams", "hertz", "joules", "meters", "ratio", "seconds",
    "volts", "watts",
];

/// What stands above the series of one metric, and how its values must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    family: &'a str,
    kind: MetricKind,
}

impl<'a> Head<'a> {
    /// The head of the metric `name`. `is_metric` knows which other metrics
    /// there are.
    ///
    /// A counter of OpenMetrics ends with `_total`, and its family is the name
    /// without that. Where the name lacks it, or another metric has the name of
    /// the family or of the family's `_created`, the type is not told.
    pub(super) fn new(
        name: &'a str,
        metric: Option<&Metric>,
        format: Format,
        is_metric: impl Fn(&str) -> bool,
    ) -> Self {
        let kind = metric.map_or(MetricKind::Unknown, |metric| metric.kind);
        if format == Format::Text || kind != MetricKind::Counter {
            return Self { family: name, kind };
        }
        let free = |family: &&str| {
            !family.is_empty() && !is_metric(family) && !is_metric(&format!("{family}_created"))
        };
        match name.strip_suffix(TOTAL).filter(free) {
            Some(family) => Self { family, kind },
            None => Self { family: name, kind: MetricKind::Unknown },
        }
    }

    /// True when a value must be a number that is not below zero.
    pub(super) fn is_strict(&self, format: Format) -> bool {
        format == Format::OpenMetrics && self.kind == MetricKind::Counter
    }

    /// Appends the lines.
    pub(super) fn write(&self, help: &str, format: Format, out: &mut Vec<u8>) {
        if !help.is_empty() {
            self.begin(b"# HELP ", out);
            write_help(help, format, out);
            out.push(b'\n');
        }
        self.begin(b"# TYPE ", out);
        out.extend_from_slice(kind_word(self.kind, format));
        out.push(b'\n');
        if let Some(unit) = self.unit().filter(|_| format == Format::OpenMetrics) {
            self.begin(b"# UNIT ", out);
            out.extend_from_slice(unit.as_bytes());
            out.push(b'\n');
        }
    }

    fn begin(&self, words: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(words);
        out.extend_from_slice(self.family.as_bytes());
        out.push(b' ');
    }

    /// The unit at the end of the family's name, which is the one place where
    /// OpenMetrics wants it to be.
    fn unit(&self) -> Option<&'static str> {
        let (_, last) = self.family.rsplit_once('_')?;
        UNITS.into_iter().find(|unit| *unit == last)
    }
}

fn kind_word(kind: MetricKind, format: Format) -> &'static [u8] {
    match (kind, format) {
        (MetricKind::Counter, _) => b"counter",
        (MetricKind::Gauge, _) => b"gauge",
        (MetricKind::Unknown, Format::Text) => b"untyped",
        (MetricKind::Unknown, Format::OpenMetrics) => b"unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &str, kind: MetricKind, others: &[&str]) -> String {
        let metric = Metric { name: name.into(), help: "H.".into(), kind };
        let is_metric = |asked: &str| others.contains(&asked);
        let head = Head::new(name, Some(&metric), Format::OpenMetrics, is_metric);
        let mut out = Vec::new();
        head.write("", Format::OpenMetrics, &mut out);
        String::from_utf8(out).unwrap().replace("# TYPE ", "").replace("# UNIT ", "")
    }

    #[test]
    fn counters_of_open_metrics_end_with_total() {
        let counter = MetricKind::Counter;
        assert_eq!(head("x_total", counter, &[]), "x counter\n");
        assert_eq!(head("x", counter, &[]), "x unknown\n");
        assert_eq!(head("_total", counter, &[]), "_total unknown\n");
        assert_eq!(head("x_total", counter, &["x_totals", "xx"]), "x counter\n");
        assert_eq!(head("x_total", counter, &["x"]), "x_total unknown\n");
        assert_eq!(head("x_total", counter, &["x_created"]), "x_total unknown\n");
        assert_eq!(head("x_total", MetricKind::Gauge, &[]), "x_total gauge\n");
    }

    #[test]
    fn a_unit_is_told_where_the_name_ends_with_it() {
        let (counter, gauge) = (MetricKind::Counter, MetricKind::Gauge);
        assert_eq!(head("x_seconds_total", counter, &[]), "x_seconds counter\nx_seconds seconds\n");
        assert_eq!(head("x_bytes", gauge, &[]), "x_bytes gauge\nx_bytes bytes\n");
        assert_eq!(head("x_bytes_free", gauge, &[]), "x_bytes_free gauge\n");
        assert_eq!(head("seconds", gauge, &[]), "seconds gauge\n");
        assert_eq!(head("x_milliseconds", gauge, &[]), "x_milliseconds gauge\n");
        assert_eq!(head("x_seconds_total", counter, &["x_seconds"]), "x_seconds_total unknown\n");
    }
}
