use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use watchfire_agent::runner::{Runner as Way, RunnerOptions, StartRunner, serve, supervise};
use watchfire_agent::{AgentConfig, prepare_data};
use watchfire_model::ServerName;
use watchfire_runtime::{Clock, Shutdown};

/// This program, even where its file was replaced meanwhile.
const THIS: &str = "/proc/self/exe";
/// A runner that the service manager starts ends when nobody asked for so long.
const IDLE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(super) struct Runner {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The folder of the book of replays and of the audit file
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The server's name [default: the machine's]
    #[arg(long)]
    server: Option<String>,
    /// The agent's user, where it is another one
    #[arg(long, value_name = "USER")]
    agent_user: Option<String>,
    /// It is a service of its own, which may divide its cgroup and ends when nobody asks
    #[arg(long)]
    service: bool,
}

impl Runner {
    /// Listens on the socket that is its stdin.
    pub(super) fn run(self) -> anyhow::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.data)?;
        let server = self.server.unwrap_or_else(super::agent::host_name);
        let options = RunnerOptions {
            policy: self.policy,
            data: self.data,
            supervisor: (THIS.into(), vec!["runner-command".into()]),
            server: ServerName::new(&server).context("the server's name")?,
            agent_user: self.agent_user.as_deref().map(user_id).transpose()?,
            owns_cgroup: self.service,
            idle: self.service.then_some(IDLE),
        };
        let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
        let listener = UnixListener::from(socket);
        listener.local_addr().context("stdin is no local socket: the agent starts this itself")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (shutdown, _end) = Shutdown::on_signals()?;
            Ok(serve(options, listener, Clock::system(), shutdown).await?)
        })
    }
}

/// One command, whose plan comes over stdin.
pub(super) fn supervise_one() -> anyhow::Result<()> {
    Ok(supervise(&Clock::system())?)
}

/// The way to a runner for this agent: to the service manager's, or to one that is started here
/// where there is a policy. `None` where nothing is to be run.
pub(super) fn for_agent(config: &AgentConfig) -> anyhow::Result<Option<Way>> {
    if config.run.runner_socket.exists() {
        return Ok(Some(Way::at(&config.run.runner_socket)));
    }
    if !config.run.policy_file.exists() {
        return Ok(None);
    }
    prepare_data(config)?;
    let mut arguments: Vec<OsString> = vec!["runner".into()];
    for (flag, value) in
        [("--policy", &config.run.policy_file), ("--data", &config.data.join("runner"))]
    {
        arguments.extend([OsString::from(flag), absolute(value)?.into()]);
    }
    if let Some(name) = &config.name {
        arguments.extend(["--server".into(), name.as_str().into()]);
    }
    let how = StartRunner { program: (THIS.into(), arguments), folder: absolute(&config.data)? };
    Ok(Some(Way::start(&how).context("the runner cannot be started")?))
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}

fn user_id(name: &str) -> anyhow::Result<u32> {
    let users = fs::read_to_string("/etc/passwd")?;
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    match lines.find(|fields| fields[0] == name).and_then(|fields| fields.get(2)?.parse().ok()) {
        Some(id) => Ok(id),
        None => bail!("there is no user {name}"),
    }
}
