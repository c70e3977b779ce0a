use std::collections::BTreeMap;
use std::fmt;

/// Key-value pairs on a server, sorted by key: `role="web", site="fra"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(BTreeMap<String, String>);

/// Why a label was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelError {
    /// The refused label name.
    pub name: String,
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no label name: use letters, digits and underscores, and no digit first",
            self.name
        )
    }
}

impl std::error::Error for LabelError {}

impl Labels {
    /// No labels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a label, replacing an earlier value of the same name.
    ///
    /// # Errors
    /// [`LabelError`] when `name` is not a Prometheus label name
    /// (`[a-zA-Z_][a-zA-Z0-9_]*`).
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), LabelError> {
        if !is_label_name(name) {
            return Err(LabelError { name: name.to_owned() });
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The value of `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(crate) fn is_label_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_prometheus() {
        let mut labels = Labels::new();
        assert!(labels.insert("site_1", "fra").is_ok());
        for bad in ["", "1site", "si-te", "süd", "a b"] {
            assert_eq!(labels.insert(bad, "x"), Err(LabelError { name: bad.to_owned() }));
        }
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("site_1", "fra")]);
    }
}
