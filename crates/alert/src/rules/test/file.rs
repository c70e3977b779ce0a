//! Reads files of tests.

use std::collections::HashSet;
use std::sync::Arc;

use watchfire_model::LabelSet;
use watchfire_promql::memory::notation;
use watchfire_promql::{Features, Query};

use crate::rules::alerts::Annotations;
use crate::rules::error::{Errors, Place, RuleError};
use crate::rules::fields::{Fields, Text, text};
use crate::rules::yaml::{Document, Node};

/// The time between evaluations where the file names none, in milliseconds.
const USUAL_INTERVAL_MS: i64 = 60_000;

/// A file of tests.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// The file as it was named.
    pub name: Arc<str>,
    /// The files of rules that are tested, relative to this one; `*` and `?` stand for others.
    pub rule_files: Vec<String>,
    pub(super) interval_ms: i64,
    /// The groups that are evaluated first, in this order.
    pub(super) order: Vec<String>,
    /// True when numbers may differ in their last bit.
    pub(super) fuzzy: bool,
    pub(super) tests: Vec<Test>,
}

/// Series, and what must come of them.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) start_ms: i64,
    pub(super) interval_ms: i64,
    pub(super) series: Vec<(LabelSet, Vec<Option<f64>>)>,
    pub(super) alerts: Vec<AlertCase>,
    pub(super) questions: Vec<Question>,
    pub(super) external_labels: LabelSet,
    pub(super) external_url: String,
}

/// Which alerts of a name must fire.
#[derive(Debug, Clone)]
pub(super) struct AlertCase {
    pub(super) place: Place,
    /// Milliseconds from the start of the test.
    pub(super) at_ms: i64,
    pub(super) name: String,
    pub(super) expected: Vec<(LabelSet, Annotations)>,
}

/// What a question must give.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) place: Place,
    /// Milliseconds from the start of the test.
    pub(super) at_ms: i64,
    pub(super) query: Query,
    pub(super) expected: Vec<(LabelSet, f64)>,
}

impl TestFile {
    /// Reads the text of a file of tests; `name` is how the file is named in errors.
    ///
    /// # Errors
    /// Every mistake that can be found, with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<RuleError>> {
        let mut errors = Errors::of(name);
        let mut file = Self {
            name: name.into(),
            rule_files: Vec::new(),
            interval_ms: USUAL_INTERVAL_MS,
            order: Vec::new(),
            fuzzy: false,
            tests: Vec::new(),
        };
        match Document::read(text) {
            Err((place, words)) => errors.add(place, words),
            Ok(document) => {
                if let Some(root) = &document.root {
                    file.fill(root, &document, &mut errors);
                }
            }
        }
        errors.or(file)
    }

    /// How many tests there are.
    #[must_use]
    pub fn test_count(&self) -> usize {
        self.tests.len()
    }

    fn fill(&mut self, root: &Node, document: &Document<'_>, errors: &mut Errors) {
        let Some(mut fields) = Fields::of(root, "a test file", errors) else { return };
        let files = fields.list("rule_files", errors).iter();
        let files = files.filter_map(|node| text(node, "a rule file", errors));
        self.rule_files = files.map(|found| found.text.to_owned()).collect();
        let interval = fields.duration("evaluation_interval", errors);
        self.interval_ms = interval.filter(|ms| *ms > 0).unwrap_or(USUAL_INTERVAL_MS);
        self.order = ordered(fields.list("group_eval_order", errors), errors);
        self.fuzzy = fields.parsed("fuzzy_compare", "true or false", errors).unwrap_or(false);
        let nodes = fields.list("tests", errors);
        fields.done(errors);
        let reader = Reader { document, interval_ms: self.interval_ms };
        let tests = nodes.iter().zip(1..);
        self.tests = tests.filter_map(|(node, number)| reader.test(node, number, errors)).collect();
    }
}

/// The names of groups, each of which may come once.
fn ordered(nodes: &[Node], errors: &mut Errors) -> Vec<String> {
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    for node in nodes {
        let Some(name) = text(node, "a group's name", errors) else { continue };
        if !seen.insert(name.text) {
            errors.add(node.place, format!("the group {:?} stands twice in the order", name.text));
        }
        names.push(name.text.to_owned());
    }
    names
}

/// Reads tests of one file.
struct Reader<'a> {
    document: &'a Document<'a>,
    interval_ms: i64,
}

impl<'a> Reader<'a> {
    fn test(&self, node: &'a Node, number: usize, errors: &mut Errors) -> Option<Test> {
        let mut fields = Fields::of(node, "a test", errors)?;
        let interval = fields.duration("interval", errors).filter(|ms| *ms > 0);
        let name = fields.text("name", errors).map(|name| name.text.to_owned());
        let start_ms = self.start(&mut fields, errors);
        let series = fields.list("input_series", errors).iter();
        let series = series.filter_map(|node| self.series(node, errors)).collect();
        let alerts = fields.list("alert_rule_test", errors).iter();
        let alerts = alerts.filter_map(|node| alert_case(node, errors)).collect();
        let questions = fields.list("promql_expr_test", errors).iter();
        let questions = questions.filter_map(|node| self.question(node, errors)).collect();
        let external_labels = labels(&mut fields, "external_labels", errors);
        let url = fields.text("external_url", errors);
        fields.done(errors);
        Some(Test {
            place: node.place,
            name: name.unwrap_or_else(|| format!("test {number}")),
            start_ms,
            interval_ms: interval.unwrap_or(self.interval_ms),
            series,
            alerts,
            questions,
            external_labels: LabelSet::of(&external_labels),
            external_url: url.map_or(String::new(), |url| url.text.to_owned()),
        })
    }

