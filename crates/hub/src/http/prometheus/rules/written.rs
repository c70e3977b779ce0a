//! Groups, rules and alerts as Prometheus writes them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use watchfire_alert::rules::{
    ALERT_NAME_LABEL, Alert, AlertState, BUILT_IN_FILE, Group, Health, Rule, RuleKind,
};
use watchfire_model::{LabelSet, Scope};

use super::super::json::scientific;
use super::wanted::Wanted;
use crate::alerts::{labels_of, server_of};
use crate::fleet::Fleet;
use crate::foreign::Foreign;
use crate::http::asker::Asker;
use crate::rules::{Snapshot, Timed, Watched};

/// What one user may see.
pub(super) struct Eyes<'a> {
    scope: &'a Scope,
    fleet: &'a Fleet,
    foreign: Foreign<'a>,
}

type Texts<'a> = BTreeMap<&'a str, Cow<'a, str>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupText<'a> {
    name: &'a str,
    file: &'a str,
    rules: Vec<Value>,
    interval: Value,
    limit: usize,
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingText<'a> {
    state: &'static str,
    name: &'a str,
    query: String,
    duration: Value,
    keep_firing_for: Value,
    labels: Texts<'a>,
    annotations: Texts<'a>,
    alerts: Vec<AlertText<'a>>,
    #[serde(flatten)]
    health: HealthText,
}

#[derive(Serialize)]
struct RecordingText<'a> {
    name: &'a str,
    query: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: Texts<'a>,
    #[serde(flatten)]
    health: HealthText,
}

/// How a rule does.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthText {
    health: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_error: String,
    evaluation_time: f64,
    last_evaluation: String,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertText<'a> {
    labels: Texts<'a>,
    annotations: Texts<'a>,
    state: &'static str,
    active_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    value: String,
}

impl<'a> Eyes<'a> {
    pub(super) fn of(asker: &'a Asker, fleet: &'a Fleet) -> Self {
        let scope = &asker.account.scope;
        Self { scope, fleet, foreign: Foreign::new(fleet, scope) }
    }

    fn see_all(&self) -> bool {
        self.scope.is_everything()
    }

    /// An alert of a server is for those who see the server. By its own labels it is judged where it
    /// is of none.
    fn see(&self, labels: &LabelSet) -> bool {
        if self.see_all() {
            return true;
        }
        let server = server_of(self.fleet, labels);
        match server.as_ref().and_then(|server| self.fleet.index(server)) {
            Some(index) => self.scope.holds(&self.fleet.config(index).server.labels),
            None => self.scope.holds(&labels_of(self.fleet, None, labels)),
        }
    }

    /// A rule without an alert, and what went wrong with it.
    fn see_rule(&self, group: &Group) -> bool {
        self.see_all() || *group.file == *BUILT_IN_FILE
    }
}

/// A group with the rules that are wanted and may be seen; nothing when there are none.
pub(super) fn group(watched: &Watched, wanted: &Wanted, eyes: &Eyes<'_>) -> Option<Vec<u8>> {
    let snapshot = watched.snapshot();
    let group = snapshot.state.group();
    let rules = group.rules.iter().enumerate().filter(|(_, rule)| wanted.has_rule(rule));
    let rules: Vec<Value> = rules
        .filter_map(|(number, rule)| rule_text(&snapshot, number, rule, wanted, eyes))
        .collect();
    if rules.is_empty() {
        return None;
    }
    let text = GroupText {
        name: &group.name,
        file: &group.file,
        rules,
        interval: seconds(watched.interval_ms),
        limit: group.limit,
        evaluation_time: took(snapshot.whole),
        last_evaluation: began(snapshot.whole),
    };
    serde_json::to_vec(&text).ok()
}

/// The alerts of a group that are active and may be seen, one text each.
pub(super) fn alerts(watched: &Watched, eyes: &Eyes<'_>) -> Vec<Vec<u8>> {
    let snapshot = watched.snapshot();
    let numbers = 0..snapshot.state.group().rules.len();
    let seen = numbers.flat_map(|number| active(&snapshot, number, eyes));
    seen.filter_map(|alert| serde_json::to_vec(&alert_text(alert, eyes)).ok()).collect()
}

