//! What fires, as it is handed on.

use futures_util::future::BoxFuture;
use watchfire_alert::rules::{Alert, AlertState, GroupState, Rule};
use watchfire_model::LabelSet;

/// All alerts of one source that fire at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Round {
    /// `rules/FILE/GROUP`
    pub(crate) source: String,
    pub(crate) alerts: Vec<Firing>,
    /// What is not named is over.
    pub(crate) is_whole: bool,
    pub(crate) at_ms: i64,
}

/// An alert that fires. Moments are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Firing {
    /// With `alertname`.
    pub(crate) labels: LabelSet,
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) value: Option<f64>,
    pub(crate) starts_ms: i64,
    /// Over then, unless it is named again before.
    pub(crate) ends_ms: Option<i64>,
    pub(crate) generator_url: String,
}

/// Takes what fires. What it said `Ok` to is durable.
pub(crate) trait AlertSink: Send + Sync {
    fn take(&self, round: Round) -> BoxFuture<'_, Result<(), String>>;
}

/// Takes it and tells nobody.
pub(crate) struct Unheard;

impl AlertSink for Unheard {
    fn take(&self, _: Round) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The name of a group as a source of alerts.
pub(super) fn source(file: &str, group: &str) -> String {
    format!("rules/{file}/{group}")
}

/// What fires of a group. Its alerts have no end of their own: they go on until a round does not
/// name them, so that a hub that has no time for its rules resolves nothing.
pub(super) fn round(state: &GroupState, public_url: &str, at_ms: i64) -> Round {
    let group = state.group();
    let rules = group.rules.iter().enumerate();
    let alerts = rules.flat_map(|(number, rule)| {
        let url = generator_url(rule, public_url);
        let fires = state.alerts(number).filter(|alert| alert.state == AlertState::Firing);
        fires.map(move |alert| firing(alert, url.clone()))
    });
    let alerts = alerts.collect();
    Round { source: source(&group.file, &group.name), alerts, is_whole: true, at_ms }
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
