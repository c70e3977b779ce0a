use std::cmp::Ordering;
use std::fmt;

use crate::label::is_label_name;

/// A metric name plus the labels that do not name the server:
/// `node_cpu_seconds_total{cpu="0",mode="idle"}`.
///
/// Labels are sorted by name, so two keys that mean the same are equal. A full
/// series is a server and a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    name: Box<str>,
    labels: Box<[(Box<str>, Box<str>)]>,
}

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
        let mut sorted: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (label, value) in labels {
            if !is_label_name(label) {
                return Err(SeriesKeyError::Label(label.to_owned()));
            }
            if !value.is_empty() {
                sorted.push((label.into(), value.into()));
            }
        }
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SeriesKeyError::Twice(pair[0].0.to_string()));
        }
        Ok(Self { name: name.into(), labels: sorted.into() })
    }

    /// The metric name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of a label, if the key has it.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.binary_search_by(|(label, _)| (**label).cmp(name)).ok()?;
        Some(&self.labels[found].1)
    }

    /// All labels, sorted by name.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl Ord for SeriesKey {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.labels).cmp(&(&other.name, &other.labels))
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
        f.write_str(&self.name)?;
        for (number, (name, value)) in self.labels().enumerate() {
            f.write_str(if number == 0 { "{" } else { "," })?;
            write!(f, "{name}=\"{}\"", Escaped(value))?;
        }
        if self.labels.is_empty() { Ok(()) } else { f.write_str("}") }
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
