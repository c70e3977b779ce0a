use std::time::Duration;

use crate::{Labels, Moment, Presence, ServerName, Severity};

/// The number of an incident; they grow by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(pub i64);

/// Whether an incident still goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentState {
    /// It goes on.
    Open,
    /// It ended at that moment.
    Closed(Moment),
}

/// What an incident is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentKind {
    /// A server that does not answer: a verdict opened it.
    Presence,
    /// Alerts that fire.
    Alerts,
}

impl IncidentKind {
    /// Every kind, in the order of this enum.
    pub const ALL: [IncidentKind; 2] = [Self::Presence, Self::Alerts];

    /// The word used in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Alerts => "alerts",
        }
    }
}

/// That somebody looks after an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// Since when, in milliseconds since 1970.
    pub at_unix_ms: i64,
}

/// A time of trouble, of one server in most cases: from the judgement to the recovery, or from
/// the first alert that fires to the last one that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// What it is about.
    pub kind: IncidentKind,
    /// How bad it is, or was at its worst.
    pub severity: Severity,
    /// The first incident of those that belong together; `None` for that one itself.
    pub part_of: Option<IncidentId>,
    /// The server; the name of the alert where that is about no server.
    pub server: ServerName,
    /// The labels by which it is known who may know of it, where it is about no server.
    pub labels: Option<Labels>,
    /// Who looks after it.
    pub acknowledged: Option<Acknowledged>,
    /// The verdict, as it is now or was at the end. `Up` for one of alerts.
    pub presence: Presence,
    /// One plain sentence that says what happened.
    pub cause: String,
    /// The last sign of life; `None` when the hub never had one.
    pub silence_began: Option<Moment>,
    /// When the hub judged.
    pub judged: Moment,
    /// The part of the silence in which the hub itself stood still.
    pub hub_stalled: Duration,
    /// Whether it goes on.
    pub state: IncidentState,
}

impl Incident {
    /// The first incident of those that belong together: this one, unless it is part of another.
    #[must_use]
    pub fn root(&self) -> IncidentId {
        self.part_of.unwrap_or(self.id)
    }
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimelineKind {
    /// The last sign of life.
    LastSign,
    /// What an observer saw.
    Observed,
    /// The hub judged, or changed its judgement.
    Judged,
    /// The first sign of life afterwards.
    Recovered,
    /// What is known better by what the server handed in afterwards.
    Corrected,
    /// What was recorded before the server went dark, and the kernel's last words.
    BlackBox,
    /// Nobody was told, and why.
    Muted,
    /// An alert fires.
    Fired,
    /// An alert is over.
    Resolved,
    /// Somebody looks after it, or does no more.
    Acknowledged,
    /// What somebody wrote.
    Note,
    /// Somebody else was told, because nobody looked after it.
    Escalated,
    /// Somebody silenced it.
    Silenced,
}

impl TimelineKind {
    /// Every kind, in the order of this enum.
    pub const ALL: [TimelineKind; 13] = [
        Self::LastSign,
        Self::Observed,
        Self::Judged,
        Self::Recovered,
        Self::Corrected,
        Self::BlackBox,
        Self::Muted,
        Self::Fired,
        Self::Resolved,
        Self::Acknowledged,
        Self::Note,
        Self::Escalated,
        Self::Silenced,
    ];

    /// The word used in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastSign => "last_sign",
            Self::Observed => "observed",
            Self::Judged => "judged",
            Self::Recovered => "recovered",
            Self::Corrected => "corrected",
            Self::BlackBox => "black_box",
            Self::Muted => "muted",
            Self::Fired => "fired",
            Self::Resolved => "resolved",
            Self::Acknowledged => "acknowledged",
            Self::Note => "note",
            Self::Escalated => "escalated",
            Self::Silenced => "silenced",
        }
    }
}

/// One line of an incident's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When it happened.
    pub at: Moment,
    /// What kind of thing happened.
    pub kind: TimelineKind,
    /// What happened, in words.
    pub text: String,
}
