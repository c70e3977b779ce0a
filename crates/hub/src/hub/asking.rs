//! The part of a running hub that keeps series, answers questions about them and evaluates rules.

use std::sync::Arc;

use watchfire_model::LabelSet;
use watchfire_runtime::Hangups;
use watchfire_runtime::task::{self, Task};

use super::ground::Ground;
use super::sources::{of_everything, sources};
use super::telling::Telling;
use super::{PUSH_END, RULES_END, SEAL_END};
use crate::archive::Archive;
use crate::config::{HubConfig, RemoteWrite, RuleFiles};
use crate::http;
use crate::outgoing::{self, HandOvers};
use crate::pushed::{Pushes, Senders};
use crate::rules::{self, Board, Made};
use crate::streams::Streams;

/// What questions go to.
pub(super) struct Asking {
    pub(super) archive: Archive,
    pub(super) pushes: Pushes,
    pub(super) senders: Senders,
    pub(super) sources: http::Sources,
    pub(super) board: Board,
}

/// What is to be waited for at the end.
pub(super) struct Running {
    rules: Task<()>,
    sealing: Task<()>,
    pushing: Task<()>,
}

impl Asking {
    /// Makes it over the history of `streams`. Nothing runs yet.
    pub(super) fn open(
        ground: &Ground,
        config: &HubConfig,
        streams: &Streams,
        open_on_loopback: bool,
    ) -> Self {
        let historian = streams.historian.clone();
        let pushes = Pushes::new(historian.clone(), ground.clock.clone());
        let senders = Senders::new(&config.senders, open_on_loopback);
        let pool = streams.sessions.pool();
        let archive = Archive::new(historian, ground.fleet.clone(), pool, ground.clock.clone());
        let sources = sources(archive.clone(), senders.clone());
        Self { archive, pushes, senders, sources, board: Board::default() }
    }

    /// Starts the rules, what seals, and what takes in pushes. Rules are read again at each
    /// hangup, and others are made by what is returned beside it.
    pub(super) fn start(
        &self,
        ground: &Ground,
        telling: &Telling,
        files: RuleFiles,
        hangups: Option<Hangups>,
    ) -> (Running, Made) {
        let parts = rules::Parts {
            source: of_everything(self.sources.clone()),
            pushes: self.pushes.clone(),
            store: ground.store.clone(),
            sink: Arc::new(telling.alerts.clone()),
            clock: ground.clock.clone(),
            external_labels: LabelSet::empty(),
            public_url: ground.public_url.clone(),
            #[cfg(test)]
            unreadable: std::sync::Mutex::default(),
        };
        let (store, clock) = (ground.store.clone(), ground.clock.clone());
        let (made, nudges) = Made::open(store, self.board.clone(), clock);
        let engine = rules::Engine::new(files, parts, self.board.clone(), made.clone());
        let shutdown = || ground.shutdown.clone();
        let running = Running {
            rules: task::spawn("rules", engine.run(hangups, nudges, shutdown())),
            sealing: task::spawn("seal", self.archive.clone().seal_loop(shutdown())),
            pushing: task::spawn("pushes", self.pushes.clone().run(shutdown())),
        };
        (running, made)
    }

    /// Keeps what letters say of the servers around.
    pub(super) fn look_around(&self, ground: &Ground, telling: &Telling) -> Task<()> {
        let (around, archive) = (telling.around.clone(), Arc::new(self.archive.clone()));
        ground.restarting("around", move |clock, shutdown| {
            around.clone().read(archive.clone(), clock, shutdown)
        })
    }

    /// Starts the handing over to other stores.
    pub(super) fn hand_over(
        &self,
        ground: &Ground,
        targets: Vec<RemoteWrite>,
    ) -> (HandOvers, Vec<Task<()>>) {
        outgoing::start(targets, &self.archive, &ground.clock, &ground.shutdown)
    }
}

impl Running {
    /// Waits for what is being stored. What does not get there is sealed after the next start,
    /// or pushed again by its senders.
    pub(super) async fn end(self, ground: &Ground) {
        let _ = ground.clock.within(RULES_END, self.rules.join()).await;
        let _ = ground.clock.within(SEAL_END, self.sealing.join()).await;
        let _ = ground.clock.within(PUSH_END, self.pushing.join()).await;
    }
}
