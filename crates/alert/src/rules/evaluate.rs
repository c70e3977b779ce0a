//! One rule at one moment: its question, and what the answer's series become.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchfire_model::{LabelPair, LabelSet, NAME_LABEL, SeriesSource};
use watchfire_promql::{Features, Limits, Query, QueryError, Sample, Value};

use super::alerts::{Alert, Annotations, Seen};
use super::group::{Alerting, Rule, Wording};
use crate::go_template::{self, Data, Queries};

/// The label that holds an alert's name.
pub const ALERT_NAME_LABEL: &str = "alertname";

/// A rule that gives more alerts at a moment fails, whatever the limit of its group.
const MAX_ALERTS: usize = 50_000;

/// A rule whose alerts have more text in all, in bytes, fails likewise.
const MAX_TEXT_BYTES: usize = 64 * 1024 * 1024;

/// The series that says of each alert that it is pending or fires.
pub(super) const ALERTS: &str = "ALERTS";

/// The series that says since when, in Unix seconds.
pub(super) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// What rules are evaluated with.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// What answers their questions.
    pub source: &'a dyn SeriesSource,
    /// What one question may cost.
    pub limits: Limits,
    /// What one template may cost.
    pub template_limits: go_template::Limits,
    /// True when the time for the evaluation is over.
    pub out_of_time: &'a dyn Fn() -> bool,
    /// Whether an alert with these labels would be found if it were there: false while its server
    /// is not heard of or gives no data. Until it is true again such an alert neither ends nor grows
    /// older. [`always_known`] is what Prometheus does.
    pub is_known: &'a dyn Fn(&LabelSet) -> bool,
    /// Labels of the whole installation, which templates may name.
    pub external_labels: &'a LabelSet,
    /// The address of the page, which templates may name.
    pub external_url: &'a str,
}

/// What is not found is not there, whatever it is.
#[must_use]
pub fn always_known(_: &LabelSet) -> bool {
    true
}

impl Scene<'_> {
    /// The answer to a question at a moment.
    pub(super) fn ask(&self, query: &Query, at_ms: i64) -> Result<Value, QueryError> {
        let answer = query.instant(self.source, at_ms, &self.limits, self.out_of_time)?;
        Ok(answer.value)
    }

    /// What a template says of a series at a moment. Where it cannot, its words are the error: an
    /// alert is never lost for want of a good text.
    fn expand(&self, wording: &Wording, data: &Data, at_ms: i64) -> String {
        let asking = Asking { scene: self, at_ms };
        let text = wording.template.expand(data, &asking, &self.template_limits);
        text.unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }
}

/// Answers the questions of templates.
struct Asking<'a> {
    scene: &'a Scene<'a>,
    at_ms: i64,
}

impl Queries for Asking<'_> {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        let query = Query::parse(text, Features::default()).map_err(|error| error.to_string())?;
        let value = self.scene.ask(&query, self.at_ms).map_err(|error| error.to_string())?;
        match value {
            Value::Text { at_ms, text } => {
                let labels = LabelSet::of(&[("__value__", &text)]);
                Ok(vec![Sample { labels, at_ms, value: 0.0 }])
            }
            value => vector(value),
        }
    }
}

/// The series of an answer; a number is one without labels.
pub(super) fn vector(value: Value) -> Result<Vec<Sample>, String> {
    match value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar { at_ms, value } => {
            Ok(vec![Sample { labels: LabelSet::empty(), at_ms, value }])
        }
        Value::Text { .. } | Value::Matrix(_) => {
            Err("the answer is neither a vector nor a scalar".to_owned())
        }
    }
}

/// The alerts that an answer means.
///
/// # Errors
/// When two series become one alert, or there is too much of them.
pub(super) fn alerts(
    rule: &Rule,
    alerting: &Alerting,
    samples: &[Sample],
    at_ms: i64,
    scene: &Scene<'_>,
) -> Result<BTreeMap<LabelSet, Seen>, String> {
    if samples.len() > MAX_ALERTS {
        return Err(format!(
            "the rule gives {} alerts, and {MAX_ALERTS} can be kept",
            samples.len()
        ));
    }
    let (mut alerts, mut bytes) = (BTreeMap::new(), 0);
    for sample in samples {
        if (scene.out_of_time)() {
            return Err(QueryError::OutOfTime.to_string());
        }
        let (url, value) = (scene.external_url, sample.value);
        let data = Data::of_alert(&sample.labels, value, scene.external_labels, url).at(at_ms);
        let expand = |wording| scene.expand(wording, &data, at_ms);
        let added = alerting.labels.iter().map(|(name, wording)| {
            let pair: LabelPair = (name.clone(), expand(wording).into());
            pair
        });
        let labels = alert_labels(&sample.labels, added, &rule.name);
        let told = alerting.annotations.iter();
        let annotations: Annotations =
            told.map(|(name, wording)| (name.clone(), expand(wording))).collect();
        bytes += labels.iter().map(|(_, text)| text.len()).sum::<usize>();
        bytes += annotations.iter().map(|(_, text)| text.len()).sum::<usize>();
        if bytes > MAX_TEXT_BYTES {
            return Err(format!("the rule's alerts have more than {MAX_TEXT_BYTES} bytes of text"));
        }
        if alerts.insert(labels.clone(), Seen { value, annotations }).is_some() {
            let twice = super::labels_text(&labels);
            return Err(format!(
                "two series become the same alert {twice}: give expr or labels what tells them apart"
            ));
        }
    }
    Ok(alerts)
}

/// The labels of the series without its name, over them those of the rule, and the alert's name.
fn alert_labels(
    series: &LabelSet,
    added: impl Iterator<Item = LabelPair>,
    name: &Arc<str>,
) -> LabelSet {
    let own = series.pairs().iter().filter(|(name, _)| **name != *NAME_LABEL).cloned();
    LabelSet::new(own.chain(added).chain([(Arc::from(ALERT_NAME_LABEL), name.clone())]))
}

/// The series that an answer is recorded as.
///
/// # Errors
/// When two of them would be one series.
pub(super) fn recorded(
    rule: &Rule,
    labels: &[LabelPair],
    samples: Vec<Sample>,
) -> Result<Vec<(LabelSet, f64)>, String> {
    let mut seen = BTreeSet::new();
    let mut series = Vec::with_capacity(samples.len());
    for sample in samples {
        let name: LabelPair = (Arc::from(NAME_LABEL), rule.name.clone());
        let own = sample.labels.pairs().iter().cloned();
        let labels = LabelSet::new(own.chain([name]).chain(labels.iter().cloned()));
        if !seen.insert(labels.clone()) {
            let twice = super::labels_text(&labels);
            return Err(format!(
                "two series would be recorded as one, {twice}: give expr or labels what tells them \
                 apart"
            ));
        }
        series.push((labels, sample.value));
    }
    Ok(series)
}

/// What Prometheus writes down of an alert that is pending or fires.
pub(super) fn series_of(alert: &Alert) -> [(LabelSet, f64); 2] {
    let named = |name: &str, more: &[(&str, &str)]| {
        let own = alert.labels.pairs().iter().cloned();
        let pair = |name: &str, value: &str| (Arc::from(name), Arc::from(value));
        let more = more.iter().map(|(name, value)| pair(name, value));
        LabelSet::new(own.chain([pair(NAME_LABEL, name)]).chain(more))
    };
    let since_s = alert.since_ms.div_euclid(1000) as f64;
    [
        (named(ALERTS, &[("alertstate", alert.state.as_str())]), 1.0),
        (named(ALERTS_FOR_STATE, &[]), since_s),
    ]
}
