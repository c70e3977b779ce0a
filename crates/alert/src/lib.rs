//! Pure decisions: facts and a moment in, transitions, incidents, recipients and
//! message content out.
//!
//! This crate reads no clock, waits for nothing and does no I/O, so every decision
//! can be repeated from a table of facts. Nothing here can lose an alert: where a
//! template or an outside string is bad, a plainer message comes out instead.

mod cause;
mod clean;
mod human;
mod incident;
mod limits;
mod message;
mod message_id;
mod presence;
mod report;
mod route;
mod sights;
mod template;
mod view;

#[cfg(test)]
mod fixtures;

pub use cause::cause;
pub use clean::clean;
pub use incident::{IncidentStep, NewIncident, incident_step};
pub use limits::PresenceLimits;
pub use message::{Facts, content, content_if_first};
pub use message_id::message_id;
pub use presence::{HubTime, PresenceMachine};
pub use report::{ReportRow, report};
pub use route::{Recipient, recipients};
