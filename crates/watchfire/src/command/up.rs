use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use watchfire_agent::{Agent, AgentConfig, User as AgentUser};
use watchfire_hub::{Hub, HubConfig, Login, OVERRIDABLE, User, WatchedServer};
use watchfire_identity::{Scope as TokenScope, password};
use watchfire_model::{Labels, Server, ServerName};
use watchfire_runtime::config::{Overrides, Source};
use watchfire_runtime::{Clock, Secret, Shutdown, task};

use super::{block_on, hub};
use crate::settings;

/// The user that the hub logs in as at the agent of the same process.
const HUB_USER: &str = "hub";
/// The user that a first start makes.
const ADMIN: &str = "admin";
/// The agent's usual port.
const AGENT_PORT: u16 = 5000;
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

fn nothing_but_overrides(overrides: &Overrides) -> anyhow::Result<HubConfig> {
    let empty = Source::from_text(Path::new("hub.toml"), "");
    let outside = <dyn watchfire_runtime::config::Outside>::machine(Path::new("."));
    Ok(HubConfig::from_source(&empty, overrides, &outside)?)
}

async fn run(mut config: HubConfig, data: PathBuf) -> anyhow::Result<()> {
    let clock = Clock::system();
    let (shutdown, end) = Shutdown::on_signals()?;
    let secret = password::generate();
    let agent_address = free_agent_address().await;
    let name = add_this_machine(&mut config, agent_address, &secret)?;
    add_admin(&mut config);
    let has_mail = config.mail.is_some();
    let hub = Hub::bind(config, clock.clone()).await.context("the hub cannot start")?;
    let mut agent_config = AgentConfig::new(data.join("agent"));
    agent_config.listen = agent_address;
    agent_config.users = agent_users(&hub, &secret)?;
    let agent = Agent::bind(agent_config, clock.clone()).await.context("the agent cannot start")?;
    println!("http://{}", hub.local_addr());
    eprintln!("Watching {name}. Open the address above; Ctrl-C ends.");
    eprintln!("The agent of this machine answers at http://{}", agent.local_addr());
    hub::show_first(hub.first_password());
    if !has_mail {
        eprintln!(
            "No mail is configured: notifications appear on the page and here. \
             To get mail, write [mail] and [[user]] into {}.",
            data.join("hub.toml").display()
        );
    }
    let agent = task::spawn_critical("agent", end.clone(), agent.run(shutdown.clone()));
    hub.run(shutdown, end).await;
    let _ = clock.within(END, agent.join()).await;
    Ok(())
}

/// The agent's usual address, or any free port where something listens there already.
async fn free_agent_address() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, AGENT_PORT));
    match tokio::net::TcpListener::bind(usual).await {
        Ok(_) => usual,
        Err(_) => any_port().await.unwrap_or(usual),
    }
}

async fn any_port() -> std::io::Result<SocketAddr> {
    tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}

/// Puts this machine among the watched servers, under a name that is still free.
fn add_this_machine(
    config: &mut HubConfig,
    address: SocketAddr,
    secret: &str,
) -> anyhow::Result<ServerName> {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let taken = |name: &ServerName| config.servers.iter().any(|one| one.server.name == *name);
    let name = ServerName::new(hostname.trim())
        .ok()
        .filter(|name| !taken(name))
        .map_or_else(|| ServerName::new("this-machine"), Ok)?;
    let login = Some(Login { user: HUB_USER.to_owned(), password: Secret::new(secret) });
    let server = Server::new(name.clone(), Labels::new());
    config.servers.push(WatchedServer {
        server,
        address: Some(address.to_string()),
        login,
        agent: None,
    });
    Ok(name)
}

/// Somebody must be told about this machine, even when no config names anybody.
fn add_admin(config: &mut HubConfig) {
    if !config.users.iter().any(|user| user.name == ADMIN) {
        config.users.push(User::administrator(ADMIN));
    }
}

/// The hub's own login, and whoever may log in at the hub.
fn agent_users(hub: &Hub, secret: &str) -> anyhow::Result<Vec<AgentUser>> {
    let of = |name: &str, hash: &password::PasswordHash, scopes: &[TokenScope]| AgentUser {
        name: name.to_owned(),
        password_hash: hash.clone(),
        scopes: scopes.to_vec(),
    };
    let own = password::hash(secret)?;
    let mut users = vec![of(HUB_USER, &own, &[TokenScope::Read, TokenScope::Stream])];
    let people = hub.logins().filter(|(name, _)| *name != HUB_USER);
    users.extend(people.map(|(name, hash)| of(name, hash, &[TokenScope::Read])));
    Ok(users)
}