fn active<'a>(
    snapshot: &'a Snapshot,
    rule: usize,
    eyes: &'a Eyes<'_>,
) -> impl Iterator<Item = &'a Alert> {
    let alerts = snapshot.state.alerts(rule);
    alerts.filter(|alert| alert.is_active() && eyes.see(&alert.labels))
}

fn rule_text(
    snapshot: &Snapshot,
    number: usize,
    rule: &Rule,
    wanted: &Wanted,
    eyes: &Eyes<'_>,
) -> Option<Value> {
    let is_open = eyes.see_rule(snapshot.state.group());
    // What a rule asks and is made of is shown as a whole or not at all.
    let is_read = eyes.foreign.may_read_rule(snapshot.state.group(), rule);
    let name = &*rule.name;
    let query = if is_read { rule.expr.to_string() } else { String::new() };
    let labels =
        || rule.labels().filter(|_| is_read).map(|(name, text)| (name, Cow::Borrowed(text)));
    let text = match &rule.kind {
        RuleKind::Alerting(alerting) => {
            let seen: Vec<&Alert> = active(snapshot, number, eyes).collect();
            if seen.is_empty() && !is_open {
                return None;
            }
            let told = alerting.annotations.iter().filter(|_| is_read);
            let alerts = seen.iter().filter(|_| wanted.with_alerts);
            serde_json::to_value(AlertingText {
                state: state(&seen),
                name,
                query,
                duration: seconds(alerting.for_ms),
                keep_firing_for: seconds(alerting.keep_firing_for_ms),
                labels: labels().collect(),
                annotations: told.map(|(name, one)| (&**name, one.text.as_str().into())).collect(),
                alerts: alerts.map(|alert| alert_text(alert, eyes)).collect(),
                health: health(snapshot, number, "alerting", eyes),
            })
        }
        RuleKind::Recording(_) if !is_open => return None,
        RuleKind::Recording(_) => serde_json::to_value(RecordingText {
            name,
            query,
            labels: labels().collect(),
            health: health(snapshot, number, "recording", eyes),
        }),
    };
    text.ok()
}

/// That of the worst of its alerts.
fn state(alerts: &[&Alert]) -> &'static str {
    let worst = alerts.iter().map(|alert| alert.state).max();
    worst.map_or("inactive", AlertState::as_str)
}

fn health(snapshot: &Snapshot, number: usize, kind: &'static str, eyes: &Eyes<'_>) -> HealthText {
    let (health, why) = match snapshot.state.health(number) {
        Health::Unknown => ("unknown", ""),
        Health::Good => ("ok", ""),
        // The words may name any server.
        Health::Bad(why) => ("err", if eyes.see_all() { why.as_str() } else { "it failed" }),
    };
    let timed = snapshot.rules.get(number).copied();
    HealthText {
        health,
        last_error: why.to_owned(),
        evaluation_time: took(timed),
        last_evaluation: began(timed),
        r#type: kind,
    }
}

fn alert_text<'a>(alert: &'a Alert, eyes: &Eyes<'_>) -> AlertText<'a> {
    debug_assert!(!alert.labels.get(ALERT_NAME_LABEL).is_empty(), "an alert has a name");
    let told = alert.annotations.iter();
    AlertText {
        labels: alert.labels.iter().map(|(name, text)| (name, Cow::Borrowed(text))).collect(),
        annotations: told.map(|(name, text)| (&**name, eyes.foreign.redact(text))).collect(),
        state: alert.state.as_str(),
        active_at: moment(alert.since_ms),
        keep_firing_since: alert.keep_since_ms.map(moment),
        value: scientific(alert.value),
    }
}

/// Milliseconds as seconds; whole ones without a point.
fn seconds(ms: i64) -> Value {
    if ms % 1000 == 0 { json!(ms / 1000) } else { json!(ms as f64 / 1000.0) }
}

fn took(timed: Option<Timed>) -> f64 {
    timed.map_or(Duration::ZERO, |timed| timed.took).as_secs_f64()
}

/// What never was, was in the year 1, as Go says.
fn began(timed: Option<Timed>) -> String {
    timed.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |timed| moment(timed.began_unix_ms))
}

fn moment(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).unwrap_or_default().to_string()
}
