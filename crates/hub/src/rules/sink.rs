//! What fires, as it is handed on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use watchfire_alert::rules::{Alert, AlertState, GroupState, Rule, RuleKind};
use watchfire_model::LabelSet;

use crate::alerts::{AlertDesk, Firing, Round};

/// Takes what fires.
pub(crate) trait AlertSink: Send + Sync {
    /// What it said `Ok` to is durable.
    fn take(&self, round: Round) -> BoxFuture<'_, Result<(), String>>;

    /// What fires by source, as the taker has it on the disk.
    fn by_source(&self) -> BoxFuture<'_, Result<BTreeMap<String, Vec<Firing>>, String>>;

    /// Whether an alert with these labels would be found if it were there.
    fn is_known(&self, labels: &LabelSet) -> bool;
}

impl AlertSink for Arc<AlertDesk> {
    fn take(&self, round: Round) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            // What is left out is counted and said by the desk.
            let taken = AlertDesk::take(self, round).await;
            taken.map(|_| ()).map_err(|error| error.to_string())
        })
    }

    fn by_source(&self) -> BoxFuture<'_, Result<BTreeMap<String, Vec<Firing>>, String>> {
        Box::pin(async { AlertDesk::by_source(self).await.map_err(|error| error.to_string()) })
    }

    fn is_known(&self, labels: &LabelSet) -> bool {
        self.knows_of(labels)
    }
}

/// What the names of groups as sources of alerts begin with.
pub(super) const SOURCES: &str = "rules/";

/// The name of a group as a source of alerts. No two groups have one, whatever signs are in theirs.
pub(super) fn source(file: &str, group: &str) -> String {
    let group = group.replace('%', "%25").replace('/', "%2F");
    format!("{SOURCES}{file}/{group}")
}

/// What fires of a group. Its alerts have no end of their own: they go on until a whole round does not
/// name them, so that a hub that has no time for its rules resolves nothing.
pub(super) fn round(state: &GroupState, public_url: &str, at_ms: i64, order: u64) -> Round {
    let group = state.group();
    let rules = group.rules.iter().enumerate();
    let alerts = rules.flat_map(|(number, rule)| {
        let url = generator_url(rule, public_url);
        let fires = state.alerts(number).filter(|alert| alert.state == AlertState::Firing);
        fires.map(move |alert| firing(alert, url.clone()))
    });
    let alerts = alerts.collect();
    let names = group.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Alerting(_)));
    let rules: BTreeSet<String> = names.map(|rule| rule.name.to_string()).collect();
    let source = source(&group.file, &group.name);
    Round { source, alerts, is_whole: true, at_ms, rules: Some(rules), order, poster: None }
}

fn firing(alert: &Alert, generator_url: String) -> Firing {
    let told = alert.annotations.iter();
    Firing {
        labels: alert.labels.clone(),
        annotations: told.map(|(name, text)| (name.to_string(), text.clone())).collect(),
        value: Some(alert.value),
        starts_ms: alert.fired_at_ms.unwrap_or(alert.since_ms),
        ends_ms: None,
        generator_url,
    }
}

/// Where the rule's question is answered.
fn generator_url(rule: &Rule, public_url: &str) -> String {
    let mut url = format!("{public_url}/api/v1/query?query=");
    for byte in rule.expr.to_string().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}
