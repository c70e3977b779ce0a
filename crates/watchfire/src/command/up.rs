mod machine;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use watchfire_agent::{Agent, AgentConfig, AgentError, User as AgentUser};
use watchfire_hub::{Hub, HubConfig, OVERRIDABLE, User};
use watchfire_identity::Scope as TokenScope;
use watchfire_runtime::config::{Overrides, Source};
use watchfire_runtime::{Clock, Hangups, Shutdown, task};

use self::machine::Machine;
use super::{block_on, hub};
use crate::settings;

/// The user that a first start makes.
const ADMIN: &str = "admin";
/// The agent's usual port.
const AGENT_PORT: u16 = 5000;
/// How long the agent waits for joining before it runs without.
const ALONE: Duration = Duration::from_secs(5);
/// How long the agent may take to end after the hub.
const END: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub(super) struct Up {
    /// A hub.toml with further servers, users and mail [default: FOLDER/hub.toml where it exists]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the page is served [default: 127.0.0.1:5100]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder for everything that is kept
    #[arg(long, value_name = "FOLDER", default_value = "watchfire-data")]
    data: PathBuf,
}

impl Up {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut overrides = settings::environment(&OVERRIDABLE)?;
        overrides.flag("listen", "--listen", self.listen);
        overrides.flag("data", "--data", Some(self.data.join("hub").display().to_string()));
        let file =
            self.config.or_else(|| Some(self.data.join("hub.toml")).filter(|path| path.exists()));
        let config = match &file {
            Some(path) => hub::load(Some(path.clone()), &overrides)?,
            None => nothing_but_overrides(&overrides)?,
        };
        // Its owner writes passwords into a hub.toml in there.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data)
            .with_context(|| format!("the folder {} cannot be made", self.data.display()))?;
        block_on(run(config, self.data))
    }
}

/// The config of a hub without a file.
pub(super) fn nothing_but_overrides(overrides: &Overrides) -> anyhow::Result<HubConfig> {
    let empty = Source::from_text(Path::new("hub.toml"), "");
    let outside = <dyn watchfire_runtime::config::Outside>::machine(Path::new("."));
    Ok(HubConfig::from_source(&empty, overrides, &outside)?)
}

async fn run(mut config: HubConfig, data: PathBuf) -> anyhow::Result<()> {
    let clock = Clock::system();
    let (shutdown, end) = Shutdown::on_signals()?;
    let hangups = Hangups::listen()?;
    add_admin(&mut config);
    let has_mail = config.mail.is_some();
    let (hub_data, configured) = (config.data.clone(), config.servers.clone());
    let hub = Hub::bind(config, clock.clone()).await.context("the hub cannot start")?;
    let hub = hub.reloading_on(hangups);
    let mut agent_config = AgentConfig::new(data.join("agent"));
    agent_config.users = agent_users(&hub);
    // Wherever the hub listens this time, the agent of the same process finds it.
    agent_config.hub = Some(reached_at(hub.local_addr()).to_string());
    let agent = bind_agent(&agent_config, &clock).await.context("the agent cannot start")?;
    let enrolled = (agent.id(), agent.hub_id());
    let look = move || Machine::look(&hub_data, &configured, &enrolled);
    let machine = task::blocking("look for this machine", look).await??;
    println!("http://{}", hub.local_addr());
    match &machine.name {
        Some(name) => eprintln!("Watching {name}. Open the address above; Ctrl-C ends."),
        None => eprintln!(
            "This machine was removed from the hub and is not watched. To watch it again, end \
             this, delete {} and start anew. Open the address above; Ctrl-C ends.",
            data.join("agent").join("identity").display()
        ),
    }
    eprintln!("The agent of this machine answers at http://{}", agent.local_addr());
    hub::show_first(hub.first_password());
    if !has_mail {
        eprintln!(
            "No mail is configured: notifications appear on the page and here. \
             To get mail, write [mail] and [[user]] into {}.",
            data.join("hub.toml").display()
        );
    }
    // The hub serves by then, so that this machine enrols like any other.
    let working = work(agent, agent_config, machine, clock.clone(), shutdown.clone());
    let agent = task::spawn_critical("agent", end.clone(), working);
    hub.run(shutdown, end).await;
    let _ = clock.within(END, agent.join()).await;
    Ok(())
}

/// Runs the agent, once it belongs to the hub. Where joining takes long, the agent runs
/// meanwhile: it takes the enrolment by itself when it comes.
async fn work(
    agent: Agent,
    config: AgentConfig,
    machine: Machine,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<(), AgentError> {
    let joining = async {
        if let Err(error) = machine.join(config, &clock).await {
            tracing::error!("this machine is not watched: {error:#}");
        }
    };
    let mut joining = pin!(joining);
    let joined = tokio::select! {
        biased;
        () = shutdown.requested() => Some(()),
        joined = clock.within(ALONE, joining.as_mut()) => joined,
    };
    let mut running = pin!(agent.run(shutdown));
    if joined.is_none() {
        tokio::select! {
            biased;
            ended = running.as_mut() => return ended,
            () = joining => {}
        }
    }
    running.await
}

/// Where this machine itself reaches what listens there.
fn reached_at(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// An agent at its usual address, or at any free port where something listens there already.
async fn bind_agent(config: &AgentConfig, clock: &Clock) -> Result<Agent, AgentError> {
    let at = |port| {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Agent::bind(AgentConfig { listen, ..config.clone() }, clock.clone())
    };
    match at(AGENT_PORT).await {
        Err(AgentError::Bind { .. }) => at(0).await,
        other => other,
    }
}

/// Somebody must be told about this machine, even when no config names anybody.
fn add_admin(config: &mut HubConfig) {
    if !config.users.iter().any(|user| user.name == ADMIN) {
        config.users.push(User::administrator(ADMIN));
    }
}

/// Whoever may log in at the hub may ask the agent too.
fn agent_users(hub: &Hub) -> Vec<AgentUser> {
    let user = |(name, hash): (&str, &watchfire_identity::password::PasswordHash)| AgentUser {
        name: name.to_owned(),
        password_hash: hash.clone(),
        scopes: vec![TokenScope::Read],
    };
    hub.logins().map(user).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_listens_everywhere_is_reached_on_loopback() {
        for (listening, reached) in [
            ("0.0.0.0:5100", "127.0.0.1:5100"),
            ("[::]:5100", "[::1]:5100"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let listening = listening.parse().expect("an address");
            assert_eq!(reached_at(listening).to_string(), reached);
        }
    }
}
