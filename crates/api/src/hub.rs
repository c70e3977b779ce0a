//! The hub's own interface, `/api/…`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use watchfire_model::{
    Delivery, DeliveryOutcome, Incident, IncidentState, Notification, TimelineEntry,
};

use crate::agent::{ProcessRow, StatsReply};

/// The body of `POST /api/login`.
#[derive(Clone, Serialize, Deserialize)]
pub struct LogIn {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: String,
    /// A code of the user's authenticator app, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A no that says what would make it a yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The words.
    pub message: String,
    /// `code` (of an authenticator app), `password`, or `second_factor` where the user has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
}

/// The answer to a login, and of `GET /api/me` beside [`HubInfo`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginReply {
    /// The user.
    pub user: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// What the page sends as `X-Watchfire-Csrf` with every change.
    pub csrf: String,
}

/// The answer of `GET /api/me`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Me {
    /// Who asks.
    #[serde(flatten)]
    pub login: LoginReply,
    /// The hub that answers.
    pub hub: HubInfo,
}

/// What the hub says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HubInfo {
    /// The program's version.
    pub version: String,
    /// When it started.
    pub started_unix_ms: i64,
    /// Whether notifications can leave by mail.
    pub mail_configured: bool,
    /// Since when the hub's own disk is full, if it is.
    pub disk_full_since_unix_ms: Option<i64>,
}

/// The answer of `GET /api/servers`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerList {
    /// The servers that the user may see, by name.
    pub servers: Vec<ServerRow>,
    /// The hub's clock.
    pub now_unix_ms: i64,
}

/// One server in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerRow {
    /// The name.
    pub name: String,
    /// The labels, without `name` and `instance`.
    pub labels: BTreeMap<String, String>,
    /// Where the hub dials it.
    pub address: String,
    /// `up`, `late`, `down`, `agent_down`, `unreachable`, `leaving` or `unknown`.
    pub presence: String,
    /// Since when.
    pub since_unix_ms: i64,
    /// The last sign of life.
    pub last_sign_unix_ms: Option<i64>,
    /// Why the hub thinks so, while there is trouble.
    pub cause: Option<String>,
    /// The open incident.
    pub incident: Option<i64>,
    /// Busy time of all cores, 0 to 100.
    pub cpu_percent: Option<f64>,
    /// Used memory, 0 to 100.
    pub memory_percent: Option<f64>,
    /// The fullest filesystem, 0 to 100.
    pub disk_percent: Option<f64>,
    /// Where that filesystem is mounted.
    pub disk_mount: Option<String>,
    /// Load over one minute.
    pub load1: Option<f64>,
    /// Time since boot.
    pub uptime_seconds: Option<u64>,
    /// How its signs of life come: as `datagrams`, or only on its `stream`, which is
    /// weaker where packets are lost. None while it has no session.
    #[serde(default)]
    pub pulse: Option<String>,
    /// Since when there is no stream while its datagrams come: it lives, and what it
    /// tells of itself does not get here.
    #[serde(default)]
    pub stream_missing_since_unix_ms: Option<i64>,
    /// The share of its datagrams that did not arrive over the last minute, 0 to
    /// 100; where the hub dials, of those that the agent did not answer.
    #[serde(default)]
    pub loss_percent: Option<f64>,
    /// The mean time from the hub to the agent and back over the last minute, where
    /// the hub dials.
    #[serde(default)]
    pub rtt_ms: Option<f64>,
    /// How far the server's clock is ahead of the hub's, when that is more than two
    /// seconds.
    #[serde(default)]
    pub clock_skew_seconds: Option<f64>,
    /// True when two agents were seen with its key.
    #[serde(default)]
    pub two_agents: bool,
    /// True when its agent told more than the hub stores of one server, a while ago: a
    /// part is missing from its history.
    #[serde(default)]
    pub over_quota: bool,
}

/// The answer of `GET /api/servers/{name}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerDetail {
    /// The row of the list.
    #[serde(flatten)]
    pub row: ServerRow,
    /// The last status; its shape is that of the agent's `/stats`.
    pub status: Option<StatsReply>,
    /// How old that status is.
    pub status_age_seconds: Option<f64>,
    /// What its kernel told of late, oldest first.
    #[serde(default)]
    pub events: Vec<KernelEventRow>,
}

