//! What the operator's templates are about: the data of Alertmanager's templates, and the words
//! that Watchfire would say.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_model::{Content, IncidentState, LabelSet, NotificationKind};

use crate::alerts::{AlertFacts, ToldAlert};
use crate::go_template::{Data, List, Map, Value};
use crate::message::Facts;

/// How many alerts a template sees; the others are counted in `.TruncatedAlerts`.
const MAX_ALERTS: usize = 100;
/// Go's moment of nothing, the first of January of the year 1.
const NO_TIME_MS: i64 = -62_135_596_800_000;
/// The name of what presence says, which no rule has.
const SERVER_DOWN: &str = "ServerDown";

/// One alert as a template sees it.
struct One {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_ms: i64,
    ends_ms: Option<i64>,
    generator_url: String,
    value: Option<f64>,
}

/// What is told together.
struct All<'a> {
    is_over: bool,
    repeats: bool,
    alerts: Vec<One>,
    count: usize,
    link: &'a str,
    acknowledge: &'a str,
    at_ms: i64,
}

pub(super) fn of_alerts(facts: &AlertFacts<'_>, ours: &Content) -> Data {
    let is_over = facts.kind == NotificationKind::Resolved;
    let one = |alert: &ToldAlert<'_>| One::of(alert, is_over.then_some(facts.at_ms));
    let all = All {
        is_over,
        repeats: facts.repeats,
        alerts: facts.alerts.iter().take(MAX_ALERTS).map(one).collect(),
        count: facts.alerts.len(),
        link: facts.link,
        acknowledge: facts.acknowledge.unwrap_or_default(),
        at_ms: facts.at_ms,
    };
    all.data(ours)
}

/// The trouble of a server as an alert that is named `ServerDown`.
pub(super) fn of_server(facts: &Facts<'_>, ours: &Content) -> Data {
    let incident = facts.incident;
    let began = incident.silence_began.unwrap_or(incident.judged);
    let ended = match incident.state {
        IncidentState::Closed(at) => facts.ended.or(Some(at)),
        IncidentState::Open => facts.ended,
    };
    let name = facts.server.name.as_str();
    let mut labels = texts(facts.server.labels.iter());
    for (label, value) in [
        ("alertname", SERVER_DOWN),
        ("instance", name),
        ("server", name),
        ("severity", incident.severity.as_str()),
        ("presence", incident.presence.as_str()),
    ] {
        labels.insert(label.to_owned(), value.to_owned());
    }
    let annotations = [("summary", &*ours.subject), ("description", &*incident.cause)];
    let one = One {
        labels,
        annotations: texts(annotations.into_iter()),
        starts_ms: began.unix_ms,
        ends_ms: ended.map(|at| at.unix_ms),
        generator_url: String::new(),
        value: None,
    };
    let all = All {
        is_over: facts.kind == NotificationKind::Recovered,
        repeats: false,
        alerts: vec![one],
        count: 1,
        link: facts.link,
        acknowledge: facts.acknowledge.unwrap_or_default(),
        at_ms: ended.unwrap_or(incident.judged).unix_ms,
    };
    all.data(ours)
}

impl One {
    fn of(alert: &ToldAlert<'_>, over_ms: Option<i64>) -> Self {
        let mut labels = texts(alert.labels.iter());
        labels.insert("alertname".to_owned(), alert.name.to_owned());
        labels.entry("severity".to_owned()).or_insert_with(|| alert.severity.to_string());
        if let Some(server) = alert.server {
            labels.entry("server".to_owned()).or_insert_with(|| server.name.to_string());
        }
        let annotations = [
            ("summary", alert.summary),
            ("description", alert.description),
            ("runbook_url", alert.runbook_url),
        ];
        Self {
            labels,
            annotations: texts(annotations.into_iter().filter(|(_, text)| !text.is_empty())),
            starts_ms: alert.since_ms,
            ends_ms: alert.ended_ms.or(over_ms),
            generator_url: alert.generator_url.to_owned(),
            value: alert.value,
        }
    }

    fn value(&self) -> Value {
        let status = if self.ends_ms.is_some() { "resolved" } else { "firing" };
        let ends_ms = self.ends_ms.unwrap_or(NO_TIME_MS);
        Value::Map(Map::record([
            ("Status".into(), status.into()),
            ("Labels".into(), map(&self.labels)),
            ("Annotations".into(), map(&self.annotations)),
            ("StartsAt".into(), Value::Time(self.starts_ms)),
            ("EndsAt".into(), Value::Time(ends_ms)),
            ("GeneratorURL".into(), self.generator_url.as_str().into()),
            ("Fingerprint".into(), fingerprint(&self.labels).into()),
            ("Value".into(), self.value.map_or(Value::Nil, Value::Float)),
        ]))
    }
}

impl All<'_> {
    fn data(&self, ours: &Content) -> Data {
        let labels = common(self.alerts.iter().map(|alert| &alert.labels));
        let annotations = common(self.alerts.iter().map(|alert| &alert.annotations));
        let mut group = labels.clone();
        group.retain(|name, _| name == "alertname");
        let alerts = self.alerts.iter().map(One::value).collect();
        let hub = self.link.split_once("/#/").map_or(self.link, |(hub, _)| hub);
        let hidden = i64::try_from(self.count - self.alerts.len()).unwrap_or(i64::MAX);
        let status = if self.is_over { "resolved" } else { "firing" };
        let dot = Map::record([
            ("Receiver".into(), "watchfire".into()),
            ("Status".into(), status.into()),
            ("Alerts".into(), Value::List(List::new(alerts))),
            ("TruncatedAlerts".into(), Value::Int(hidden)),
            ("GroupLabels".into(), map(&group)),
            ("CommonLabels".into(), map(&labels)),
            ("CommonAnnotations".into(), map(&annotations)),
            ("ExternalURL".into(), hub.into()),
            ("Link".into(), self.link.into()),
            ("AcknowledgeURL".into(), self.acknowledge.into()),
            ("Repeats".into(), Value::Bool(self.repeats)),
            ("Subject".into(), ours.subject.as_str().into()),
            ("Text".into(), ours.text.as_str().into()),
        ]);
        Data::of_tree(Value::Map(dot), hub).at(self.at_ms)
    }
}

fn texts<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn map(texts: &BTreeMap<String, String>) -> Value {
    Value::Map(Map::of_texts(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))))
}

/// What all have alike.
fn common<'a>(
    mut all: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let mut common = all.next().cloned().unwrap_or_default();
    for one in all {
        common.retain(|name, text| one.get(name) == Some(text));
    }
    common
}

/// Keeps alerts apart, as Alertmanager's does: FNV-1a of all labels. It is not the same number.
fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let pairs = labels.iter().map(|(name, value)| (Arc::from(&**name), Arc::from(&**value)));
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, value) in LabelSet::new(pairs).iter() {
        for byte in name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
