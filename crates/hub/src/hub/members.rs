//! The part of a running hub that knows its agents: who they are, who may join, who stands in,
//! and what they are asked to run.

use std::path::Path;
use std::sync::Arc;

use watchfire_model::ServerName;
use watchfire_notify::Allowed;
use watchfire_runtime::socket::CloseReason;
use watchfire_runtime::task::{self, Task};
use watchfire_store::StoredAgent;

use super::ground::Ground;
use super::telling::Telling;
use crate::agents::Agents;
use crate::automatic::{self, Automatic};
use crate::config::{Fallback, HubConfig, Remedy, Schedule, WatchedServer};
use crate::enrolment::Enrolment;
use crate::fallback::{Fallbacks, Terms};
use crate::identity::HubIdentity;
use crate::runs::{BySessions, Runs};
use crate::session::Sessions;

/// The agents, and how others become some.
pub(super) struct Members {
    pub(super) agents: Arc<Agents>,
    pub(super) enrolment: Arc<Enrolment>,
    pub(super) runs: Arc<Runs>,
    fallbacks: Arc<Fallbacks>,
}

impl Members {
    /// Knows the agents of the config and those that enrolled.
    pub(super) fn open(
        ground: &Ground,
        (configured, stored): (Vec<WatchedServer>, &[StoredAgent]),
        identity: Arc<HubIdentity>,
        telling: &Telling,
        (fallbacks, sessions): (Arc<Fallbacks>, &Sessions),
    ) -> Self {
        let closing = (telling.desk.clone(), ground.clock.clone(), sessions.weak());
        let on_gone = Box::new(move |index: usize, server: &ServerName| {
            let (desk, clock, sessions) = &closing;
            if let Some(sessions) = sessions() {
                sessions.close(index, CloseReason::Forbidden);
            }
            if let Err(error) = desk.server_gone(server, clock.now()) {
                tracing::warn!(%server, %error, "its incident stays open until the next start");
            }
        });
        let (store, clock) = (ground.store.clone(), ground.clock.clone());
        let fleet = ground.fleet.clone();
        let agents =
            Arc::new(Agents::new(store.clone(), fleet.clone(), configured, stored, on_gone));
        let runs = Arc::new(Runs::open(store.clone(), fleet.clone(), clock.clone()));
        let enrolment = Arc::new(Enrolment::new(identity, store, agents.clone(), clock));
        sessions.set_renewal(Box::new(enrolment.clone()));
        sessions.set_fallback(Box::new(fallbacks.clone()));
        runs.set_lines(Box::new(BySessions(sessions.weak())));
        sessions.set_commands(Box::new(runs.clone()));
        Self { agents, enrolment, runs, fallbacks }
    }

    /// Starts what the config has run without anybody asking.
    pub(super) fn run_by_themselves(
        &self,
        ground: &Ground,
        telling: &Telling,
        (schedules, remedies): (Vec<Schedule>, Vec<Remedy>),
    ) -> Task<()> {
        let tools = automatic::Tools {
            store: ground.store.clone(),
            runs: self.runs.clone(),
            alerts: telling.alerts.clone(),
            recipients: telling.recipients.clone(),
            public_url: ground.public_url.clone(),
            hub_id: ground.hub_id.clone(),
            courier: telling.arrived.clone(),
        };
        let automatic = Arc::new(Automatic::new(tools, schedules, remedies));
        ground
            .restarting("automatic", move |clock, shutdown| automatic.clone().run(clock, shutdown))
    }

    /// Starts what keeps the agents and hands out what they need when the hub is gone.
    pub(super) fn start(
        &self,
        ground: &Ground,
        telling: &Telling,
        sessions: &Sessions,
    ) -> Vec<Task<()>> {
        let missed = (telling.desk.clone(), telling.admins.clone());
        let handing_out = self.fallbacks.clone();
        let handing_out = handing_out.run(sessions.weak(), missed, ground.shutdown.clone());
        let (agents, runs) = (self.agents.clone(), self.runs.clone());
        vec![
            task::spawn("fallback", handing_out),
            ground
                .restarting("agents", move |clock, shutdown| agents.clone().keep(clock, shutdown)),
            ground.restarting("runs", move |_, shutdown| runs.clone().keep(shutdown)),
        ]
    }
}

/// What agents tell when this hub is gone, as the config says.
pub(super) fn fallbacks(ground: &Ground, config: &HubConfig) -> Arc<Fallbacks> {
    let terms = terms(config.fallback.as_ref(), &config.allowed, &ground.public_url);
    let data: &Path = &config.data;
    Fallbacks::open(terms, data, ground.fleet.clone(), ground.clock.clone())
}

fn terms(config: Option<&Fallback>, allowed: &Allowed, hub: &str) -> Option<Terms> {
    let allow = allowed.hosts().iter().map(ToString::to_string).collect();
    config.map(|fallback| Terms::new(fallback, allow, hub))
}
