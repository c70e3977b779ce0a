//! What is active of a group of rules, from evaluation to evaluation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

use watchfire_model::{ABSENT, LabelPair, LabelSet, NAME_LABEL, is_absent};
use watchfire_promql::Sample;

use super::alerts::{self, Ageing, Alert, Alerts, Change};
use super::evaluate::{self, ALERT_NAME_LABEL, ALERTS, ALERTS_FOR_STATE, Asked, Scene};
use super::group::{Alerting, Group, Rule, RuleKind};
use super::overlay::Overlay;

/// The interval of groups that name none, in milliseconds.
pub const USUAL_INTERVAL_MS: i64 = 15_000;

/// A group with the state of its rules.
#[derive(Debug, Clone)]
pub struct GroupState {
    group: Arc<Group>,
    pub(super) rules: Vec<RuleState>,
    /// How far apart evaluations should be.
    interval_ms: i64,
    /// Series of rules that are no more, whose end nobody has been told yet.
    ended: Vec<LabelSet>,
    pub(super) evaluated_at_ms: Option<i64>,
    /// Since when nobody has looked: the moment of the last evaluation, or of the restart behind it.
    pub(super) looked_at_ms: Option<i64>,
    /// Until then no alert from before a restart ends.
    pub(super) grace_until_ms: i64,
}

/// What is known of one rule.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleState {
    pub(super) alerts: Alerts,
    /// The series that it gave last.
    pub(super) series: BTreeSet<LabelSet>,
    health: Health,
    /// In how many parts its question is asked, because it is too much for one.
    parts: u32,
}

/// How the last evaluation of a rule went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// There was none yet.
    #[default]
    Unknown,
    /// Well.
    Good,
    /// It failed, and why, and what the rule gave before stands; or what is wrong with what it gave.
    Bad(String),
}

/// What one evaluation of a group gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// What became of which alert, rule by rule.
    pub alerts: Vec<AlertChange>,
    /// The moment of the samples of `series`, in Unix milliseconds.
    pub series_at_ms: i64,
    /// A sample for each series: those that rules record, `ALERTS` and `ALERTS_FOR_STATE`. The value
    /// of a series that is no more is [`ABSENT`].
    pub series: Vec<(LabelSet, f64)>,
    /// The rules that failed or gave less than they should, by their number in the group, and why.
    pub errors: Vec<(usize, String)>,
}

/// An alert to which something happened.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChange {
    /// The number of its rule in the group.
    pub rule: usize,
    /// What happened.
    pub change: Change,
    /// The alert as it is now.
    pub alert: Alert,
}

/// What one rule gave: the series to store, and what became of its alerts.
#[derive(Default)]
pub(super) struct Given {
    pub(super) series: Vec<(LabelSet, f64)>,
    pub(super) changes: Vec<(Change, Alert)>,
    /// Why it failed: all is as it was.
    pub(super) error: Option<String>,
    /// What is wrong with what it gave.
    pub(super) fault: Option<String>,
    /// There may be series that it should have given.
    pub(super) is_in_doubt: bool,
}

/// What the health of a rule says while something that it asks for cannot be read.
pub(super) const INCOMPLETE: &str =
    "something that it asks for cannot be read: until it can, nothing counts as over";

impl GroupState {
    /// A group of which nothing was evaluated yet.
    #[must_use]
    pub fn new(group: Arc<Group>) -> Self {
        let rules = group.rules.iter().map(|_| RuleState::default()).collect();
        let interval_ms = group.interval_ms.unwrap_or(USUAL_INTERVAL_MS);
        Self {
            group,
            rules,
            interval_ms,
            ended: Vec::new(),
            evaluated_at_ms: None,
            looked_at_ms: None,
            grace_until_ms: i64::MIN,
        }
    }

    /// For whoever evaluates the group at an interval of its own, in milliseconds.
    #[must_use]
    pub fn evaluated_every(mut self, interval_ms: i64) -> Self {
        self.interval_ms = interval_ms;
        self
    }

