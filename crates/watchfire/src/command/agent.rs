use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use watchfire_agent::{Agent as AgentRole, AgentConfig, prepare_data, sandbox};
use watchfire_runtime::{Clock, Shutdown, oom};

use super::block_on;
use super::install::{Install, Uninstall};
use super::messenger::Channels;
use crate::service::Supervisor;
use crate::settings;

const USUAL_CONFIG: &str = "/etc/watchfire/agent.toml";

/// Killed after nearly everything else, when memory runs out.
const OOM_SCORE: i16 = -900;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Agent {
    #[command(subcommand)]
    service: Option<Service>,
    /// The config file [default: /etc/watchfire/agent.toml where it exists, else defaults]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, as in 127.0.0.1:5000
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder for the token key and the first user
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Read the config, say what is wrong, and end
    #[arg(long)]
    check: bool,
}

#[derive(clap::Subcommand)]
enum Service {
    /// Install the agent as a hardened service of systemd, and start it
    Install(Install),
    /// Stop the service and remove it; the data stays
    Uninstall(Uninstall),
}

/// Where an agent's files are, for the commands that work beside it.
#[derive(clap::Args)]
pub(super) struct Place {
    /// The agent's config file [default: /etc/watchfire/agent.toml where it exists]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The agent's data folder [default: the config's]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Everything was read already, by who started this anew.
    #[arg(long, hide = true, requires = "data")]
    without_config: bool,
}

impl Place {
    /// Where the agent's files are, as somebody named them.
    pub(super) fn new(config: Option<PathBuf>, data: Option<String>) -> Self {
        Self { config, data, without_config: false }
    }

    /// The agent's config, as the agent itself would read it.
    pub(super) fn config(&self) -> anyhow::Result<AgentConfig> {
        if let (true, Some(data)) = (self.without_config, &self.data) {
            return Ok(AgentConfig::new(data));
        }
        let mut overrides = settings::environment(&AgentConfig::KEYS)?;
        overrides.flag("data", "--data", self.data.clone());
        let path = settings::config_file(self.config.clone(), USUAL_CONFIG);
        Ok(AgentConfig::load(path.as_deref(), &overrides)?)
    }
}

/// What the kernel calls this machine.
pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

impl Agent {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.service {
            Some(Service::Install(install)) => return install.run(),
            Some(Service::Uninstall(uninstall)) => return uninstall.run(),
            None => {}
        }
        let mut overrides = settings::environment(&AgentConfig::KEYS)?;
        overrides.flag("listen", "--listen", self.listen);
        overrides.flag("data", "--data", self.data);
        let path = settings::config_file(self.config, USUAL_CONFIG);
        let config = AgentConfig::load(path.as_deref(), &overrides)?;
        if self.check {
            eprintln!("The config is fine.");
            return Ok(());
        }
        let runner = super::runner::for_agent(&config)?;
        stay_alive();
        confine(&config)?;
        block_on(async move {
            let (shutdown, _end) = Shutdown::on_signals()?;
            let clock = Clock::system();
            let supervisor = Supervisor::from_environment();
            let agent = AgentRole::bind(config, clock.clone()).await?;
            let agent = agent.with_messenger(Arc::new(Channels { clock: clock.clone() }));
            let agent = match runner {
                Some(runner) => agent.with_runner(runner),
                None => agent,
            };
            println!("http://{}", agent.local_addr());
            if let Some((user, password)) = agent.first_password() {
                show_first(user, password, supervisor.keeps_output());
            }
            let beats = supervisor.follow(clock, shutdown.clone());
            let ended = agent.run(shutdown).await.context("the agent ended");
            drop(beats);
            ended
        })
    }
}

/// Gives up what only the runner needs, before any thread of the agent's own begins.
fn confine(config: &AgentConfig) -> anyhow::Result<()> {
    prepare_data(config)?;
    for (layer, holds) in sandbox::enter(&config.data).layers {
        match holds {
            Ok(()) => tracing::debug!(layer, "the agent is confined"),
            Err(why) => tracing::warn!(layer, why, "the agent is not confined by this"),
        }
    }
    Ok(())
}

/// What a journal keeps, others read later.
fn show_first(user: &str, password: &str, kept: bool) {
    if kept {
        eprintln!(
            "This is the first start, so a user {user} was made. Its password is not shown here, \
             because this output is kept: write a [[user]] of your own into agent.toml, with the \
             hash that `watchfire passwd` prints."
        );
    } else {
        eprintln!(
            "This is the first start, so a user was made. It is shown this once:\n  \
             user:     {user}\n  password: {password}"
        );
    }
}

/// A machine that runs out of memory needs its watcher most, and the agent is
/// small. The runner was started before, and whatever it starts gives the preference up.
fn stay_alive() {
    if let Err(error) = oom::prefer_others(OOM_SCORE) {
        tracing::debug!(%error, "the agent is no better protected from running out of memory");
    }
}
