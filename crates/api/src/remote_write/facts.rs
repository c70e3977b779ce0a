//! What metrics mean, as senders tell it.

use std::collections::BTreeMap;

use watchfire_model::MetricFacts;

use super::limits::{MAX_FACTS, MAX_HELP, MAX_LABEL_VALUE, MAX_UNIT};

/// The numbers of the kinds in both protocols. 0, and one that came later, is no kind.
const KINDS: [&str; 8] =
    ["unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];
/// Kinds of which one metric has series of several names, and what is behind its own in them.
const FAMILIES: [&str; 3] = ["histogram", "gaugehistogram", "summary"];
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Facts, each metric's once: the last count.
#[derive(Debug, Default)]
pub(super) struct Facts(BTreeMap<String, MetricFacts>);

/// What is told of one metric.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) kind: u64,
    pub(super) help: &'a [u8],
    pub(super) unit: &'a [u8],
}

impl Facts {
    /// What is told of the metric `name`. What is no text is left out: it is a help to people,
    /// and no reason to refuse samples.
    pub(super) fn add(&mut self, name: &[u8], told: Told<'_>) {
        let Ok(name) = str::from_utf8(name) else { return };
        let fits = (1..=MAX_LABEL_VALUE).contains(&name.len());
        if !fits || (self.0.len() >= MAX_FACTS && !self.0.contains_key(name)) {
            return;
        }
        let kind = usize::try_from(told.kind).ok().and_then(|kind| KINDS.get(kind));
        let facts = MetricFacts {
            name: name.to_owned(),
            kind: (*kind.unwrap_or(&KINDS[0])).to_owned(),
            help: cut(told.help, MAX_HELP),
            unit: cut(told.unit, MAX_UNIT),
        };
        self.0.insert(facts.name.clone(), facts);
    }

    /// What is told beside a series: it is that of its metric. All empty tells nothing.
    pub(super) fn add_of_series(&mut self, name: &str, told: Told<'_>) {
        if told.kind == 0 && told.help.is_empty() && told.unit.is_empty() {
            return;
        }
        let kind = usize::try_from(told.kind).ok().and_then(|kind| KINDS.get(kind));
        let is_family = kind.is_some_and(|kind| FAMILIES.contains(kind));
        let family = SUFFIXES.iter().filter(|_| is_family);
        let family = family.filter_map(|suffix| name.strip_suffix(suffix)).next();
        self.add(family.unwrap_or(name).as_bytes(), told);
    }

    pub(super) fn done(self) -> Vec<MetricFacts> {
        self.0.into_values().collect()
    }
}

fn cut(text: &[u8], most: usize) -> String {
    let text = str::from_utf8(text).unwrap_or("");
    text[..text.floor_char_boundary(most)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: u64, help: &str) -> Told<'_> {
        Told { kind, help: help.as_bytes(), unit: b"" }
    }

    #[test]
    fn a_metric_is_told_of_once_by_its_own_name() {
        let mut facts = Facts::default();
        facts.add_of_series("a_bucket", told(3, "of a"));
        facts.add_of_series("a_sum", told(3, "of a"));
        facts.add_of_series("b_count", told(1, "a counter of this name"));
        facts.add_of_series("c", told(0, ""));
        facts.add(b"d", Told { kind: 99, help: &[0xff], unit: b"seconds" });
        facts.add(&[0xff], told(1, ""));
        facts.add(b"", told(1, ""));
        let done: Vec<_> =
            facts.done().into_iter().map(|f| (f.name, f.kind, f.help, f.unit)).collect();
        let row = |name: &str, kind: &str, help: &str, unit: &str| {
            (name.to_owned(), kind.to_owned(), help.to_owned(), unit.to_owned())
        };
        let expected = [
            row("a", "histogram", "of a", ""),
            row("b_count", "counter", "a counter of this name", ""),
            row("d", "unknown", "", "seconds"),
        ];
        assert_eq!(done, expected);
    }

    #[test]
    fn they_are_short_and_few() {
        let mut facts = Facts::default();
        let long = "ä".repeat(MAX_HELP);
        for number in 0..=MAX_FACTS {
            facts.add(number.to_string().as_bytes(), told(2, &long));
        }
        facts.add(b"0", told(2, "the last counts"));
        let done = facts.done();
        assert_eq!((done.len(), done[1].help.len()), (MAX_FACTS, MAX_HELP));
        assert_eq!(done[0].help, "the last counts");
    }
}
