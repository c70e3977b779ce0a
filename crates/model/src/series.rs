use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use crate::label::is_label_name;

/// A metric name plus the labels that do not name the server:
/// `node_cpu_seconds_total{cpu="0",mode="idle"}`.
///
/// Labels are sorted by name, so two keys that mean the same are equal. A full
/// series is a server and a key. A clone shares the memory of its original.
#[derive(Clone)]
pub struct SeriesKey(Arc<Texts>);

/// The name, then label names and values by turns, one after the other in one text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Texts {
    all: Box<str>,
    /// Where each text but the last ends.
    ends: Box<[u32]>,
}

/// A key that is not kept alive by this handle.
#[derive(Debug, Clone)]
pub(crate) struct WeakSeriesKey(Weak<Texts>);

/// Why a series key was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesKeyError {
    /// The metric name does not follow `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    Name(String),
    /// A label name does not follow `[a-zA-Z_][a-zA-Z0-9_]*`.
    Label(String),
    /// Two labels have this name.
    Twice(String),
}

impl fmt::Display for SeriesKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} is no metric name"),
            Self::Label(name) => write!(f, "{name:?} is no label name"),
            Self::Twice(name) => write!(f, "there are two labels {name:?}"),
        }
    }
}

impl std::error::Error for SeriesKeyError {}

impl SeriesKey {
    /// A key of `name` and `labels`, which may come in any order. Labels
    /// without a value are left out: to a query they are not there either.
    ///
    /// # Errors
    ///
    /// [`SeriesKeyError`] when a name is not Prometheus' or comes twice.
    pub fn new<'a>(
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, SeriesKeyError> {
        if !is_metric_name(name) {
            return Err(SeriesKeyError::Name(name.to_owned()));
        }
        let mut sorted: Vec<(&str, &str)> = Vec::new();
        for (label, value) in labels {
            if !is_label_name(label) {
                return Err(SeriesKeyError::Label(label.to_owned()));
            }
            if !value.is_empty() {
                sorted.push((label, value));
            }
        }
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SeriesKeyError::Twice(pair[0].0.to_owned()));
        }
        Ok(Self(Arc::new(Texts::join(name, &sorted))))
    }

    /// The metric name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.get(0)
    }

    /// The value of a label, if the key has it.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        // Keys have few labels, and all that are asked for have fewer.
        self.labels().find(|(label, _)| *label == name).map(|(_, value)| value)
    }

    /// All labels, sorted by name.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let texts = &*self.0;
        (0..texts.ends.len() / 2)
            .map(|number| (texts.get(2 * number + 1), texts.get(2 * number + 2)))
    }

    /// True when both are one key in memory, and not only equal.
    #[must_use]
    pub fn shares_memory_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn downgrade(&self) -> WeakSeriesKey {
        WeakSeriesKey(Arc::downgrade(&self.0))
    }
}

impl WeakSeriesKey {
    /// The key, while somebody else has it.
    pub(crate) fn upgrade(&self) -> Option<SeriesKey> {
        self.0.upgrade().map(SeriesKey)
    }

    pub(crate) fn is_used(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Texts {
    fn join(name: &str, labels: &[(&str, &str)]) -> Self {
        let texts = || std::iter::once(name).chain(labels.iter().flat_map(|&(l, v)| [l, v]));
        let mut all = String::with_capacity(texts().map(str::len).sum());
        let mut ends = Vec::with_capacity(2 * labels.len());
        for (number, text) in texts().enumerate() {
            if number > 0 {
                ends.push(u32::try_from(all.len()).expect("a key is far smaller than 4 GiB"));
            }
            all.push_str(text);
        }
        Self { all: all.into(), ends: ends.into() }
    }

    fn get(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let end = self.ends.get(number).map_or(self.all.len(), |&end| end as usize);
        &self.all[start..end]
    }
}

/// Keys that share their memory, as most do that are compared, are equal at once.
impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for SeriesKey {}

impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeriesKey({self})")
    }
}

impl Ord for SeriesKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name()).then_with(|| self.labels().cmp(other.labels()))
    }
}

impl PartialOrd for SeriesKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As Prometheus writes it, with `\`, `"` and line ends escaped.
impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        for (number, (name, value)) in self.labels().enumerate() {
            f.write_str(if number == 0 { "{" } else { "," })?;
            write!(f, "{name}=\"{}\"", Escaped(value))?;
        }
        if self.labels().len() == 0 { Ok(()) } else { f.write_str("}") }
    }
}

/// A label value between its quotes.
#[derive(Debug, Clone, Copy)]
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['\\', '"', '\n']) {
            let (plain, special) = rest.split_at(at);
            f.write_str(plain)?;
            f.write_str(match special.as_bytes()[0] {
                b'\n' => "\\n",
                b'"' => "\\\"",
                _ => "\\\\",
            })?;
            rest = &special[1..];
        }
        f.write_str(rest)
    }
}

fn is_metric_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_' || first == ':')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_empty_ones_are_not_there() {
        let key = SeriesKey::new("up", [("b", "2"), ("a", "1"), ("c", "")]).unwrap();
        assert_eq!(key.to_string(), r#"up{a="1",b="2"}"#);
        assert_eq!((key.label("b"), key.label("c")), (Some("2"), None));
        assert_eq!(key, SeriesKey::new("up", [("a", "1"), ("b", "2")]).unwrap());
    }

    #[test]
    fn keys_are_ordered_by_name_and_then_by_labels() {
        let key = |name, labels: &[(&'static str, &'static str)]| {
            SeriesKey::new(name, labels.iter().copied()).unwrap()
        };
        let sorted = [
            key("a", &[]),
            key("a", &[("b", "1")]),
            key("a", &[("b", "1"), ("c", "0")]),
            key("a", &[("b", "2")]),
            key("ab", &[]),
        ];
        assert!(sorted.is_sorted() && sorted.windows(2).all(|pair| pair[0] != pair[1]));
        // The same letters, cut elsewhere.
        assert_ne!(key("ab", &[("c", "d")]), key("a", &[("bc", "d")]));
        assert_eq!(sorted[1], key("a", &[("b", "1")]));
        assert!(!sorted[1].shares_memory_with(&key("a", &[("b", "1")])));
        assert!(sorted[1].shares_memory_with(&sorted[1].clone()));
    }

    #[test]
    fn values_are_escaped() {
        let key = SeriesKey::new("up", [("path", "a\\b\"c\nd")]).unwrap();
        assert_eq!(key.to_string(), r#"up{path="a\\b\"c\nd"}"#);
        assert_eq!(SeriesKey::new("up", []).unwrap().to_string(), "up");
    }

    #[test]
    fn names_follow_prometheus() {
        assert!(SeriesKey::new("a:b_1", []).is_ok());
        assert_eq!(SeriesKey::new("1a", []), Err(SeriesKeyError::Name("1a".to_owned())));
        assert_eq!(SeriesKey::new("", []), Err(SeriesKeyError::Name(String::new())));
        let bad = SeriesKey::new("a", [("b:c", "x")]);
        assert_eq!(bad, Err(SeriesKeyError::Label("b:c".to_owned())));
        let twice = SeriesKey::new("a", [("b", "x"), ("b", "y")]);
        assert_eq!(twice, Err(SeriesKeyError::Twice("b".to_owned())));
    }
}
