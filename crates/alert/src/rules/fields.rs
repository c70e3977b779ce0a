//! Reads mappings whose fields are known by name. Every mistake is told, and reading goes on.

use std::collections::BTreeMap;

use watchfire_promql::duration_ms;

use super::error::{Errors, Place};
use super::yaml::{Kind, Name, Node};

/// A longer duration is refused: 292 years, as in Prometheus, so that no sum of times overflows.
const MAX_DURATION_MS: i64 = i64::MAX / 1_000_000;

/// A mapping of more names to texts is refused: each label is on every series of a rule.
const MAX_TEXTS: usize = 64;

/// The fields of one mapping, of which each is taken once. What nobody takes is a mistake.
pub(super) struct Fields<'a> {
    what: &'static str,
    /// Where the mapping begins.
    pub(super) place: Place,
    left: Vec<&'a (Name, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of a node that should be a mapping; `what` says in words what it describes.
    pub(super) fn of(node: &'a Node, what: &'static str, errors: &mut Errors) -> Option<Self> {
        let Kind::Map(pairs) = &node.kind else {
            errors.add(node.place, format!("{what} is a mapping of fields, not {}", node.what()));
            return None;
        };
        Some(Self { what, place: node.place, left: pairs.iter().collect(), known: Vec::new() })
    }

    /// A field; one that holds nothing is as good as not there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        let at = self.left.iter().position(|(found, _)| *found.text == *name)?;
        let (_, value) = self.left.remove(at);
        (!matches!(value.kind, Kind::Null)).then_some(value)
    }

    /// A text with its place.
    pub(super) fn text(&mut self, name: &'static str, errors: &mut Errors) -> Option<Text<'a>> {
        text(self.take(name)?, name, errors)
    }

    /// Milliseconds of a duration such as `1m30s`.
    pub(super) fn duration(&mut self, name: &'static str, errors: &mut Errors) -> Option<i64> {
        let found = self.text(name, errors)?;
        // Alone of all numbers, 0 needs no unit.
        let ms = if found.text == "0" { Some(0) } else { duration_ms(found.text) };
        let ms = ms.filter(|ms| *ms <= MAX_DURATION_MS);
        if ms.is_none() {
            let words = format!("{name} is a duration such as 30s or 1h30m, not {:?}", found.text);
            errors.add(found.place(), words);
        }
        ms
    }

    /// What can be parsed from a text; `kind` says in words what that is.
    pub(super) fn parsed<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        kind: &str,
        errors: &mut Errors,
    ) -> Option<T> {
        let found = self.text(name, errors)?;
        let read = found.text.parse().ok();
        if read.is_none() {
            errors.add(found.place(), format!("{name} is {kind}, not {:?}", found.text));
        }
        read
    }

    /// The items of a list.
    pub(super) fn list(&mut self, name: &'static str, errors: &mut Errors) -> &'a [Node] {
        match self.take(name).map(|node| (&node.kind, node)) {
            None => &[],
            Some((Kind::List(items), _)) => items,
            Some((_, node)) => {
                errors.add(node.place, format!("{name} is a list, not {}", node.what()));
                &[]
            }
        }
    }

    /// Texts by name, with their places.
    pub(super) fn texts(
        &mut self,
        name: &'static str,
        errors: &mut Errors,
    ) -> BTreeMap<&'a str, (Place, Text<'a>)> {
        let Some(node) = self.take(name) else { return BTreeMap::new() };
        let Kind::Map(pairs) = &node.kind else {
            let words = format!("{name} is a mapping of names to texts, not {}", node.what());
            errors.add(node.place, words);
            return BTreeMap::new();
        };
        if pairs.len() > MAX_TEXTS {
            let words = format!("{name} has {} fields, and {MAX_TEXTS} are taken", pairs.len());
            errors.add(node.place, words);
            return BTreeMap::new();
        }
        let mut texts = BTreeMap::new();
        for (found, value) in pairs.iter() {
            if let Some(read) = text(value, &found.text, errors) {
                texts.insert(&*found.text, (found.place, read));
            }
        }
        texts
    }

    /// Tells what nobody took.
    pub(super) fn done(mut self, errors: &mut Errors) {
        self.known.sort_unstable();
        for (name, _) in self.left {
            let known = self.known.join(", ");
            let words = format!("{} has no field {:?}; it has {known}", self.what, name.text);
            errors.add(name.place, words);
        }
    }
}

/// A text and the node it is from.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) node: &'a Node,
}

impl Text<'_> {
    pub(super) fn place(&self) -> Place {
        self.node.place
    }
}

/// Any scalar is a text: `severity: 1` says "1". Nothing is the empty text.
pub(super) fn text<'a>(node: &'a Node, name: &str, errors: &mut Errors) -> Option<Text<'a>> {
    match &node.kind {
        Kind::Text { text, .. } => Some(Text { text, node }),
        Kind::Null => Some(Text { text: "", node }),
        Kind::List(_) | Kind::Map(_) => {
            errors.add(node.place, format!("{name} is a text, not {}", node.what()));
            None
        }
    }
}