/// Something that a server's kernel told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelEventRow {
    /// When the hub heard of it.
    pub at_unix_ms: i64,
    /// What it is about: `oom_kill` for example.
    pub kind: String,
    /// The kernel's words.
    pub text: String,
}

/// The answer of `GET /api/servers/{name}/processes`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessList {
    /// When the processes were read, on the server's clock.
    pub at_unix_ms: i64,
    /// How many there were.
    pub total: u32,
    /// The ones that were asked for.
    pub processes: Vec<ProcessRow>,
}

/// The answer of `GET /api/incidents`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IncidentList {
    /// Newest first.
    pub incidents: Vec<IncidentRow>,
}

/// One incident in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// The number.
    pub id: i64,
    /// `presence` for a server that does not answer, `alerts` for alerts that fire.
    pub kind: String,
    /// `critical`, `warning` or `info`: how bad it is, or was at its worst.
    pub severity: String,
    /// The first incident of those that belong together, unless it is this one.
    pub part_of: Option<i64>,
    /// Who looks after it.
    pub acknowledged: Option<AcknowledgedRow>,
    /// The server; the name of the alert where that is about no server.
    pub server: String,
    /// The verdict; `up` for one of alerts.
    pub presence: String,
    /// One sentence that says what happened.
    pub cause: String,
    /// The last sign of life before it.
    pub silence_began_unix_ms: Option<i64>,
    /// When the hub judged.
    pub judged_unix_ms: i64,
    /// When it ended.
    pub closed_unix_ms: Option<i64>,
    /// From the last sign of life to the judgement, on the hub's monotonic clock.
    pub silent_seconds: Option<f64>,
    /// The part of that in which the hub itself stood still.
    pub hub_stalled_seconds: f64,
    /// The last sign of life on the hub's monotonic clock, since the machine's boot.
    pub silence_began_monotonic_ms: Option<f64>,
    /// The judgement on the same clock.
    pub judged_monotonic_ms: f64,
    /// The end on the same clock.
    pub closed_monotonic_ms: Option<f64>,
}

/// Who looks after an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedRow {
    /// The user.
    pub by: String,
    /// Since when.
    pub at_unix_ms: i64,
}

/// The answer of `GET /api/incidents/{id}`: of all incidents that belong together, as far as
/// the one who asks may know of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IncidentDetail {
    /// The row of the list.
    #[serde(flatten)]
    pub row: IncidentRow,
    /// The others that belong to it, oldest first.
    #[serde(default)]
    pub family: Vec<IncidentRow>,
    /// The alerts that fire or fired, oldest first.
    #[serde(default)]
    pub alerts: Vec<AlertRow>,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineRow>,
    /// Who was told, and how that went.
    pub notifications: Vec<NotificationRow>,
}

/// One alert of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRow {
    /// The number.
    pub id: i64,
    /// The incident that it is in.
    pub incident: i64,
    /// Who says that it fires: `rules/FILE/GROUP`, or `api`.
    pub source: String,
    /// Its labels, `alertname` among them.
    pub labels: BTreeMap<String, String>,
    /// What is said of it.
    pub annotations: BTreeMap<String, String>,
    /// The value that made it fire.
    pub value: Option<f64>,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// Since when it fires.
    pub starts_unix_ms: i64,
    /// When it was over.
    pub over_unix_ms: Option<i64>,
    /// Where it comes from.
    pub generator_url: String,
    /// Why nobody is told of it now.
    pub muted: Option<String>,
}

/// One line of a timeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimelineRow {
    /// When.
    pub at_unix_ms: i64,
    /// `last_sign`, `observed`, `judged`, `recovered`, `fired`, `resolved` and the like.
    pub kind: String,
    /// In words.
    pub text: String,
}

/// One notification of an incident.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotificationRow {
    /// The number.
    pub id: i64,
    /// Who is told.
    pub user: String,
    /// `down`, `changed`, `recovered`, `firing`, `resolved`, `report` and the like.
    pub kind: String,
    /// `pending`, `held`, `delivered`, `merged` or `dead`.
    pub state: String,
    /// The subject.
    pub subject: String,
    /// When it was written down.
    pub created_unix_ms: i64,
    /// The tries, oldest first.
    pub deliveries: Vec<DeliveryRow>,
}

