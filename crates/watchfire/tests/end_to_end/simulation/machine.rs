//! A watched server: its folders, its boots, and the agent that runs on it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use watchfire_agent::{Agent, AgentConfig, RecordConfig, Root, User};
use watchfire_identity::Scope;
use watchfire_identity::password::PasswordHash;
use watchfire_model::{Moment, ServerName};
use watchfire_runtime::task::Process;
use watchfire_runtime::{Clock, Shutdown, ShutdownHandle};
use watchfire_testkit::link::network::Host;
use watchfire_testkit::seeded::Seeded;

use super::fallback::{Crier, Cries};
use super::template::{Template, name};
use crate::fixture::password_hash;

/// What an agent keeps on disk: hours of what this small machine has to tell.
const CAP_BYTES: u64 = 4 << 20;

/// Sequences that the hub said are on its disk, and when.
pub(crate) type Acknowledged = Arc<Mutex<Vec<(Duration, u64)>>>;

pub(crate) struct Machine {
    pub(crate) name: String,
    /// The agent's id.
    pub(crate) id: String,
    pub(crate) host: Host,
    pub(crate) hub: String,
    folder: PathBuf,
    seed: Seeded,
    starts: u64,
    boots: u64,
    /// What this boot's clocks say at `booted`.
    at_boot: Moment,
    booted: Instant,
    /// How far the wall clock is off.
    pub(crate) skew_ms: i64,
    running: Option<Running>,
    began: Instant,
    pub(crate) acknowledged: Acknowledged,
    /// What it told without the hub.
    pub(crate) cries: Cries,
    /// Nothing that it tells arrives.
    pub(crate) is_mute: bool,
}

struct Running {
    process: Process,
    end: ShutdownHandle,
    frozen: bool,
}

impl Machine {
    pub(crate) fn new(number: usize, host: Host, folder: &Path, seed: &Seeded) -> Self {
        let name = name(number);
        let folder = folder.join(&name);
        Template::get().copy_agent(number, &folder.join("data"));
        let began = Instant::now();
        let mut machine = Self {
            seed: seed.part(&name),
            name,
            id: Template::get().ids[number].clone(),
            host,
            hub: String::new(),
            folder,
            starts: 0,
            boots: 0,
            at_boot: Moment::default(),
            booted: began,
            skew_ms: 0,
            running: None,
            began,
            acknowledged: Arc::default(),
            cries: Arc::default(),
            is_mute: false,
        };
        machine.boot();
        machine
    }

    /// Boots: another boot id, and a monotonic clock that begins anew.
    pub(crate) fn boot(&mut self) {
        self.boots += 1;
        self.booted = Instant::now();
        let uptime = self.seed.between(Duration::from_secs(1), Duration::from_secs(100_000));
        let unix_ms = Template::get().made_unix_ms + millis(self.began.elapsed());
        self.at_boot = Moment { monotonic: uptime, unix_ms };
        let proc = self.folder.join("root/proc");
        std::fs::create_dir_all(proc.join("sys/kernel/random")).expect("ours");
        let id = format!("{:08x}-0000-4000-8000-{:012x}\n", self.boots, self.boots);
        std::fs::write(proc.join("sys/kernel/random/boot_id"), id).expect("ours");
        std::fs::write(proc.join("loadavg"), "0.10 0.20 0.30 1/100 1000\n").expect("ours");
        let _ = std::fs::remove_file(self.folder.join("root/run/utmp"));
    }

    /// Lets the init system say that the machine reboots (runlevel 6 in utmp).
    pub(crate) fn announce_reboot(&self) {
        let mut runlevel = vec![0; 384];
        (runlevel[0], runlevel[4]) = (1, b'6');
        let run = self.folder.join("root/run");
        std::fs::create_dir_all(&run).expect("ours");
        std::fs::write(run.join("utmp"), runlevel).expect("ours");
    }

    /// Starts the agent, if it does not run.
    pub(crate) fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        self.starts += 1;
        let process = Process::new(self.seed.part(&format!("start {}", self.starts)).next());
        let (shutdown, end) = Shutdown::new();
        let (config, clock, net) = (self.config(), self.clock(), self.host.net());
        let (began, acknowledged) = (self.began, self.acknowledged.clone());
        let (server, cries, is_mute) = (self.name.clone(), self.cries.clone(), self.is_mute);
        let work = async move {
            let agent = Agent::bind_on(config, clock, net).await.expect("the agent starts");
            let agent = agent.with_messenger(Arc::new(Crier { server, cries, is_mute }));
            agent.on_durable(move |sequence| {
                let mut list = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                list.push((began.elapsed(), sequence));
            });
            agent.run(shutdown).await.expect("the agent runs");
        };
        process.spawn("agent", work).detach();
        self.running = Some(Running { process, end, frozen: false });
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.process.kill();
        }
    }

    /// Asks the agent to end in good order. Kill it when its time is over.
    pub(crate) fn stop(&self) {
        if let Some(running) = &self.running {
            running.end.request();
        }
    }

    /// SIGSTOP, or SIGCONT.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        let Some(running) = &mut self.running else { return };
        running.frozen = frozen;
        if frozen { running.process.freeze() } else { running.process.thaw() }
    }

    /// True when the agent runs and is not frozen.
    pub(crate) fn is_alive(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.frozen)
    }

    /// The agent's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder that stands for the machine.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn clock(&self) -> Clock {
        let now = self.at_boot.after(self.booted.elapsed());
        Clock::simulated(Moment { unix_ms: now.unix_ms + self.skew_ms, ..now })
    }

    fn config(&self) -> AgentConfig {
        let mut config = AgentConfig::new(self.data());
        config.name = Some(ServerName::new(&self.name).expect("a name"));
        config.listen = (self.host.ip(), 5000).into();
        config.hub = Some(self.hub.clone());
        config.users.push(User {
            name: "ada".to_owned(),
            password_hash: PasswordHash::parse(password_hash()).expect("a hash"),
            scopes: vec![Scope::Read],
        });
        config.record = RecordConfig { enabled: true, cap_bytes: CAP_BYTES };
        config.root = Root::recorded(self.folder.join("root"));
        config
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("a short time")
}
