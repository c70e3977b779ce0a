use std::collections::HashMap;
use std::ops::Range;

use watchfire_model::{Metric, Schema};

use super::Format;
use super::escape::write_key;
use super::head::Head;

/// Where everything of a schema stands in an exposition, and the text around
/// the numbers. Made once; the formats share the lines.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// All lines one behind the other, each up to its value.
    text: Vec<u8>,
    lines: Vec<Line>,
    /// Where the lines of each family end; the families are sorted by name.
    ends: Vec<usize>,
    heads: [Option<Heads>; Format::ALL.len()],
}

#[derive(Debug, Clone, Copy)]
struct Line {
    /// The number of the series.
    number: usize,
    /// Where its text ends.
    end: usize,
}

/// The heads of all families in one format.
#[derive(Debug, Default)]
struct Heads {
    text: Vec<u8>,
    /// Where each ends, and whether its values must be as a counter's.
    ends: Vec<(usize, bool)>,
}

/// One family: its head, and which lines are its.
#[derive(Debug)]
pub(super) struct Family<'a> {
    pub(super) head: &'a [u8],
    /// True when only what can be a count may be written.
    pub(super) strict: bool,
    pub(super) lines: Range<usize>,
}

impl Layout {
    /// Lays out a schema.
    pub(super) fn new(schema: &Schema) -> Self {
        let keys = schema.keys();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_unstable_by_key(|&number| &keys[number]);
        let mut layout = Self { lines: Vec::with_capacity(keys.len()), ..Self::default() };
        let mut line = String::new();
        for &number in &order {
            let starts = layout
                .lines
                .last()
                .is_none_or(|last| keys[last.number].name() != keys[number].name());
            if starts && !layout.lines.is_empty() {
                layout.ends.push(layout.lines.len());
            }
            write_key(&keys[number], &mut line, &mut layout.text);
            layout.lines.push(Line { number, end: layout.text.len() });
        }
        if !layout.lines.is_empty() {
            layout.ends.push(layout.lines.len());
        }
        layout.text.shrink_to_fit();
        layout
    }

    /// Makes the heads of a format, unless they are there.
    pub(super) fn complete(&mut self, schema: &Schema, metrics: &[Metric], format: Format) {
        if self.heads[format as usize].is_none() {
            self.heads[format as usize] = Some(self.make_heads(schema, metrics, format));
        }
    }

    /// How many families there are.
    pub(super) fn families(&self) -> usize {
        self.ends.len()
    }

    /// One of the families in a format whose heads are there.
    pub(super) fn family(&self, place: usize, format: Format) -> Option<Family<'_>> {
        let heads = self.heads[format as usize].as_ref()?;
        let &(end, strict) = heads.ends.get(place)?;
        let before = place.checked_sub(1);
        let begin = before.map_or(0, |before| heads.ends[before].0);
        let first = before.map_or(0, |before| self.ends[before]);
        Some(Family { head: &heads.text[begin..end], strict, lines: first..self.ends[place] })
    }

    /// The number of a line's series, and the text before its value.
    pub(super) fn line(&self, place: usize) -> (usize, &[u8]) {
        let begin = place.checked_sub(1).map_or(0, |before| self.lines[before].end);
        let Line { number, end } = self.lines[place];
        (number, &self.text[begin..end])
    }

    fn make_heads(&self, schema: &Schema, metrics: &[Metric], format: Format) -> Heads {
        let names: Vec<&str> = self.names(schema).collect();
        let is_metric = |name: &str| names.binary_search(&name).is_ok();
        let mut told: HashMap<&str, &Metric> = HashMap::with_capacity(metrics.len());
        for metric in metrics {
            told.entry(&metric.name).or_insert(metric);
        }
        let mut heads = Heads::default();
        for &name in &names {
            let metric = told.get(name).copied();
            let head = Head::new(name, metric, format, is_metric);
            head.write(metric.map_or("", |metric| &metric.help), format, &mut heads.text);
            heads.ends.push((heads.text.len(), head.is_strict(format)));
        }
        heads.text.shrink_to_fit();
        heads
    }

    /// The names of the families, sorted.
    fn names<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = &'a str> {
        self.ends.iter().map(|end| schema.keys()[self.lines[end - 1].number].name())
    }
}
