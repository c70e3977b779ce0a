//! The hub's machine.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use watchfire_hub::{Fallback, Hub, Shown};
use watchfire_model::{Moment, Presence, ServerName};
use watchfire_runtime::task::Process;
use watchfire_runtime::{Clock, Shutdown, ShutdownHandle, Wall};
use watchfire_testkit::link::network::Host;
use watchfire_testkit::seeded::Seeded;

use super::post::PORT;
use super::template::{Template, hub_config};

/// The port of the hub.
const HUB_PORT: u16 = 5100;

pub(crate) struct House {
    pub(crate) host: Host,
    folder: PathBuf,
    seed: Seeded,
    starts: u64,
    clock: Clock,
    wall: Wall,
    running: Option<Running>,
    /// Whom agents tell when it is gone.
    pub(crate) fallback: Option<Fallback>,
    /// When the hub is to be taken for well, and was frozen or not.
    pub(crate) started: Instant,
}

struct Running {
    process: Process,
    end: ShutdownHandle,
    shown: Arc<Mutex<Option<Shown>>>,
}

impl House {
    pub(crate) fn new(host: Host, servers: usize, folder: &Path, seed: &Seeded) -> Self {
        let folder = folder.join("hub");
        Template::get().copy_hub(servers, &folder);
        let mut seed = seed.part("hub");
        let uptime = std::time::Duration::from_secs(1 + seed.below(100_000));
        let start = Moment { monotonic: uptime, unix_ms: Template::get().made_unix_ms };
        let wall = Wall::default();
        let clock = Clock::simulated_beside(start, wall.clone());
        let started = Instant::now();
        Self { host, folder, seed, starts: 0, clock, wall, running: None, fallback: None, started }
    }

    /// Where agents dial it.
    pub(crate) fn address(&self) -> String {
        format!("{}:{HUB_PORT}", self.host.ip())
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        self.starts += 1;
        self.started = Instant::now();
        let process = Process::new(self.seed.part(&format!("start {}", self.starts)).next());
        let (shutdown, end) = Shutdown::new();
        let mut config = hub_config(&self.folder, &self.address(), PORT);
        config.fallback = self.fallback.clone();
        let (clock, net) = (self.clock.clone(), self.host.net());
        let shown = Arc::<Mutex<Option<Shown>>>::default();
        let (seen, asked) = (Arc::clone(&shown), end.clone());
        let work = async move {
            let hub = Hub::bind_on(config, clock, net).await.expect("the hub starts");
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(hub.shown());
            hub.run(shutdown, asked).await;
        };
        process.spawn("hub", work).detach();
        self.running = Some(Running { process, end, shown });
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.process.kill();
        }
    }

    /// Asks it to end in good order. Kill it when its time is over.
    pub(crate) fn stop(&self) {
        if let Some(running) = &self.running {
            running.end.request();
        }
    }

    pub(crate) fn freeze(&self, frozen: bool) {
        let Some(running) = &self.running else { return };
        if frozen { running.process.freeze() } else { running.process.thaw() }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The time on the hub's clocks.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Moves the hub's wall clock.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.wall.jump(by_ms);
    }

    /// Since when that server lives without a stream, as the hub sees it.
    pub(crate) fn stream_missing(&self, server: &str) -> Option<Moment> {
        let shown = &self.running.as_ref()?.shown;
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        shown.stream_missing(&ServerName::new(server).expect("a name"))
    }

    /// What the hub shows now.
    pub(crate) fn presences(&self) -> Vec<(String, Presence)> {
        let Some(running) = &self.running else { return Vec::new() };
        let shown = running.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shown = shown.map(|shown| shown.presences()).unwrap_or_default();
        shown.into_iter().map(|(name, presence)| (name.to_string(), presence)).collect()
    }
}
