//! A hub, one real agent and a mail server, all on loopback.

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
/// The server that the agent answers for.
pub(crate) const SERVER: &str = "real-1";

pub(crate) struct Field {
    pub(crate) sink: Sink,
    pub(crate) address: SocketAddr,
    binary: PathBuf,
    folder: TempDir,
    hub: Option<Running>,
    agent: Option<Running>,
    page: Option<Page>,
}

impl Field {
    /// Starts all, with these users who are told of all servers. `data` is where the hub keeps its
    /// own.
    pub(crate) fn start(
        binary: &Path,
        users: &[&str],
        data: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let sink = Sink::start();
        let (address, agent) = (free(), free());
        let program = Program::new(binary).arg("passwd").input(format!("{PASSWORD}\n"));
        let (ended, hash, words) = program.run(PATIENCE);
        ensure!(ended.success(), "`watchfire passwd` failed: {words}");
        let hash = hash.trim();
        let data = data.map_or_else(|| folder.path().join("hub"), Path::to_owned);
        let mut config = format!(
            "listen = \"{address}\"\ndata = \"{}\"\n\n\
             [mail]\nfrom = \"hub@example.org\"\nsmtp = \"{}\"\n\n\
             [[server]]\nname = \"{SERVER}\"\naddress = \"{agent}\"\n\
             login = {{ user = \"hub\", password = \"{PASSWORD}\" }}\n",
            data.display(),
            sink.url()
        );
        for user in users {
            let _ = write!(
                config,
                "\n[[user]]\nname = \"{user}\"\nservers = [\"*\"]\n\
                 channels = [\"mailto:{user}@example.org\"]\npassword_hash = \"{hash}\"\n"
            );
        }
        std::fs::write(folder.path().join("hub.toml"), config)?;
        let own = format!(
            "name = \"{SERVER}\"\nlisten = \"{agent}\"\ndata = \"agent\"\n\n\
             [[user]]\nname = \"hub\"\npassword_hash = \"{hash}\"\n"
        );
        std::fs::write(folder.path().join("agent.toml"), own)?;
        let binary = binary.to_owned();
        let mut field = Self { sink, address, binary, folder, hub: None, agent: None, page: None };
        field.start_agent();
        field.start_hub(users.first().context("nobody is told")?)?;
        field.wait_until_up(1)?;
        Ok(field)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn start_agent(&mut self) {
        self.agent = Some(self.run("agent"));
    }

    /// Kills the agent; the moment at which it was.
    pub(crate) fn kill_agent(&mut self) -> Duration {
        self.agent.take().map(|agent| agent.kill()).unwrap_or_default()
    }

    pub(crate) fn start_hub(&mut self, user: &str) -> anyhow::Result<()> {
        self.hub = Some(self.run("hub"));
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

    fn run(&self, role: &str) -> Running {
        let config = self.folder.path().join(format!("{role}.toml"));
        let program = Program::new(&self.binary).args([role, "--config"]).arg(config).called(role);
        let running = program.env("WATCHFIRE_LOG", "error").start();
        running.wait_for_line("http://", PATIENCE);
        running
    }
}

pub(crate) fn until(what: &str, holds: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !holds()? {
        ensure!(Instant::now() < end, "it did not come in {PATIENCE:?}: {what}");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], ports::free()))
}
