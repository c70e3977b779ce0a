//! Reads one rule of a file.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_model::LabelPair;
use watchfire_promql::{Features, Query, ValueType};

use super::error::{Errors, Place};
use super::fields::{Fields, Text};
use super::file::labels;
use super::group::{Alerting, Rule, RuleKind, Wording, Wordings};
use super::yaml::{Document, Node};
use crate::go_template::Template;

/// Labels by name, with where they stand.
pub(super) type Labels<'a> = BTreeMap<&'a str, Text<'a>>;

/// What rules of one group are read with.
pub(super) struct Reader<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) group: GroupLabels<'a>,
}

/// The labels of a group, which stand below those of its rules. What is made of them is made once,
/// and all rules share it.
pub(super) struct GroupLabels<'a> {
    labels: Labels<'a>,
    pairs: Vec<LabelPair>,
    /// As templates, once a rule is for alerts: to others they are plain texts.
    wordings: OnceCell<Wordings>,
}

/// The fields of a rule before it is known what it is.
struct Found<'a> {
    place: Place,
    record: Option<Text<'a>>,
    alert: Option<Text<'a>>,
    expr: Option<Text<'a>>,
    for_ms: Option<i64>,
    keep_firing_for_ms: Option<i64>,
    labels: Labels<'a>,
    annotations: Labels<'a>,
}

impl<'a> Reader<'a> {
    /// One rule; none when something is wrong with it, which is told.
    pub(super) fn rule(&self, node: &'a Node, errors: &mut Errors) -> Option<Rule> {
        let found = Found::read(node, errors)?;
        let expr = self.expr(&found, errors);
        let named = |text: &Text<'a>| !text.text.is_empty();
        let (name, kind) = match (found.record.filter(named), found.alert.filter(named)) {
            (Some(record), None) => {
                found.check_recording(record, errors);
                (record.text, RuleKind::Recording(self.recorded_labels(&found)))
            }
            (None, Some(alert)) => (alert.text, RuleKind::Alerting(self.alerting(&found, errors))),
            (Some(_), Some(_)) => {
                errors.add(found.place, "the rule has both record and alert, and may have one");
                return None;
            }
            (None, None) => {
                errors.add(found.place, "the rule has neither record nor alert");
                return None;
            }
        };
        Some(Rule { line: found.place.line, name: name.into(), expr: expr?, kind })
    }

    fn expr(&self, found: &Found<'a>, errors: &mut Errors) -> Option<Query> {
        let Some(expr) = found.expr.filter(|expr| !expr.text.is_empty()) else {
            errors.add(found.place, "the rule has no expr");
            return None;
        };
        match Query::parse(expr.text, Features::default()) {
            Ok(query) => match query.value_type() {
                ValueType::Vector | ValueType::Scalar => Some(query),
                kind => {
                    let words =
                        format!("expr gives a {kind}, and a rule needs a vector or a scalar");
                    errors.add(expr.place(), words);
                    None
                }
            },
            Err(error) => {
                let place = self.document.within(expr.node, (error.line, error.column));
                errors.add(place, format!("expr: {}", error.why));
                None
            }
        }
    }

    fn recorded_labels(&self, found: &Found<'a>) -> Vec<LabelPair> {
        merged(&self.group.pairs, pairs(&found.labels))
    }

    fn alerting(&self, found: &Found<'a>, errors: &mut Errors) -> Alerting {
        let of_group = || self.wordings(&self.group.labels, errors);
        let of_group = self.group.wordings.get_or_init(of_group);
        Alerting {
            for_ms: found.for_ms.unwrap_or(0),
            keep_firing_for_ms: found.keep_firing_for_ms.unwrap_or(0),
            labels: merged(of_group, self.wordings(&found.labels, errors)),
            annotations: self.wordings(&found.annotations, errors),
        }
    }

    fn wordings(&self, texts: &Labels<'a>, errors: &mut Errors) -> Wordings {
        let mut wordings = Vec::new();
        for (name, text) in texts {
            match Template::parse(text.text) {
                Ok(template) => {
                    let wording = Wording { text: text.text.to_owned(), template };
                    wordings.push(((*name).into(), wording.into()));
                }
                Err(error) => {
                    let place = self.document.within(text.node, (error.line, error.column));
                    errors.add(place, format!("{name}: {}", error.words));
                }
            }
        }
        wordings
    }
}

impl<'a> GroupLabels<'a> {
    pub(super) fn new(labels: Labels<'a>) -> Self {
        Self { pairs: pairs(&labels), labels, wordings: OnceCell::new() }
    }
}

fn pairs(labels: &Labels<'_>) -> Vec<LabelPair> {
    labels.iter().map(|(name, text)| ((*name).into(), text.text.into())).collect()
}

/// What a rule says over what its group says, sorted by name.
fn merged<T: Clone>(group: &[(Arc<str>, T)], own: Vec<(Arc<str>, T)>) -> Vec<(Arc<str>, T)> {
    let all: BTreeMap<Arc<str>, T> = group.iter().cloned().chain(own).collect();
    all.into_iter().collect()
}

impl<'a> Found<'a> {
    fn read(node: &'a Node, errors: &mut Errors) -> Option<Self> {
        let mut fields = Fields::of(node, "a rule", errors)?;
        let found = Self {
            place: fields.place,
            record: fields.text("record", errors),
            alert: fields.text("alert", errors),
            expr: fields.text("expr", errors),
            for_ms: fields.duration("for", errors),
            keep_firing_for_ms: fields.duration("keep_firing_for", errors),
            labels: labels(fields.texts("labels", errors), errors),
            annotations: annotations(fields.texts("annotations", errors), errors),
        };
        fields.done(errors);
        Some(found)
    }

    /// A recording rule has a name that could be a metric's, and nothing that is for alerts.
    fn check_recording(&self, record: Text<'a>, errors: &mut Errors) {
        if record.text.contains(['{', '}']) {
            let words = "record is the name of a metric, without braces: labels have a field";
            errors.add(record.place(), words);
        }
        for (name, there) in [
            ("for", self.for_ms.is_some_and(|ms| ms > 0)),
            ("keep_firing_for", self.keep_firing_for_ms.is_some_and(|ms| ms > 0)),
            ("annotations", !self.annotations.is_empty()),
        ] {
            if there {
                let words = format!("{name} is for alerts, and this rule records a metric");
                errors.add(self.place, words);
            }
        }
    }
}

fn annotations<'a>(found: BTreeMap<&'a str, (Place, Text<'a>)>, errors: &mut Errors) -> Labels<'a> {
    if let Some((place, _)) = found.get("") {
        errors.add(*place, "an annotation needs a name");
    }
    found.into_iter().map(|(name, (_, text))| (name, text)).collect()
}
