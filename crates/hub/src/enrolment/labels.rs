use std::collections::BTreeMap;

use watchfire_model::{LabelError, Labels};

/// The most labels that a server gets at its enrolment.
const MAX_LABELS: usize = 32;
/// The longest name of a label, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// The longest value of a label, in bytes.
const MAX_VALUE_BYTES: usize = 256;

/// Why labels from outside are not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LabelsError {
    Many,
    Long(String),
    Reserved(String),
    Control(String),
    Name(LabelError),
}

impl std::fmt::Display for LabelsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Many => write!(f, "a server has at most {MAX_LABELS} labels"),
            Self::Long(name) => write!(
                f,
                "the label {name:?} is too long: its name has at most {MAX_NAME_BYTES} bytes and \
                 its value {MAX_VALUE_BYTES}"
            ),
            Self::Reserved(name) => {
                write!(f, "the label {name:?} is Watchfire's own: it is the server's name always")
            }
            Self::Control(name) => {
                write!(f, "the value of the label {name:?} holds a character that is not shown")
            }
            Self::Name(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LabelsError {}

/// Checks labels that came from outside.
pub(crate) fn checked(given: &BTreeMap<String, String>) -> Result<Labels, LabelsError> {
    if given.len() > MAX_LABELS {
        return Err(LabelsError::Many);
    }
    let mut labels = Labels::new();
    for (name, value) in given {
        if name.len() > MAX_NAME_BYTES || value.len() > MAX_VALUE_BYTES {
            let shown = name.chars().take(MAX_NAME_BYTES).collect();
            return Err(LabelsError::Long(shown));
        }
        if matches!(name.as_str(), "name" | "instance") {
            return Err(LabelsError::Reserved(name.clone()));
        }
        if value.chars().any(char::is_control) {
            return Err(LabelsError::Control(name.clone()));
        }
        labels.insert(name, value).map_err(LabelsError::Name)?;
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<usize, LabelsError> {
        let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        checked(&given.collect()).map(|labels| labels.len())
    }

    #[test]
    fn labels_from_outside_have_limits() {
        assert_eq!(of(&[("role", "web"), ("site", "größe 1")]), Ok(2));
        assert_eq!(of(&[("name", "x")]), Err(LabelsError::Reserved("name".to_owned())));
        assert_eq!(of(&[("a", "x\r\ny")]), Err(LabelsError::Control("a".to_owned())));
        assert!(matches!(of(&[("a-b", "x")]), Err(LabelsError::Name(_))));
        assert!(matches!(of(&[("a", &"x".repeat(257))]), Err(LabelsError::Long(_))));
        assert!(matches!(of(&[(&"a".repeat(65), "x")]), Err(LabelsError::Long(_))));
        let many: Vec<_> = (0..33).map(|at| format!("l{at}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(of(&many), Err(LabelsError::Many));
        assert_eq!(of(&many[..32]), Ok(32));
    }
}
