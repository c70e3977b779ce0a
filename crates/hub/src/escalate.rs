//! When nobody looks after what a user was told of, the next one is told.
//!
//! The store says who was told of what that nobody acknowledged, and which stages it went through;
//! this looks again and again what is due. A stage's row, its line in the timeline and its letters
//! are one transaction, in which it is looked once more whether the incident goes on and nobody
//! looks after it: a restart neither repeats a stage nor forgets one, and what is over by then is
//! told to nobody.
//!
//! Incidents that belong together are escalated as one, by the first of them. All that leads to
//! one user by the same channels is one letter.

mod letters;
mod look;
mod muted;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::Recipient;
use watchfire_alert::told::Escalation;
use watchfire_model::{Channel, Incident, IncidentId, Moment};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::Store;

use crate::ack_links::AckLinks;
use crate::alerts::AlertDesk;
use crate::config::User;
use crate::fleet::Fleet;
use crate::muting::Muting;

/// How often it is looked what is due.
const LOOK: Duration = Duration::from_secs(2);

/// Goes through the stages of users' escalations.
pub(crate) struct Escalator {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) store: Store,
    pub(crate) recipients: Vec<Recipient>,
    /// The users' escalations, by name.
    pub(crate) plans: HashMap<String, Escalation>,
    pub(crate) muting: Arc<Muting>,
    pub(crate) links: Arc<AckLinks>,
    /// Knows which alerts are muted.
    pub(crate) alerts: Option<Arc<AlertDesk>>,
    /// Tells the open pages.
    pub(crate) on_change: Arc<dyn Fn(&Incident) + Send + Sync>,
    pub(crate) public_url: String,
    /// Keeps the Message-IDs of two hubs apart.
    pub(crate) hub_id: String,
    /// Wakes the courier.
    pub(crate) courier: Arc<Notify>,
    /// Of whom it is known in this run since when they know of what: a clock on the wall that
    /// leaps must call nobody.
    pub(crate) known: Mutex<HashMap<(IncidentId, String), Anchor>>,
}

/// How long ago a user had been told of something when this run first saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    /// When the user was told, as it is stored.
    told_ms: i64,
    seen: Moment,
    before: Duration,
}

/// The escalations that users have.
pub(crate) fn plans(users: &[User]) -> HashMap<String, Escalation> {
    let having = users.iter().filter(|user| !user.escalation.stages.is_empty());
    having.map(|user| (user.name.clone(), user.escalation.clone())).collect()
}

/// The channels by which stages reach the user `name`, besides those of their own.
pub(crate) fn channels_to(name: &str, users: &[User]) -> Vec<Channel> {
    let stages = users.iter().flat_map(|user| {
        let of_user = user.escalation.stages.iter();
        of_user.filter(move |stage| stage.user.as_ref().unwrap_or(&user.name) == name)
    });
    stages.flat_map(|stage| stage.channels.iter().cloned()).collect()
}

impl Escalator {
    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        if self.plans.is_empty() {
            return shutdown.requested().await;
        }
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(LOOK) => {}
            }
            let (escalator, now) = (self.clone(), clock.now());
            let looked = task::blocking("escalations", move || escalator.look(now)).await;
            match looked {
                Ok(Ok(0)) => {}
                Ok(Ok(_)) => self.courier.notify_one(),
                Ok(Err(error)) => tracing::error!(%error, "an escalation waits"),
                Err(failed) => tracing::error!(%failed, "an escalation failed"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
