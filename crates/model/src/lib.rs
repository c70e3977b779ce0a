//! The vocabulary of Watchfire: what a server, a label, a presence, a status,
//! a process, an incident and a notification are.
//!
//! This crate does no I/O, reads no clock and starts nothing. Everything that
//! depends on time takes a [`Moment`]. Its one outside crate is `regex`, because
//! a matcher must mean the same in routing, in scopes and in queries.

mod incident;
mod label;
mod matcher;
mod moment;
mod notification;
mod presence;
mod process;
mod server;
mod status;

pub use incident::{Incident, IncidentId, IncidentState, TimelineEntry, TimelineKind};
pub use label::{LabelError, Labels};
pub use matcher::{MatchOp, Matcher, Scope, Selector, SelectorError};
pub use moment::Moment;
pub use notification::{
    Channel, Content, Delivery, DeliveryOutcome, Notification, NotificationId, NotificationKind,
    NotificationState,
};
pub use presence::{Evidence, Presence, Sight, Transition};
pub use process::{ProcessRow, ProcessTable};
pub use server::{Server, ServerName, ServerNameError};
pub use status::{Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Load, Memory, NetworkIo, Status};