/// One try to hand a notification to a channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// The channel, without secrets: a mail address, or the scheme alone.
    pub channel: String,
    /// 1 for the first.
    pub attempt: u32,
    /// When it began.
    pub began_unix_ms: i64,
    /// When it ended.
    pub ended_unix_ms: Option<i64>,
    /// The beginning on the hub's monotonic clock.
    pub began_monotonic_ms: f64,
    /// The end on the same clock.
    pub ended_monotonic_ms: Option<f64>,
    /// `accepted`, `retry`, `refused` or `unknown`.
    pub outcome: String,
    /// The provider's words, or why it failed.
    pub detail: String,
}

impl From<&Incident> for IncidentRow {
    fn from(incident: &Incident) -> Self {
        let closed = match incident.state {
            IncidentState::Open => None,
            IncidentState::Closed(at) => Some(at),
        };
        Self {
            id: incident.id.0,
            kind: incident.kind.as_str().to_owned(),
            severity: incident.severity.as_str().to_owned(),
            part_of: incident.part_of.map(|first| first.0),
            acknowledged: incident
                .acknowledged
                .as_ref()
                .map(|one| AcknowledgedRow { by: one.by.clone(), at_unix_ms: one.at_unix_ms }),
            server: incident.server.to_string(),
            presence: incident.presence.to_string(),
            cause: incident.cause.clone(),
            silence_began_unix_ms: incident.silence_began.map(|at| at.unix_ms),
            judged_unix_ms: incident.judged.unix_ms,
            closed_unix_ms: closed.map(|at| at.unix_ms),
            silent_seconds: incident
                .silence_began
                .map(|began| incident.judged.since(began).as_secs_f64()),
            hub_stalled_seconds: incident.hub_stalled.as_secs_f64(),
            silence_began_monotonic_ms: incident.silence_began.map(monotonic_ms),
            judged_monotonic_ms: monotonic_ms(incident.judged),
            closed_monotonic_ms: closed.map(monotonic_ms),
        }
    }
}

impl From<&TimelineEntry> for TimelineRow {
    fn from(entry: &TimelineEntry) -> Self {
        Self {
            at_unix_ms: entry.at.unix_ms,
            kind: entry.kind.as_str().to_owned(),
            text: entry.text.clone(),
        }
    }
}

impl NotificationRow {
    /// A notification with its tries.
    #[must_use]
    pub fn new(notification: &Notification, deliveries: &[Delivery]) -> Self {
        let first = !deliveries.is_empty()
            && notification.content_if_first.is_some()
            && notification.references.is_empty();
        let content = match &notification.content_if_first {
            Some(content) if first => content,
            _ => &notification.content,
        };
        Self {
            id: notification.id.0,
            user: notification.user.clone(),
            kind: notification.kind.as_str().to_owned(),
            state: notification.state.as_str().to_owned(),
            subject: content.subject.clone(),
            created_unix_ms: notification.created.unix_ms,
            deliveries: deliveries.iter().map(DeliveryRow::from).collect(),
        }
    }
}

impl From<&Delivery> for DeliveryRow {
    fn from(delivery: &Delivery) -> Self {
        let (outcome, detail) = match &delivery.outcome {
            DeliveryOutcome::Unknown => ("unknown", String::new()),
            DeliveryOutcome::Accepted { reply } => ("accepted", reply.clone()),
            DeliveryOutcome::Retry { why, .. } => ("retry", why.clone()),
            DeliveryOutcome::Refused { why } => ("refused", why.clone()),
        };
        let channel = match delivery.channel.scheme() {
            "mailto" => delivery.channel.as_str().trim_start_matches("mailto:").to_owned(),
            scheme => scheme.to_owned(),
        };
        Self {
            channel,
            attempt: delivery.attempt,
            began_unix_ms: delivery.began.unix_ms,
            ended_unix_ms: delivery.ended.map(|at| at.unix_ms),
            began_monotonic_ms: monotonic_ms(delivery.began),
            ended_monotonic_ms: delivery.ended.map(monotonic_ms),
            outcome: outcome.to_owned(),
            detail,
        }
    }
}

fn monotonic_ms(at: watchfire_model::Moment) -> f64 {
    at.monotonic.as_secs_f64() * 1000.0
}
