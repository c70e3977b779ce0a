//! The labels of one series, from bytes to a set that holds.

use std::collections::HashMap;
use std::sync::Arc;

use watchfire_model::{LabelSet, NAME_LABEL};

use super::limits::{MAX_LABEL_NAME, MAX_LABEL_VALUE, MAX_LABELS, MAX_SERIES_TEXT};

/// How much of a label's name an error shows, in bytes.
const SHOWN: usize = 64;

/// The texts of all labels of a request, each once.
#[derive(Debug, Default)]
pub(super) struct Texts<'a>(HashMap<&'a str, Arc<str>>);

impl<'a> Texts<'a> {
    fn of(&mut self, text: &'a str) -> Arc<str> {
        self.0.entry(text).or_insert_with(|| text.into()).clone()
    }
}

/// The set of these names and values, which may stand in any order. A label without a value is
/// as none.
///
/// # Errors
/// Why they are no labels of a series.
pub(super) fn label_set<'a>(
    pairs: &[(&'a [u8], &'a [u8])],
    texts: &mut Texts<'a>,
) -> Result<LabelSet, String> {
    if pairs.len() > MAX_LABELS {
        return Err(format!("a series has more than {MAX_LABELS} labels"));
    }
    let read = pairs.iter().map(|(name, value)| pair(name, value));
    let mut read = read.collect::<Result<Vec<(&str, &str)>, String>>()?;
    read.sort_unstable();
    if let Some(twice) = read.windows(2).find(|two| two[0].0 == two[1].0) {
        return Err(format!("a series has the label {} twice", shown(twice[0].0)));
    }
    read.retain(|(_, value)| !value.is_empty());
    if !read.iter().any(|(name, _)| *name == NAME_LABEL) {
        return Err(format!("a series has no metric's name ({NAME_LABEL})"));
    }
    if read.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_SERIES_TEXT {
        return Err(format!("the labels of a series have more than {MAX_SERIES_TEXT} bytes"));
    }
    Ok(LabelSet::new(read.into_iter().map(|(name, value)| (texts.of(name), texts.of(value)))))
}

fn pair<'a>(name: &'a [u8], value: &'a [u8]) -> Result<(&'a str, &'a str), String> {
    let name = str::from_utf8(name).map_err(|_| "a label's name is no UTF-8".to_owned())?;
    if name.is_empty() {
        return Err("a label has no name".to_owned());
    }
    if name.len() > MAX_LABEL_NAME {
        return Err(format!(
            "the label {} has a name of more than {MAX_LABEL_NAME} bytes",
            shown(name)
        ));
    }
    let value = str::from_utf8(value)
        .map_err(|_| format!("the value of the label {} is no UTF-8", shown(name)))?;
    if value.len() > MAX_LABEL_VALUE {
        return Err(format!(
            "the value of the label {} has more than {MAX_LABEL_VALUE} bytes",
            shown(name)
        ));
    }
    Ok((name, value))
}

/// A name as a line of a log can show it.
fn shown(name: &str) -> String {
    format!("{:?}", &name[..name.floor_char_boundary(SHOWN)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Result<LabelSet, String> {
        let bytes: Vec<(&[u8], &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        label_set(&bytes, &mut Texts::default())
    }

    #[test]
    fn labels_in_any_order_are_a_set() {
        let read = set(&[("b", "2"), ("empty", ""), (NAME_LABEL, "up"), ("größe", "ü\n\"")]);
        let expected = LabelSet::of(&[(NAME_LABEL, "up"), ("b", "2"), ("größe", "ü\n\"")]);
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn texts_are_kept_once() {
        let mut texts = Texts::default();
        let pairs: [(&[u8], &[u8]); 2] = [(NAME_LABEL.as_bytes(), b"up"), (b"a", b"up")];
        let (one, other) = (label_set(&pairs, &mut texts), label_set(&pairs, &mut texts));
        let (one, other) = (one.expect("fine"), other.expect("fine"));
        assert!(Arc::ptr_eq(&one.pairs()[0].1, &other.pairs()[1].1));
    }

    #[test]
    fn what_is_no_label_of_a_series_is_said() {
        let up = (NAME_LABEL, "up");
        let long = "x".repeat(MAX_LABEL_VALUE + 1);
        let names: Vec<String> = (0..MAX_LABELS).map(|number| format!("l{number}")).collect();
        let mut many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
        many.push(up);
        let full: Vec<(&str, &str)> =
            names.iter().take(4).map(|name| (name.as_str(), &long[1..])).collect();
        for (pairs, why) in [
            (&[][..], "no metric's name"),
            (&[("a", "b")], "no metric's name"),
            (&[(NAME_LABEL, "")], "no metric's name"),
            (&[up, ("", "x")], "a label has no name"),
            (&[up, ("a", "1"), ("a", "2")], "the label \"a\" twice"),
            (&[up, ("a", "1"), ("a", "")], "the label \"a\" twice"),
            (&[up, (&long[..MAX_LABEL_NAME + 1], "x")], "a name of more than"),
            (&[up, ("a", &long)], "the value of the label \"a\" has more"),
            (&many, "more than 64 labels"),
            (&[&[up][..], &full].concat(), "have more than 8192 bytes"),
        ] {
            let error = set(pairs).expect_err(why);
            assert!(error.contains(why), "{error}");
            assert!(error.len() < 200, "{error}");
        }
        assert!(set(&many[1..]).is_ok(), "as many as may be");
        for pair in [(&b"a\xff"[..], &b"x"[..]), (b"a", b"\xff")] {
            let error = label_set(&[pair], &mut Texts::default()).expect_err("no text");
            assert!(error.contains("is no UTF-8"), "{error}");
        }
    }
}
