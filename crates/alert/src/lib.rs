//! Pure decisions: facts and a moment in, transitions, incidents, recipients and
//! message content out.
//!
//! This crate reads no clock, waits for nothing and does no I/O, so every decision
//! can be repeated from a table of facts. Nothing here can lose an alert: where a
//! template or an outside string is bad, a plainer message comes out instead.

mod alerts;
mod around;
mod cause;
mod clean;
mod correct;
mod doubt;
mod flap;
pub mod go_template;
mod hub_time;
mod human;
mod incident;
mod limits;
mod message;
mod message_id;
mod neighbour;
mod note;
mod opinion;
mod others;
mod own;
mod presence;
mod report;
pub mod rules;
mod sights;
mod storm;
mod template;
pub mod told;
mod view;

#[cfg(test)]
mod fixtures;

pub use alerts::{AlertFacts, ToldAlert, alert_content, alert_content_with};
pub use around::{Around, Change, Curve, CurveKind, curves};
pub use cause::cause;
pub use clean::clean;
pub use correct::{Aftermath, Correction, Kept, correct};
pub use doubt::{Doubt, FleetDoubt, Suspect};
pub use flap::{FlapDigest, Flaps, Tell};
pub use hub_time::HubTime;
pub use human::duration as duration_words;
pub use incident::{IncidentStep, NewIncident, incident_step};
pub use limits::PresenceLimits;
pub use message::{Facts, content, content_if_first};
pub use message_id::message_id;
pub use neighbour::nearest;
pub use note::{
    CutOffFacts, EscalatedFacts, EscalatedMember, FlapFacts, GroupFacts, GroupKind, GroupMember,
    cut_off_content, escalated_content, flap_content, group_content,
};
pub use others::{for_reader, other_server};
pub use own::{OwnWords, Worded};
pub use presence::PresenceMachine;
pub use report::{ReportRow, report};
pub use storm::{Gather, STORM_WAIT, gather};
pub use told::Recipient;