    /// For a group that is not evaluated yet: why.
    #[must_use]
    pub fn waiting(mut self, why: &str) -> Self {
        self.rules.iter_mut().for_each(|rule| rule.health = Health::Bad(why.to_owned()));
        self
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// When it was last evaluated, in Unix milliseconds.
    #[must_use]
    pub fn evaluated_at_ms(&self) -> Option<i64> {
        self.evaluated_at_ms
    }

    /// The alerts of a rule, by its number in the group: pending, firing, and resolved ones for a
    /// while ([`RESOLVED_KEPT_MS`](super::RESOLVED_KEPT_MS)).
    pub fn alerts(&self, rule: usize) -> impl Iterator<Item = &Alert> {
        self.rules.get(rule).into_iter().flat_map(|state| state.alerts.values())
    }

    /// How the last evaluation of a rule went, by its number in the group.
    #[must_use]
    pub fn health(&self, rule: usize) -> &Health {
        self.rules.get(rule).map_or(&Health::Unknown, |state| &state.health)
    }

    /// The same state under the rules of a file that was read anew. A rule keeps its alerts when
    /// kind, name and labels are as they were; the series of the others end with the next
    /// evaluation. Their alerts are returned: nobody looks after them any more.
    #[must_use]
    pub fn changed(mut self, group: Arc<Group>) -> (Self, Vec<Alert>) {
        let mut before: BTreeMap<String, RuleState> =
            self.group.identities().into_iter().zip(self.rules).collect();
        let identities = group.identities().into_iter();
        self.rules =
            identities.map(|identity| before.remove(&identity).unwrap_or_default()).collect();
        let mut orphans = Vec::new();
        for state in before.into_values() {
            orphans.extend(state.alerts.into_values().filter(Alert::is_active));
            self.ended.extend(state.series);
        }
        // Whoever evaluates at an interval of its own says so again.
        self.interval_ms = group.interval_ms.unwrap_or(USUAL_INTERVAL_MS);
        self.group = group;
        (self, orphans)
    }

    /// The series of a group that is evaluated no more: each wants a last sample, [`ABSENT`].
    #[must_use]
    pub fn into_series(self) -> BTreeSet<LabelSet> {
        self.rules.into_iter().flat_map(|state| state.series).chain(self.ended).collect()
    }

    /// Evaluates all rules at a moment in Unix milliseconds. What a rule gives is there for those
    /// behind it. When the moment is earlier than the one before, or so much later that evaluations
    /// must have been left out, the time between them is an [`Outage`](super::Outage).
    pub fn evaluate(&mut self, at_ms: i64, scene: &Scene<'_>) -> Evaluation {
        self.evaluate_each(at_ms, scene, &mut |_| {})
    }

    /// The same, and tells the number of each rule once it is evaluated: so that whoever has a
    /// clock can say how long it took.
    pub fn evaluate_each(
        &mut self,
        at_ms: i64,
        scene: &Scene<'_>,
        done: &mut dyn FnMut(usize),
    ) -> Evaluation {
        let series_at_ms = at_ms.saturating_sub(self.group.query_offset_ms.unwrap_or(0));
        self.notice_outage(at_ms, self.interval_ms);
        let gap_ms = self.looked_at_ms.map_or(0, |looked| at_ms.saturating_sub(looked).max(0));
        let (grace_until_ms, limit) = (self.grace_until_ms, self.group.limit);
        let turn = Turn { at_ms, series_at_ms, grace_until_ms, gap_ms, limit };
        let mut evaluation = Evaluation { series_at_ms, ..Evaluation::default() };
        let (mut fresh, mut written) = (Overlay::over(scene.source), Written::default());
        let ended = mem::take(&mut self.ended).into_iter().map(|labels| (labels, ABSENT));
        written.put_all(ended.collect(), series_at_ms, &mut fresh);
        for (number, (rule, state)) in self.group.rules.iter().zip(&mut self.rules).enumerate() {
            let given = state.evaluate(rule, turn, &Scene { source: &fresh, ..*scene });
            if given.is_in_doubt {
                fresh.doubt(gives(rule));
            }
            written.put_all(given.series, series_at_ms, &mut fresh);
            let change = |(change, alert)| AlertChange { rule: number, change, alert };
            evaluation.alerts.extend(given.changes.into_iter().map(change));
            evaluation.errors.extend(given.error.or(given.fault).map(|why| (number, why)));
            done(number);
        }
        (self.evaluated_at_ms, self.looked_at_ms) = (Some(at_ms), Some(at_ms));
        evaluation.series = written.series;
        evaluation
    }
}

/// One evaluation of a group.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// When it is.
    pub(super) at_ms: i64,
    /// What the questions are about.
    pub(super) series_at_ms: i64,
    pub(super) grace_until_ms: i64,
    /// How long ago the one before was.
    pub(super) gap_ms: i64,
    /// More alerts or series of one rule are an error; 0 for no limit.
    pub(super) limit: usize,
}

impl RuleState {
    /// Asks the rule's question, and takes in the answer.
    pub(super) fn evaluate(&mut self, rule: &Rule, turn: Turn, scene: &Scene<'_>) -> Given {
        let answer = scene.ask(&rule.expr, turn.series_at_ms, &mut self.parts);
        self.take(rule, turn, scene, answer)
    }

