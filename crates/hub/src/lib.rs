//! The hub role: knows all servers and users, notices a silent server, keeps
//! the incidents, tells the users, and serves the page.
//!
//! How it hangs together:
//!
//! ```text
//! session (one a server), pulses --signs, ticks--> fleet --transitions--> desk
//! watch (timers) ---------------checks----------> fleet                   |
//!                                                          one transaction v
//! page <--http-- store, fleet                    courier <--outbox-- store
//! ```
//!
//! What fails alone: a server's uplink (its own task and time limits), a
//! delivery (its own task, retried from the outbox), a request. What ends the
//! program, to be started anew: the watch, the desk and the courier, because
//! without one of them the hub would be silent and seem well. A transition
//! that cannot be stored is kept and tried again; nothing is sent that was not
//! stored before.

mod accounts;
mod ack_links;
mod acks;
mod address;
mod admin;
mod adopt;
mod aftermath;
mod agents;
mod alerts;
mod api_tokens;
mod archive;
mod around;
mod audit;
mod backup;
mod config;
mod courier;
mod daily;
mod desk;
mod dial;
mod disk;
mod doctor;
mod enrolment;
mod escalate;
mod events;
mod factors;
mod fallback;
mod fleet;
mod folder_lock;
mod foreign;
mod heartbeat;
mod historian;
mod housekeeping;
mod http;
mod hub;
mod identity;
mod links;
mod muting;
mod opinion;
mod outgoing;
mod people;
mod pulses;
mod pushed;
mod reader;
mod report;
mod rules;
mod runs;
mod self_test;
mod session;
mod shown;
mod silences;
mod stall;
mod streams;
mod terminal;
#[cfg(test)]
mod testing;
mod trial;
mod uplink;
mod watch;
mod wording;

pub use address::join_address;
pub use admin::{Admin, AdminError, EnrolledServer, LONGEST_TOKEN, MadeToken, TokenWish};
pub use adopt::AdoptError;
pub use backup::{BackedUp, BackupError, BackupWish, Restored, back_up, restore};
pub use config::{
    Fallback, Heartbeat, HubConfig, Login, Messages, OVERRIDABLE, RemoteWrite, RuleFiles, Sender,
    Service, ServiceLogin, User, WatchedServer, show,
};
pub use courier::Budget;
pub use doctor::{Checkup, Examination, examine};
pub use hub::{FirstPassword, Hub, HubError};
pub use identity::IdentityError;
pub use report::{Reported, report_now};
pub use self_test::WeekTime;
pub use shown::Shown;
pub use trial::{Trial, Tried};
pub use watchfire_store::audit_in;
