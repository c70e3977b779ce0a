//! Agents, a hub and a mail server, all on loopback.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use tempfile::TempDir;
use watchfire_testkit::clock::monotonic;
use watchfire_testkit::link::Link;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Program, Running, Signal};
use watchfire_testkit::smtp::Sink;

use crate::page::Page;

const PATIENCE: Duration = Duration::from_secs(120);
const PASSWORD: &str = "only-for-this-run";

/// What is done to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The agent is killed with SIGKILL.
    Killed,
    /// The agent is frozen with SIGSTOP.
    Frozen,
    /// The path to the agent goes dead: no byte, no FIN, no RST, no answer to a SYN.
    Cut,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Killed, Self::Frozen, Self::Cut];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed (SIGKILL)",
            Self::Frozen => "frozen (SIGSTOP)",
            Self::Cut => "cut link",
        }
    }
}

/// A server: its agent, and the path to it when the path is to be cut.
pub(crate) struct Watched {
    pub(crate) name: String,
    binary: PathBuf,
    config: PathBuf,
    agent: Option<Running>,
    link: Option<Link>,
}

/// Everything that runs for one kind of fault.
pub(crate) struct Field {
    pub(crate) servers: Vec<Watched>,
    pub(crate) sink: Sink,
    pub(crate) hub: Running,
    pub(crate) page: Page,
    _folder: TempDir,
}

impl Field {
    /// Starts it, and waits until every server is up.
    pub(crate) fn start(binary: &Path, agents: usize, fault: Fault) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let hash = hash(binary)?;
        let sink = Sink::start();
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let mut config = hub_config(address, &sink, &hash);
        let mut servers = Vec::with_capacity(agents);
        for number in 1..=agents {
            let (server, dialed) = Watched::start(binary, folder.path(), number, &hash, fault)?;
            let _ = write!(
                config,
                "\n[[server]]\nname = \"{}\"\naddress = \"{dialed}\"\n\
                 login = {{ user = \"hub\", password = \"{PASSWORD}\" }}\n",
                server.name
            );
            servers.push(server);
        }
        let path = folder.path().join("hub.toml");
        std::fs::write(&path, config)?;
        let hub = Program::new(binary).args(["hub", "--config"]).arg(&path).called("hub");
        let hub = hub.env("WATCHFIRE_LOG", "warn").start();
        hub.wait_for_line("http://", PATIENCE);
        let page = Page::log_in(address, "ada", PASSWORD)?;
        let field = Self { servers, sink, hub, page, _folder: folder };
        field.wait_until_all_are_up()?;
        Ok(field)
    }

    pub(crate) fn wait_until_all_are_up(&self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.page.up()? < self.servers.len() {
            ensure!(Instant::now() < until, "not every server came up in {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Watched {
    fn start(
        binary: &Path,
        folder: &Path,
        number: usize,
        hash: &str,
        fault: Fault,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let name = format!("server-{number:03}");
        let own = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let config = folder.join(format!("{name}.toml"));
        let text = format!(
            "name = \"{name}\"\nlisten = \"{own}\"\ndata = \"{name}\"\n\n\
             [[user]]\nname = \"hub\"\npassword_hash = \"{hash}\"\n"
        );
        std::fs::write(&config, text)?;
        let link = (fault == Fault::Cut).then(|| Link::to(own));
        let dialed = link.as_ref().map_or(own, Link::addr);
        let binary = binary.to_owned();
        let mut server = Self { name, binary, config, agent: None, link };
        server.start_agent();
        Ok((server, dialed))
    }

    /// Starts the agent; the moment at which it said that it listens.
    fn start_agent(&mut self) -> Duration {
        let program = Program::new(&self.binary).args(["agent", "--config"]).arg(&self.config);
        let agent = program.called(&self.name).env("WATCHFIRE_LOG", "warn").start();
        let listened = agent.wait_for_line("http://", PATIENCE).at;
        self.agent = Some(agent);
        listened
    }

    /// Does it; the moment after which no sign of life could leave the server.
    pub(crate) fn fail(&mut self, fault: Fault) -> Duration {
        match (fault, &self.agent, &self.link) {
            (Fault::Killed, Some(agent), _) => agent.kill(),
            (Fault::Frozen, Some(agent), _) => agent.signal(Signal::Stop),
            (Fault::Cut, _, Some(link)) => link.cut(),
            (_, None, _) | (Fault::Cut, _, None) => unreachable!("it was started for this fault"),
        }
    }

    /// Takes it back; the moment from which the server can be reached again.
    pub(crate) fn recover(&mut self, fault: Fault) -> Duration {
        match (fault, &self.agent, &self.link) {
            (Fault::Killed, ..) => self.start_agent(),
            (Fault::Frozen, Some(agent), _) => agent.signal(Signal::Continue),
            (Fault::Cut, _, Some(link)) => {
                let at = monotonic();
                link.heal();
                at
            }
            (Fault::Frozen, None, _) | (Fault::Cut, _, None) => {
                unreachable!("it was started for this fault")
            }
        }
    }
}

fn hub_config(listen: SocketAddr, sink: &Sink, hash: &str) -> String {
    format!(
        "listen = \"{listen}\"\ndata = \"hub\"\n\n\
         [mail]\nfrom = \"hub@example.org\"\nsmtp = \"{}\"\n\n\
         [[user]]\nname = \"ada\"\nservers = [\"*\"]\nchannels = [\"mailto:ada@example.org\"]\n\
         password_hash = \"{hash}\"\n",
        sink.url()
    )
}

fn hash(binary: &Path) -> anyhow::Result<String> {
    let program = Program::new(binary).arg("passwd").input(format!("{PASSWORD}\n"));
    let (ended, hash, words) = program.run(PATIENCE);
    ensure!(ended.success(), "`watchfire passwd` failed: {words}");
    Ok(hash.trim().to_owned())
}
