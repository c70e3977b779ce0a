use std::path::PathBuf;

use anyhow::Context;
use watchfire_agent::{Agent as AgentRole, AgentConfig};
use watchfire_runtime::{Clock, Shutdown, oom};

use super::block_on;
use crate::settings;

const USUAL_CONFIG: &str = "/etc/watchfire/agent.toml";

/// Killed after nearly everything else, when memory runs out.
const OOM_SCORE: i16 = -900;

#[derive(clap::Args)]
pub(super) struct Agent {
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

impl Agent {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut overrides = settings::environment(&AgentConfig::KEYS)?;
        overrides.flag("listen", "--listen", self.listen);
        overrides.flag("data", "--data", self.data);
        let path = settings::config_file(self.config, USUAL_CONFIG);
        let config = AgentConfig::load(path.as_deref(), &overrides)?;
        if self.check {
            eprintln!("The config is fine.");
            return Ok(());
        }
        stay_alive();
        block_on(async move {
            let (shutdown, _end) = Shutdown::on_signals()?;
            let agent = AgentRole::bind(config, Clock::system()).await?;
            println!("http://{}", agent.local_addr());
            if let Some((user, password)) = agent.first_password() {
                eprintln!(
                    "This is the first start, so a user was made. It is shown this once:\n  \
                     user:     {user}\n  password: {password}"
                );
            }
            agent.run(shutdown).await.context("the agent ended")
        })
    }
}

/// A machine that runs out of memory needs its watcher most, and the agent is
/// small. It starts nothing that could inherit the preference.
fn stay_alive() {
    if let Err(error) = oom::prefer_others(OOM_SCORE) {
        tracing::debug!(%error, "the agent is no better protected from running out of memory");
    }
}
