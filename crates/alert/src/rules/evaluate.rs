//! One rule at one moment: its question, and what the answer's series become.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use watchfire_model::{LabelPair, LabelSet, NAME_LABEL, Part, PartOf, SeriesSource, SourceError};
use watchfire_promql::{Features, Limits, Query, QueryError, Sample, Value};

use super::alerts::{Alert, Annotations, Seen};
use super::group::{Alerting, Rule, Wording};
use crate::go_template::{self, Data, Queries};

/// The label that holds an alert's name.
pub const ALERT_NAME_LABEL: &str = "alertname";

/// A rule that gives more alerts at a moment fails, whatever the limit of its group.
const MAX_ALERTS: usize = 50_000;

/// A rule whose alerts have labels of more bytes in all fails likewise. Annotations that do not fit
/// into what is left of it are not told.
const MAX_TEXT_BYTES: usize = 64 * 1024 * 1024;

/// How many steps all annotations of a rule may take together: some seconds.
const MAX_STEPS: u64 = 10_000_000;

/// No text of an annotation that cannot be told is longer, in bytes.
const MAX_ERROR_BYTES: usize = 256;

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

/// What one question of a rule may cost on a hub. A question that costs more is asked about some
/// servers at a time, where that is the same: so the memory that a rule takes has a bound, and a
/// fleet has none.
#[must_use]
pub fn rule_limits() -> Limits {
    // 8 or 16 bytes each, and some hundred bytes each.
    Limits { samples: 10_000_000, series: 200_000, ..Limits::default() }
}

/// More parts than this no question is asked in, and each time there are so many more.
const MAX_PARTS: u32 = 256;
const MORE_PARTS: u32 = 4;

/// The answer to a rule's question.
pub(super) struct Asked {
    pub(super) samples: Vec<Sample>,
    /// Something that is asked for could not be read.
    pub(super) incomplete: bool,
}

/// What is not found is not there, whatever it is.
#[must_use]
pub fn always_known(_: &LabelSet) -> bool {
    true
}

impl Scene<'_> {
    /// The answer to a question at a moment, asked in `parts`; where that is too much at once, in more.
    pub(super) fn ask(&self, query: &Query, at_ms: i64, parts: &mut u32) -> Result<Asked, String> {
        loop {
            *parts = (*parts).max(1);
            let asked = match *parts {
                1 => self.ask_of(self.source, query, at_ms),
                of => self.ask_in_parts(query, at_ms, of),
            };
            match asked {
                Err(AskError::TooMuch(_))
                    if *parts < MAX_PARTS && query.is_apart_by(Part::LABEL) =>
                {
                    *parts *= MORE_PARTS;
                }
                Err(AskError::TooMuch(why) | AskError::Other(why)) => return Err(why),
                Ok(asked) => return Ok(asked),
            }
        }
    }

    fn ask_in_parts(&self, query: &Query, at_ms: i64, of: u32) -> Result<Asked, AskError> {
        let mut all = Asked { samples: Vec::new(), incomplete: false };
        for number in 0..of {
            let source = PartOf { source: self.source, part: Part { number, of } };
            let asked = self.ask_of(&source, query, at_ms)?;
            all.samples.extend(asked.samples);
            all.incomplete |= asked.incomplete;
            if all.samples.len() > self.limits.series {
                // More parts would give no less.
                let limit = self.limits.series;
                let error: QueryError = SourceError::TooManySeries { limit }.into();
                return Err(AskError::Other(error.to_string()));
            }
        }
        Ok(all)
    }

    fn ask_of(
        &self,
        source: &dyn SeriesSource,
        query: &Query,
        at_ms: i64,
    ) -> Result<Asked, AskError> {
        let answer = query.instant(source, at_ms, &self.limits, self.out_of_time);
        let answer = answer.map_err(|error| match &error {
            QueryError::TooManySeries { .. } | QueryError::TooManySamples { .. } => {
                AskError::TooMuch(error.to_string())
            }
            _ => AskError::Other(error.to_string()),
        })?;
        let samples = vector(answer.value).map_err(AskError::Other)?;
        Ok(Asked { samples, incomplete: answer.incomplete })
    }
}

/// Why there is no answer.
enum AskError {
    /// In parts there may be one.
    TooMuch(String),
    Other(String),
}

/// Answers the questions of the templates of one rule, and knows what these may still do.
struct Asking<'a> {
    scene: &'a Scene<'a>,
    at_ms: i64,
    /// What all questions together may read.
    samples: Cell<usize>,
    /// What all annotations together may do.
    steps: Cell<u64>,
    /// What all texts together may take.
    bytes: Cell<usize>,
    /// Why the first text was left out that the others have left no room for.
    left_out: RefCell<Option<String>>,
}

