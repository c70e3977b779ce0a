//! About what is held in memory and in the file, in bytes. Maps and the allocator take more than
//! the texts themselves, so that is counted too.

use watchfire_model::{LabelSet, MetricFacts};

/// A series without its labels: an entry in each of three maps.
const SERIES: usize = 200;
/// A label of a series, without its texts: two references to them.
const LABEL: usize = 32;
/// A text without its bytes: what counts the references to it, and its place in a set.
const TEXT: usize = 56;
/// Facts without their texts.
const FACTS: usize = 200;

/// A series, without the texts of its labels.
pub(super) fn of_series(labels: &LabelSet) -> usize {
    SERIES + LABEL * labels.pairs().len()
}

/// A text that is in memory once.
pub(super) fn of_text(text: &str) -> usize {
    TEXT + text.len()
}

/// What was said of a metric; its name is there twice.
pub(super) fn of_facts(facts: &MetricFacts) -> usize {
    FACTS + 2 * facts.name.len() + facts.kind.len() + facts.help.len() + facts.unit.len()
}

/// What a series' labels take in the file.
pub(super) fn in_file(labels: &LabelSet) -> usize {
    let texts: usize = labels.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    texts + 40
}
