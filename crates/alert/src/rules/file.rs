//! Reads Prometheus' rule files, as strictly as Prometheus does.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_model::NAME_LABEL;

use super::error::{Errors, Place, RuleError};
use super::fields::{Fields, Text};
use super::group::{Group, RuleFile};
use super::rule::{GroupLabels, Labels, Reader};
use super::yaml::{Document, Node};

impl RuleFile {
    /// Reads the text of a file of rules; `name` is how the file is named in errors.
    ///
    /// # Errors
    /// Every mistake that can be found, with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<RuleError>> {
        let mut errors = Errors::of(name);
        let mut file = Self { name: name.into(), groups: Vec::new() };
        match Document::read(text) {
            Err((place, words)) => errors.add(place, words),
            Ok(document) => {
                if let Some(root) = &document.root {
                    file.groups = groups(root, &document, &file.name, &mut errors);
                }
            }
        }
        errors.or(file)
    }

    /// How many rules all groups have.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }

    /// Rules that another rule of the file equals in kind, name and labels, which is no error and
    /// hardly ever meant: the place of the later one, and words.
    #[must_use]
    pub fn duplicates(&self) -> Vec<RuleError> {
        let mut first = BTreeMap::new();
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        let twice = rules.filter_map(|rule| {
            let line = *first.entry(rule.title()).or_insert(rule.line);
            (line != rule.line).then(|| RuleError {
                file: self.name.clone(),
                place: Place { line: rule.line, column: 1 },
                words: format!("{} is also in line {line}", rule.title()),
            })
        });
        twice.collect()
    }
}

fn groups(
    root: &Node,
    document: &Document<'_>,
    file: &Arc<str>,
    errors: &mut Errors,
) -> Vec<Arc<Group>> {
    let Some(mut fields) = Fields::of(root, "a rule file", errors) else { return Vec::new() };
    let nodes = fields.list("groups", errors);
    fields.done(errors);
    let mut lines = BTreeMap::new();
    let mut groups = Vec::new();
    for node in nodes {
        let Some((place, group)) = group(node, document, file, errors) else { continue };
        if let Some(line) = lines.insert(group.name.clone(), place.line) {
            errors.add(place, format!("the group {:?} is also in line {line}", group.name));
        }
        groups.push(Arc::new(group));
    }
    groups
}

/// One group, and where its name stands.
fn group(
    node: &Node,
    document: &Document<'_>,
    file: &Arc<str>,
    errors: &mut Errors,
) -> Option<(Place, Group)> {
    let mut fields = Fields::of(node, "a group", errors)?;
    let name = fields.text("name", errors).filter(|name| !name.text.is_empty());
    if name.is_none() {
        errors.add(node.place, "the group has no name");
    }
    let interval_ms = fields.duration("interval", errors).filter(|ms| *ms > 0);
    let query_offset_ms = fields.duration("query_offset", errors);
    // As in Prometheus, less than nothing is no limit either.
    let limit = fields.parsed::<i64>("limit", "a whole number", errors).unwrap_or(0);
    let limit = usize::try_from(limit).unwrap_or(0);
    let labels = labels(fields.texts("labels", errors), errors);
    let nodes = fields.list("rules", errors);
    fields.done(errors);
    let reader = Reader { document, group: GroupLabels::new(labels) };
    let rules = nodes.iter().filter_map(|node| reader.rule(node, errors)).collect();
    let place = name.map_or(node.place, |name| name.place());
    let name = name.map_or(String::new(), |name| name.text.to_owned());
    let file = file.clone();
    Some((place, Group { file, name, interval_ms, query_offset_ms, limit, rules }))
}

/// Labels, of which none may be the name of the metric.
pub(super) fn labels<'a>(
    found: BTreeMap<&'a str, (Place, Text<'a>)>,
    errors: &mut Errors,
) -> Labels<'a> {
    for (name, (place, _)) in &found {
        if name.is_empty() {
            errors.add(*place, "a label needs a name");
        } else if *name == NAME_LABEL {
            errors.add(*place, "the label __name__ is the rule's own name and cannot be set");
        }
    }
    found.into_iter().map(|(name, (_, text))| (name, text)).collect()
}
