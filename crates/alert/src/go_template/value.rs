//! What a template handles.

use std::sync::Arc;

use watchfire_model::LabelSet;
use watchfire_promql::Sample;

/// A value in a template. A clone shares what is long.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing: it prints as `<no value>`.
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number. Go does not compare it with a [`Value::Float`], and so neither do templates.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Arc<str>),
    /// A moment, in Unix milliseconds.
    Time(i64),
    /// A stretch of time, in nanoseconds.
    Duration(i64),
    /// Values in their order.
    List(List),
    /// Values by name.
    Map(Map),
}

/// Values in their order.
#[derive(Debug, Clone)]
pub struct List {
    items: Arc<[Value]>,
    height: usize,
}

/// Values by name, in the names' order; those of a thing in the order in which it has them.
#[derive(Debug, Clone)]
pub struct Map {
    entries: Arc<[(Arc<str>, Value)]>,
    kind: MapKind,
    height: usize,
}

/// What a name means that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MapKind {
    /// The empty text: labels.
    Texts,
    /// Nil.
    Any,
    /// A mistake: the names are the parts of a thing.
    Record,
    /// The same; the thing is an answer's sample with `Labels` and `Value`.
    Sample,
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// How many lists and maps lie within each other here.
    pub(super) fn height(&self) -> usize {
        match self {
            Self::List(list) => list.height,
            Self::Map(map) => map.height,
            _ => 0,
        }
    }

    /// Go's word for the kind of value, for errors.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Time(_) => "time",
            Self::Duration(_) => "duration",
            Self::List(_) => "list",
            Self::Map(map) => match map.kind {
                MapKind::Texts => "map[string]string",
                MapKind::Any => "map[string]interface {}",
                MapKind::Record => "record",
                MapKind::Sample => "sample",
            },
        }
    }

    /// What `if` thinks of it.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Duration(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Time(_) => true,
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => map.is_record() || !map.entries.is_empty(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl List {
    /// These values.
    #[must_use]
    pub fn new(items: Vec<Value>) -> Self {
        let height = 1 + items.iter().map(Value::height).max().unwrap_or(0);
        Self { items: items.into(), height }
    }

    /// The values.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.items
    }
}

impl Map {
    /// Values by name; a name that is not there is nil. Of a name that comes twice the first counts.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        Self::of_kind(MapKind::Any, entries)
    }

    /// Texts by name; a name that is not there is the empty text.
    #[must_use]
    pub fn of_texts<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let entries = entries.into_iter().map(|(name, text)| (name.into(), Value::text(text)));
        Self::of_kind(MapKind::Texts, entries)
    }

    /// Labels; one that is not there is the empty text.
    #[must_use]
    pub fn of_labels(labels: &LabelSet) -> Self {
        let pairs = labels.pairs().iter();
        let entries = pairs.map(|(name, value)| (name.clone(), Value::Text(value.clone())));
        Self::of_kind(MapKind::Texts, entries)
    }

    /// The parts of a thing; to name one that it has not is an error.
    #[must_use]
    pub fn record(entries: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        Self::of_kind(MapKind::Record, entries)
    }

    pub(super) fn of_sample(sample: &Sample) -> Self {
        let labels = Value::Map(Self::of_labels(&sample.labels));
        let entries = [("Labels".into(), labels), ("Value".into(), Value::Float(sample.value))];
        Self::of_kind(MapKind::Sample, entries)
    }

    fn of_kind(kind: MapKind, entries: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        let mut entries: Vec<(Arc<str>, Value)> = entries.into_iter().collect();
        if matches!(kind, MapKind::Texts | MapKind::Any) {
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            entries.dedup_by(|(one, _), (other, _)| one == other);
        }
        let height = 1 + entries.iter().map(|(_, value)| value.height()).max().unwrap_or(0);
        Self { entries: entries.into(), kind, height }
    }

    /// The values and their names, in order.
    #[must_use]
    pub fn entries(&self) -> &[(Arc<str>, Value)] {
        &self.entries
    }

    /// True when there is a value of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| **key == *name)
    }

    pub(super) fn kind(&self) -> MapKind {
        self.kind
    }

    /// True when the names are the parts of a thing, which has these and no others.
    pub(super) fn is_record(&self) -> bool {
        matches!(self.kind, MapKind::Record | MapKind::Sample)
    }

    /// The value of a name, or what stands for one that is not there. `None` when a thing has no such
    /// part.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        let found = if self.is_record() {
            self.entries.iter().position(|(part, _)| **part == *name)
        } else {
            self.entries.binary_search_by(|(key, _)| (**key).cmp(name)).ok()
        };
        found.map(|place| self.entries[place].1.clone()).or(match self.kind {
            MapKind::Texts => Some(Value::text("")),
            MapKind::Any => Some(Value::Nil),
            MapKind::Record | MapKind::Sample => None,
        })
    }
}