impl<'a> Asking<'a> {
    fn new(scene: &'a Scene<'a>, at_ms: i64) -> Self {
        let samples = Cell::new(scene.limits.samples);
        let (steps, bytes) = (Cell::new(MAX_STEPS), Cell::new(MAX_TEXT_BYTES));
        Self { scene, at_ms, samples, steps, bytes, left_out: RefCell::default() }
    }

    /// What a template says of a series. Where it cannot, its words are the error: an alert is
    /// never lost for want of a good text.
    fn label(&self, wording: &Wording, data: &Data) -> String {
        let text = wording.template.expand(data, self, &self.scene.template_limits);
        text.unwrap_or_else(|error| no_text(&error))
    }

    /// The same, as long as the annotations of the rule may do anything more.
    fn annotation(&self, wording: &Wording, data: &Data) -> String {
        let why = match self.scene.template_limits.steps.min(self.steps.get()) {
            _ if (self.scene.out_of_time)() => "there is no time for it",
            0 => "the annotations of the rule take too many steps",
            steps => {
                let limits = go_template::Limits { steps, ..self.scene.template_limits };
                let (text, steps) = wording.template.expand_counted(data, self, &limits);
                self.steps.set(self.steps.get() - steps);
                let text = text.unwrap_or_else(|error| no_text(&error));
                if self.take(text.len()) {
                    return text;
                }
                "the alerts of the rule have too much text"
            }
        };
        self.left_out
            .borrow_mut()
            .get_or_insert_with(|| format!("annotations are left out: {why}"));
        no_text(&why)
    }

    /// Takes room for a text, where there is some.
    fn take(&self, bytes: usize) -> bool {
        let left = self.bytes.get().checked_sub(bytes);
        self.bytes.set(left.unwrap_or(self.bytes.get()));
        left.is_some()
    }
}

/// What stands where a text would.
fn no_text(why: &dyn Display) -> String {
    let mut text = format!("<error expanding template: {why}");
    text.truncate(text.floor_char_boundary(MAX_ERROR_BYTES));
    text.push('>');
    text
}

impl Queries for Asking<'_> {
    fn out_of_time(&self) -> bool {
        (self.scene.out_of_time)()
    }

    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        let query = Query::parse(text, Features::default()).map_err(|error| error.to_string())?;
        let Scene { source, limits, out_of_time, .. } = *self.scene;
        let limits = Limits { samples: self.samples.get(), ..limits };
        let answer = query.instant(source, self.at_ms, &limits, out_of_time);
        // What a question read that failed is not told: it counts as a part of all.
        let used = answer.as_ref().map_or(self.scene.limits.samples / 16, |answer| answer.samples);
        self.samples.set(self.samples.get().saturating_sub(used));
        match answer.map_err(|error| error.to_string())?.value {
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

/// The alerts that an answer means, and why annotations of them were left out. Labels come before all
/// annotations: by them alerts are known, and none is lost for want of a text.
///
/// # Errors
/// When two series become one alert, or there is too much of them.
pub(super) fn alerts(
    rule: &Rule,
    alerting: &Alerting,
    samples: &[Sample],
    at_ms: i64,
    scene: &Scene<'_>,
) -> Result<(BTreeMap<LabelSet, Seen>, Option<String>), String> {
    if samples.len() > MAX_ALERTS {
        return Err(format!(
            "the rule gives {} alerts, and {MAX_ALERTS} can be kept",
            samples.len()
        ));
    }
    let asking = Asking::new(scene, at_ms);
    let data_of = |sample: &Sample| {
        let (url, value) = (scene.external_url, sample.value);
        Data::of_alert(&sample.labels, value, scene.external_labels, url).at(at_ms)
    };
    let mut places = BTreeMap::new();
    for (place, sample) in samples.iter().enumerate() {
        let data = data_of(sample);
        let added = alerting.labels.iter().map(|(name, wording)| {
            let pair: LabelPair = (name.clone(), asking.label(wording, &data).into());
            pair
        });
        let labels = alert_labels(&sample.labels, added, &rule.name);
        // Behind the labels: one that had no time would be another.
        if (scene.out_of_time)() {
            return Err(QueryError::OutOfTime.to_string());
        }
        if !asking.take(labels.iter().map(|(_, text)| text.len()).sum()) {
            return Err(format!(
                "the rule's alerts have labels of more than {MAX_TEXT_BYTES} bytes"
            ));
        }
        if places.insert(labels.clone(), place).is_some() {
            let twice = super::labels_text(&labels);
            return Err(format!(
                "two series become the same alert {twice}: give expr or labels what tells them apart"
            ));
        }
    }
    let seen = places.into_iter().map(|(labels, place)| {
        let (sample, data) = (&samples[place], data_of(&samples[place]));
        let told = alerting.annotations.iter();
        let annotations: Annotations =
            told.map(|(name, wording)| (name.clone(), asking.annotation(wording, &data))).collect();
        (labels, Seen { value: sample.value, annotations })
    });
    let seen = seen.collect();
    Ok((seen, asking.left_out.into_inner()))
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
