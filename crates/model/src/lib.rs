//! The vocabulary of Watchfire: what a server, a label, a presence, a status,
//! a process, an incident and a notification are.
//!
//! This crate does no I/O, reads no clock and starts nothing. Everything that
//! depends on time takes a [`Moment`]. Its one outside crate is `regex`, because
//! a matcher must mean the same in routing, in scopes and in queries.

mod event;
mod incident;
mod label;
mod matcher;
mod moment;
mod notification;
mod part;
mod pool;
mod presence;
mod process;
mod series;
mod server;
mod severity;
mod source;
mod status;
mod tick;

pub use event::{Event, EventKind, OomVictim};
pub use incident::{
    Acknowledged, Incident, IncidentId, IncidentKind, IncidentState, TimelineEntry, TimelineKind,
};
pub use label::{LabelError, Labels};
pub use matcher::{MatchOp, Matcher, Scope, Selector, SelectorError};
pub use moment::Moment;
pub use notification::{
    Channel, Content, Delivery, DeliveryOutcome, Notification, NotificationId, NotificationKind,
    NotificationState,
};
pub use part::{Part, PartOf};
pub use pool::{KeyPool, PoolCounts};
pub use presence::{Evidence, Goodbye, Presence, Sight, Transition};
pub use process::{ProcessQuery, ProcessRow, ProcessSort, ProcessTable};
pub use series::{SeriesKey, SeriesKeyError};
pub use server::{Server, ServerName, ServerNameError};
pub use severity::Severity;
pub use source::{
    Found, FoundSeries, Hint, LabelPair, LabelSet, Listing, MetricFacts, NAME_LABEL, Samples,
    Selection, SeriesSource, SourceError,
};
pub use status::{
    Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Load, Memory, NetworkIo, Status, StatusView,
};
pub use tick::{ABSENT, Metric, MetricKind, Schema, Tick, is_absent};