    /// When the test begins: seconds since 1970, or RFC 3339.
    fn start(&self, fields: &mut Fields<'a>, errors: &mut Errors) -> i64 {
        let Some(start) = fields.text("start_timestamp", errors) else { return 0 };
        let seconds = start.text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e11);
        let moment = || start.text.parse::<jiff::Timestamp>().ok();
        let ms = seconds
            .map(|seconds| (seconds * 1000.0) as i64)
            .or_else(|| moment().map(|at| at.as_millisecond()));
        ms.unwrap_or_else(|| {
            let words = "start_timestamp is a number of seconds since 1970, or as \
                         2026-01-31T12:00:00Z";
            errors.add(start.place(), words);
            0
        })
    }

    fn series(&self, node: &'a Node, errors: &mut Errors) -> Option<(LabelSet, Vec<Option<f64>>)> {
        let mut fields = Fields::of(node, "a series", errors)?;
        let (name, values) = (fields.text("series", errors), fields.text("values", errors));
        fields.done(errors);
        let Some(name) = name else {
            errors.add(node.place, "the series has no field series, which says its labels");
            return None;
        };
        let labels = read_labels(name, errors)?;
        let Some(values) = values else { return Some((labels, Vec::new())) };
        if values.text.contains("{{") {
            errors.add(values.place(), "native histograms are not kept: values are numbers here");
            return None;
        }
        match notation::values(values.text) {
            Ok(values) => Some((labels, values)),
            Err(words) => {
                errors.add(values.place(), words);
                None
            }
        }
    }

    fn question(&self, node: &'a Node, errors: &mut Errors) -> Option<Question> {
        let mut fields = Fields::of(node, "a test of an expression", errors)?;
        let expr = fields.text("expr", errors).filter(|expr| !expr.text.is_empty());
        let at_ms = fields.duration("eval_time", errors).unwrap_or(0);
        let samples = fields.list("exp_samples", errors).iter();
        let expected = samples.filter_map(|node| sample(node, errors)).collect();
        fields.done(errors);
        let Some(expr) = expr else {
            errors.add(node.place, "the test has no expr");
            return None;
        };
        match Query::parse(expr.text, Features::default()) {
            Ok(query) => Some(Question { place: node.place, at_ms, query, expected }),
            Err(error) => {
                let place = self.document.within(expr.node, (error.line, error.column));
                errors.add(place, format!("expr: {}", error.why));
                None
            }
        }
    }
}

fn alert_case(node: &Node, errors: &mut Errors) -> Option<AlertCase> {
    let mut fields = Fields::of(node, "a test of an alert", errors)?;
    let at_ms = fields.duration("eval_time", errors).unwrap_or(0);
    let name = fields.text("alertname", errors).filter(|name| !name.text.is_empty());
    let alerts = fields.list("exp_alerts", errors);
    fields.done(errors);
    let Some(name) = name else {
        errors.add(node.place, "the test of an alert has no alertname");
        return None;
    };
    let expected = alerts.iter().filter_map(|node| expected_alert(node, name.text, errors));
    let expected = expected.collect();
    Some(AlertCase { place: node.place, at_ms, name: name.text.to_owned(), expected })
}

fn expected_alert(node: &Node, name: &str, errors: &mut Errors) -> Option<(LabelSet, Annotations)> {
    let mut fields = Fields::of(node, "an expected alert", errors)?;
    let mut pairs = labels(&mut fields, "exp_labels", errors);
    let annotations = labels(&mut fields, "exp_annotations", errors);
    fields.done(errors);
    pairs.push((crate::rules::ALERT_NAME_LABEL, name));
    let annotations = annotations.into_iter();
    let annotations = annotations.map(|(name, words)| (name.into(), words.to_owned())).collect();
    Some((LabelSet::of(&pairs), annotations))
}

fn sample(node: &Node, errors: &mut Errors) -> Option<(LabelSet, f64)> {
    let mut fields = Fields::of(node, "an expected sample", errors)?;
    let name = fields.text("labels", errors);
    let value = fields.text("value", errors);
    if let Some(histogram) = fields.take("histogram") {
        errors.add(histogram.place, "native histograms are not kept: a sample has a value here");
    }
    fields.done(errors);
    let labels = match name {
        Some(name) if !name.text.is_empty() => read_labels(name, errors)?,
        _ => LabelSet::empty(),
    };
    let Some(value) = value else { return Some((labels, 0.0)) };
    // YAML's own infinities and NaN have a point: .inf, -.inf, .nan.
    let Ok(number) = value.text.replacen('.', "", usize::from(is_word(value.text))).parse() else {
        errors.add(value.place(), format!("value is a number, not {:?}", value.text));
        return None;
    };
    Some((labels, number))
}

/// True for a number that is written with letters.
fn is_word(text: &str) -> bool {
    text.trim_start_matches(['+', '-', '.']).starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The texts of a field by name.
fn labels<'a>(
    fields: &mut Fields<'a>,
    name: &'static str,
    errors: &mut Errors,
) -> Vec<(&'a str, &'a str)> {
    let texts = fields.texts(name, errors).into_iter();
    texts.map(|(name, (_, text))| (name, text.text)).collect()
}

/// Labels as PromQL writes them.
fn read_labels(found: Text<'_>, errors: &mut Errors) -> Option<LabelSet> {
    let words = match notation::labelled(found.text.trim()) {
        Ok((labels, "")) => return Some(labels),
        Ok((_, rest)) => format!("{rest:?} follows the labels"),
        Err(words) => words,
    };
    errors.add(found.place(), words);
    None
}
