use watchfire_model::{Metric, MetricKind, SeriesKey, SeriesKeyError};

use crate::text::printable;

/// The series of one metric, as a collector declares them: once, in a `static`.
///
/// A name or help with `{}` stands for many metrics of the same make, such as
/// `node_memory_{}_bytes`: the first of the values that come with a sample is
/// written there, and the others are the label values.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
}

/// Where the variable part of a name or help is.
const GAP: &str = "{}";

impl Family {
    /// A metric that only grows.
    #[must_use]
    pub const fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, help, kind: MetricKind::Counter, labels }
    }

    /// A metric that goes up and down.
    #[must_use]
    pub const fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, help, kind: MetricKind::Gauge, labels }
    }

    /// A metric whose source does not tell what it is.
    #[must_use]
    pub const fn unknown(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, help, kind: MetricKind::Unknown, labels }
    }

    /// The key of the series with these values.
    pub(super) fn key(&self, values: &[&[u8]]) -> Result<SeriesKey, SeriesKeyError> {
        let (name, values) = self.named(values);
        debug_assert_eq!(values.len(), self.labels.len(), "label values of {name}");
        let values: Vec<String> = values.iter().map(|value| printable(value)).collect();
        let labels = self.labels.iter().copied().zip(values.iter().map(String::as_str));
        SeriesKey::new(&name, labels)
    }

    /// What is told of the metric that these values belong to.
    pub(super) fn metric(&self, values: &[&[u8]]) -> Metric {
        let (name, _) = self.named(values);
        let help = match self.gap() {
            true => self.help.replacen(GAP, &printable(values.first().copied().unwrap_or(b"")), 1),
            false => self.help.to_owned(),
        };
        Metric { name: name.into(), help: help.into(), kind: self.kind }
    }

    fn named<'v>(&self, values: &'v [&'v [u8]]) -> (String, &'v [&'v [u8]]) {
        match values.split_first() {
            Some((first, rest)) if self.gap() => {
                (self.name.replacen(GAP, &metric_part(first), 1), rest)
            }
            _ => (self.name.to_owned(), values),
        }
    }

    fn gap(&self) -> bool {
        self.name.contains(GAP)
    }
}

/// A word of the kernel as a part of a metric name.
fn metric_part(word: &[u8]) -> String {
    let fitting = |&byte: &u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte) } else { '_' }
    };
    word.iter().map(fitting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static PLAIN: Family = Family::counter("cpu_seconds_total", "Time.", &["cpu", "mode"]);
    static MANY: Family =
        Family::gauge("node_memory_{}_bytes", "Memory information field {}_bytes.", &["node"]);

    #[test]
    fn a_key_has_the_values_in_the_order_of_the_labels() {
        let key = PLAIN.key(&[b"0", b"id\nle"]).unwrap();
        assert_eq!(key.to_string(), r#"cpu_seconds_total{cpu="0",mode="id?le"}"#);
        assert_eq!(PLAIN.metric(&[b"0", b"idle"]).help, "Time.".into());
    }

    #[test]
    fn the_first_value_fills_the_gap_of_the_name() {
        let values: [&[u8]; 2] = [b"Active(anon)", b"0"];
        assert_eq!(
            MANY.key(&values).unwrap().to_string(),
            r#"node_memory_Active_anon__bytes{node="0"}"#
        );
        let metric = MANY.metric(&values);
        assert_eq!(&*metric.name, "node_memory_Active_anon__bytes");
        assert_eq!(&*metric.help, "Memory information field Active(anon)_bytes.");
    }
}
