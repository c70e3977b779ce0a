use std::time::Duration;

use crate::{Moment, Presence, ServerName};

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

/// A time of trouble of one server, from the judgement to the recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// The server.
    pub server: ServerName,
    /// The verdict, as it is now or was at the end.
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
    /// A silence that holds for it was made, or is over.
    Silenced,
}

impl TimelineKind {
    /// Every kind, in the order of this enum.
    pub const ALL: [TimelineKind; 8] = [
        Self::LastSign,
        Self::Observed,
        Self::Judged,
        Self::Recovered,
        Self::Corrected,
        Self::BlackBox,
        Self::Muted,
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
