//! Rules as data, with all that is worked out once when a file is read.

use std::fmt::Write;
use std::sync::Arc;

use watchfire_model::LabelPair;
use watchfire_promql::Query;

use crate::go_template::Template;

/// A file of rules.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// The file as it was named.
    pub name: Arc<str>,
    /// Its groups, in order; no two have one name.
    pub groups: Vec<Arc<Group>>,
}

/// Rules that are evaluated together, one after the other.
#[derive(Debug, Clone)]
pub struct Group {
    /// The file it is from, as it was named.
    pub file: Arc<str>,
    /// Its name, which no other group of the file has.
    pub name: String,
    /// Milliseconds between evaluations, where the file names them.
    pub interval_ms: Option<i64>,
    /// How many milliseconds before the moment of evaluation the questions are asked about, where
    /// the file names them.
    pub query_offset_ms: Option<i64>,
    /// A rule that gives more alerts or series is an error, and none of the new ones is taken; 0 for no
    /// limit.
    pub limit: usize,
    /// The rules, in the order in which they are evaluated.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The line of the file where it begins.
    pub line: usize,
    /// The alert's name, or that of the recorded metric.
    pub name: Arc<str>,
    /// What is asked; it gives a vector or a scalar.
    pub expr: Query,
    /// What becomes of the answer.
    pub kind: RuleKind,
}

/// What becomes of the answer to a rule.
#[derive(Debug, Clone)]
pub enum RuleKind {
    /// Alerts.
    Alerting(Alerting),
    /// Series of the rule's name with these labels, which those of the group stand below.
    Recording(Vec<LabelPair>),
}

/// How series become alerts.
#[derive(Debug, Clone)]
pub struct Alerting {
    /// For how many milliseconds an alert is pending before it fires.
    pub for_ms: i64,
    /// For how many milliseconds an alert goes on firing when nothing is found any more.
    pub keep_firing_for_ms: i64,
    /// The labels that are added, sorted by name; those of the group stand below them.
    pub labels: Wordings,
    /// What is told of each alert, sorted by name.
    pub annotations: Wordings,
}

/// Texts by name, sorted by it. Those of a group are shared by its rules.
pub type Wordings = Vec<(Arc<str>, Arc<Wording>)>;

/// A text of a rule that is a template.
#[derive(Debug, Clone)]
pub struct Wording {
    /// As it stands in the file.
    pub text: String,
    /// What it means.
    pub template: Template,
}

impl Rule {
    /// The labels that the rule adds, as they stand in the file, those of the group among them.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let (wordings, pairs): (&[_], &[LabelPair]) = match &self.kind {
            RuleKind::Alerting(alerting) => (&alerting.labels, &[]),
            RuleKind::Recording(labels) => (&[], labels),
        };
        let wordings = wordings.iter().map(|(name, wording)| (&**name, wording.text.as_str()));
        wordings.chain(pairs.iter().map(|(name, value)| (&**name, &**value)))
    }

    /// Kind, name and labels in one text. Rules that agree in it are told apart by their order
    /// alone.
    #[must_use]
    pub fn title(&self) -> String {
        let mut title = match self.kind {
            RuleKind::Alerting(_) => format!("alert {}", self.name),
            RuleKind::Recording(_) => format!("record {}", self.name),
        };
        for (number, (name, value)) in self.labels().enumerate() {
            let sign = if number == 0 { '{' } else { ',' };
            let _ = write!(title, "{sign}{name}={value:?}");
        }
        if self.labels().next().is_some() {
            title.push('}');
        }
        title
    }
}

impl Group {
    /// The [`Rule::title`] of each rule, with a number behind where it is not the first of that
    /// title: what a rule is known by when the file is read anew.
    #[must_use]
    pub fn identities(&self) -> Vec<String> {
        let mut seen = std::collections::HashMap::new();
        let identity = |rule: &Rule| {
            let title = rule.title();
            let count = seen.entry(title.clone()).or_insert(0_usize);
            *count += 1;
            if *count == 1 { title } else { format!("{title} #{count}") }
        };
        self.rules.iter().map(identity).collect()
    }
}