    /// Takes in the answer to the rule's question. An error leaves all as it was.
    pub(super) fn take(
        &mut self,
        rule: &Rule,
        turn: Turn,
        scene: &Scene<'_>,
        answer: Result<Asked, String>,
    ) -> Given {
        let incomplete = answer.as_ref().is_ok_and(|asked| asked.incomplete);
        let given = answer.and_then(|asked| match &rule.kind {
            RuleKind::Recording(labels) => recorded(rule, labels, turn, asked.samples),
            RuleKind::Alerting(alerting) => self.alerted(rule, alerting, turn, scene, &asked),
        });
        let mut given = given.unwrap_or_else(|why| Given { error: Some(why), ..Given::default() });
        if incomplete && given.error.is_none() {
            given.fault.get_or_insert_with(|| INCOMPLETE.to_owned());
        }
        let wrong = given.error.as_ref().or(given.fault.as_ref());
        self.health = wrong.map_or(Health::Good, |why| Health::Bad(why.clone()));
        let is_recorded = matches!(rule.kind, RuleKind::Recording(_));
        given.is_in_doubt = given.error.is_some() || (incomplete && is_recorded);
        if incomplete && is_recorded {
            self.series.extend(given.series.iter().map(|(labels, _)| labels.clone()));
        } else if given.error.is_none() {
            self.end_others(&mut given.series);
        }
        given
    }

    fn alerted(
        &mut self,
        rule: &Rule,
        alerting: &Alerting,
        turn: Turn,
        scene: &Scene<'_>,
        asked: &Asked,
    ) -> Result<Given, String> {
        let (seen, fault) = evaluate::alerts(rule, alerting, &asked.samples, turn.at_ms, scene)?;
        let ageing = Ageing {
            for_ms: alerting.for_ms,
            keep_firing_for_ms: alerting.keep_firing_for_ms,
            grace_until_ms: turn.grace_until_ms,
            gap_ms: turn.gap_ms,
            limit: turn.limit,
        };
        let is_known = |labels: &LabelSet| !asked.incomplete && (scene.is_known)(labels);
        let (changes, held) = alerts::step(&mut self.alerts, seen, &is_known, turn.at_ms, ageing);
        let fault = held.err().map(|count| too_many(turn.limit, count, "alerts")).or(fault);
        let active = self.alerts.values().filter(|alert| alert.is_active());
        let series = active.flat_map(evaluate::series_of).collect();
        Ok(Given { series, changes, fault, ..Given::default() })
    }

    /// Ends the series that were given before and are not given now.
    fn end_others(&mut self, series: &mut Vec<(LabelSet, f64)>) {
        let now: BTreeSet<LabelSet> = series.iter().map(|(labels, _)| labels.clone()).collect();
        let gone = self.series.difference(&now).map(|labels| (labels.clone(), ABSENT));
        series.extend(gone);
        self.series = now;
    }
}

fn recorded(
    rule: &Rule,
    labels: &[LabelPair],
    turn: Turn,
    samples: Vec<Sample>,
) -> Result<Given, String> {
    let series = evaluate::recorded(rule, labels, samples)?;
    if turn.limit > 0 && series.len() > turn.limit {
        return Err(too_many(turn.limit, series.len(), "series"));
    }
    Ok(Given { series, ..Given::default() })
}

/// What all series have in common that a rule gives, in one or more ways.
pub(super) fn gives(rule: &Rule) -> Vec<LabelSet> {
    let pair = |name: &str, value: &str| -> LabelPair { (name.into(), value.into()) };
    match &rule.kind {
        RuleKind::Recording(labels) => {
            let name = pair(NAME_LABEL, &rule.name);
            vec![LabelSet::new([name].into_iter().chain(labels.iter().cloned()))]
        }
        RuleKind::Alerting(_) => [ALERTS, ALERTS_FOR_STATE]
            .map(|name| LabelSet::new([pair(NAME_LABEL, name), pair(ALERT_NAME_LABEL, &rule.name)]))
            .to_vec(),
    }
}

fn too_many(limit: usize, count: usize, what: &str) -> String {
    format!("the rule gives {count} {what}, and the limit of its group is {limit}")
}

/// The samples of one moment, each series once: the first value counts, and any value more than an
/// end, because another rule may go on with a series.
#[derive(Default)]
struct Written {
    series: Vec<(LabelSet, f64)>,
    places: HashMap<LabelSet, usize>,
}

impl Written {
    /// Takes series in, and shows them to the rules that follow.
    fn put_all(&mut self, series: Vec<(LabelSet, f64)>, at_ms: i64, fresh: &mut Overlay<'_>) {
        for (labels, value) in series {
            fresh.put(&labels, at_ms, value);
            self.put(labels, value);
        }
    }

    fn put(&mut self, labels: LabelSet, value: f64) {
        match self.places.get(&labels) {
            None => {
                self.places.insert(labels.clone(), self.series.len());
                self.series.push((labels, value));
            }
            Some(&place) if is_absent(self.series[place].1) => self.series[place].1 = value,
            Some(_) => {}
        }
    }
}
