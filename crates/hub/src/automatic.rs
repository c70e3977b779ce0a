//! What the hub has run of its own accord: runbooks by a schedule, and runbooks for what an alert
//! is about. It asks as an operator would, on behalf of a user of hub.toml, and a server's policy
//! decides as ever.
//!
//! Each begins once: that it did is stored with the run itself. A time that passed while the hub
//! was off is over and not made up for.

mod offer;
mod remedy;
mod schedule;
mod told;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::Recipient;
use watchfire_model::{IncidentId, Moment, ServerName};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{Store, StoreError, StoredAutomatic};
use watchfire_wire::RunbookWork;

use crate::alerts::AlertDesk;
use crate::config::{Remedy, Schedule, Task};
use crate::runs::{Job, NoRun, Pace, Runs, Servers, Wish};
pub(crate) use offer::Offers;

/// How often times and alerts are looked at.
const LOOK: Duration = Duration::from_secs(5);
const SCHEDULE: &str = "schedule";
const REMEDY: &str = "remedy";

/// What it works with.
pub(crate) struct Tools {
    pub(crate) store: Store,
    pub(crate) runs: Arc<Runs>,
    pub(crate) alerts: Arc<AlertDesk>,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) public_url: String,
    /// Keeps the Message-IDs of two hubs apart.
    pub(crate) hub_id: String,
    /// Wakes the courier.
    pub(crate) courier: Arc<Notify>,
}

/// Begins what is due, and tells what came of it.
pub(crate) struct Automatic {
    tools: Tools,
    schedules: Vec<Schedule>,
    remedies: Vec<Remedy>,
}

/// Which of its times something begins for.
#[derive(Debug, Clone, Copy)]
struct Occasion<'a> {
    kind: &'static str,
    of: i64,
    incident: Option<IncidentId>,
    /// Why, in the run and in the audit.
    why: &'a str,
    /// How long servers that are away are waited for.
    wait: Duration,
}

impl Automatic {
    pub(crate) fn new(tools: Tools, schedules: Vec<Schedule>, remedies: Vec<Remedy>) -> Self {
        Self { tools, schedules, remedies }
    }

    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        if self.schedules.is_empty() && self.remedies.is_empty() {
            return shutdown.requested().await;
        }
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(LOOK) => {}
            }
            self.look(clock.now()).await;
        }
    }

    /// Looks once.
    async fn look(&self, now: Moment) {
        for done in [self.schedules(now).await, self.remedies(now).await, self.tell(now).await] {
            if let Err(error) = done {
                tracing::error!(%error, "what is to be run of its own accord waits");
            }
        }
    }

    /// Begins something on some servers, once.
    async fn begin(
        &self,
        task: &Task,
        servers: Servers,
        params: RunbookParams,
        pace: Pace,
        occasion: Occasion<'_>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let job = Job::Runbook(RunbookWork {
            name: task.runbook.clone(),
            params,
            asker: format!("{} ({})", task.user, occasion.why),
        });
        let when_up = Some(occasion.wait);
        let wish = Wish { servers, job, stdin: Vec::new(), pace, when_up };
        let mark = StoredAutomatic {
            kind: occasion.kind.to_owned(),
            name: task.name.clone(),
            of: occasion.of,
            at_unix_ms: now.unix_ms,
            run: String::new(),
            incident: occasion.incident,
            is_over: false,
        };
        let by = (task.user.as_str(), &task.scope);
        match self.tools.runs.begin(by, wish, Some((mark.clone(), occasion.why))).await {
            Ok(_) => Ok(()),
            // There is room for it later.
            Err(NoRun::TooMany) => Ok(()),
            Err(NoRun::Store(error)) => Err(error),
            Err(why) => self.give_up(mark, &why.to_string(), now).await,
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.tools.store.clone();
        let done = task::blocking("automatic", move || work(&store)).await;
        done.unwrap_or_else(|failed| Err(StoreError::Io { why: failed.to_string() }))
    }

    async fn has_begun(&self, kind: &'static str, name: &str, of: i64) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.blocking(move |store| store.has_begun(kind, &name, of)).await
    }
}

type RunbookParams = std::collections::BTreeMap<String, String>;

/// One server, by its name.
fn only(server: &ServerName) -> Servers {
    Servers::Named(vec![server.to_string()])
}

#[cfg(test)]
mod tests;
