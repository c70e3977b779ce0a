//! A hub, real agents and a mail server, all on loopback.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use watchfire_api::hub::IncidentDetail;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Program, Running};
use watchfire_testkit::smtp::Sink;

use crate::page::Page;

pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(100);
const PASSWORD: &str = "only-for-this-run";
/// The server that the first agent answers for.
pub(crate) const SERVER: &str = "real-1";

/// What there is to be.
pub(crate) struct Plan<'a> {
    /// Who is told of all servers.
    pub(crate) users: &'a [&'a str],
    /// Where the hub keeps its own [default: in the field's folder].
    pub(crate) data: Option<&'a Path>,
    /// How many agents.
    pub(crate) agents: usize,
    /// The rules that are evaluated [default: the built-in ones].
    pub(crate) rules: Option<&'a str>,
}

pub(crate) struct Field {
    pub(crate) sink: Sink,
    pub(crate) address: SocketAddr,
    /// Where each agent listens.
    pub(crate) agents: Vec<SocketAddr>,
    binary: PathBuf,
    folder: TempDir,
    hub: Option<Running>,
    running: Vec<Option<Running>>,
    page: Option<Page>,
}

/// The name of an agent, from 1 on.
pub(crate) fn name(number: usize) -> String {
    format!("real-{number}")
}

impl Field {
    /// A hub and one agent, with these users who are told of all servers.
    pub(crate) fn start(
        binary: &Path,
        users: &[&str],
        data: Option<&Path>,
    ) -> anyhow::Result<Self> {
        Self::with(binary, &Plan { users, data, agents: 1, rules: None })
    }

    pub(crate) fn with(binary: &Path, plan: &Plan<'_>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let sink = Sink::start();
        let address = free();
        let agents: Vec<SocketAddr> = (0..plan.agents).map(|_| free()).collect();
        let program = Program::new(binary).arg("passwd").input(format!("{PASSWORD}\n"));
        let (ended, hash, words) = program.run(PATIENCE);
        ensure!(ended.success(), "`watchfire passwd` failed: {words}");
        let hash = hash.trim();
        let hub = hub_config(plan, address, &agents, folder.path(), &sink, hash);
        std::fs::write(folder.path().join("hub.toml"), hub)?;
        if let Some(rules) = plan.rules {
            std::fs::write(folder.path().join("rules.yml"), rules)?;
        }
        for (listen, number) in agents.iter().zip(1..) {
            let own = format!(
                "name = \"{}\"\nlisten = \"{listen}\"\ndata = \"agent-{number}\"\n\n\
                 [metrics]\nopen_on_loopback = true\n\n\
                 [[user]]\nname = \"hub\"\npassword_hash = \"{hash}\"\n",
                name(number)
            );
            std::fs::write(folder.path().join(format!("agent-{number}.toml")), own)?;
        }
        let binary = binary.to_owned();
        let running = agents.iter().map(|_| None).collect();
        let mut field =
            Self { sink, address, agents, binary, folder, hub: None, running, page: None };
        (1..=plan.agents).for_each(|number| field.start_agent_number(number));
        field.start_hub(plan.users.first().context("nobody is told")?)?;
        field.wait_until_up(plan.agents)?;
        Ok(field)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn start_agent(&mut self) {
        self.start_agent_number(1);
    }

    pub(crate) fn start_agent_number(&mut self, number: usize) {
        let agent = self.run("agent", &format!("agent-{number}"));
        if let Some(place) = self.running.get_mut(number - 1) {
            *place = Some(agent);
        }
    }

    /// Kills the agent; the moment at which it was.
    pub(crate) fn kill_agent(&mut self) -> Duration {
        self.kill_agent_number(1)
    }

    pub(crate) fn kill_agent_number(&mut self, number: usize) -> Duration {
        let agent = self.running.get_mut(number - 1).and_then(Option::take);
        agent.map(|agent| agent.kill()).unwrap_or_default()
    }

    pub(crate) fn start_hub(&mut self, user: &str) -> anyhow::Result<()> {
        self.hub = Some(self.run("hub", "hub"));
        self.page = Some(Page::log_in(self.address, user, PASSWORD)?);
        Ok(())
    }

    pub(crate) fn kill_hub(&mut self) {
        self.page = None;
        if let Some(hub) = self.hub.take() {
            hub.kill();
        }
    }

    pub(crate) fn page(&self) -> anyhow::Result<&Page> {
        self.page.as_ref().context("the hub does not run")
    }

    pub(crate) fn wait_until_up(&self, servers: usize) -> anyhow::Result<()> {
        until(&format!("{servers} servers up"), || Ok(self.page()?.up()? >= servers))
    }

    /// Waits until `fit` holds for all incidents.
    pub(crate) fn wait_for(
        &self,
        what: &str,
        fit: impl Fn(&[IncidentDetail]) -> bool,
    ) -> anyhow::Result<()> {
        until(what, || Ok(fit(&self.page()?.incidents()?)))
    }

    fn run(&self, role: &str, file: &str) -> Running {
        let config = self.folder.path().join(format!("{file}.toml"));
        let program = Program::new(&self.binary).args([role, "--config"]).arg(config).called(file);
        let running = program.env("WATCHFIRE_LOG", "error").start();
        running.wait_for_line("http://", PATIENCE);
        running
    }
}

fn hub_config(
    plan: &Plan<'_>,
    address: SocketAddr,
    agents: &[SocketAddr],
    folder: &Path,
    sink: &Sink,
    hash: &str,
) -> String {
    let data = plan.data.map_or_else(|| folder.join("hub"), Path::to_owned);
    let mut config = format!("listen = \"{address}\"\ndata = \"{}\"\n", data.display());
    if plan.rules.is_some() {
        config.push_str("rules = [\"rules.yml\"]\nbuiltin_rules = false\n");
    }
    let _ = write!(config, "\n[mail]\nfrom = \"hub@example.org\"\nsmtp = \"{}\"\n", sink.url());
    for (agent, number) in agents.iter().zip(1..) {
        let _ = write!(
            config,
            "\n[[server]]\nname = \"{}\"\naddress = \"{agent}\"\n\
             login = {{ user = \"hub\", password = \"{PASSWORD}\" }}\n",
            name(number)
        );
    }
    for user in plan.users {
        let _ = write!(
            config,
            "\n[[user]]\nname = \"{user}\"\nservers = [\"*\"]\n\
             channels = [\"mailto:{user}@example.org\"]\npassword_hash = \"{hash}\"\n"
        );
    }
    config
}

pub(crate) fn until(what: &str, holds: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !holds()? {
        ensure!(Instant::now() < end, "it did not come in {PATIENCE:?}: {what}");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

pub(crate) fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], ports::free()))
}
