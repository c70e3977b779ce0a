//! `watchfire run`: a command on many servers, signed with one's own SSH key.

mod group;
mod sign;
mod wait;

pub(super) use wait::read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_api::hub::ServerList;
use watchfire_api::runs::{OutputRow, RunRow, RunWish, WorkWish};
use watchfire_identity::command::What;
use watchfire_model::{Labels, Selector, Server, ServerName};
use watchfire_runtime::Clock;
use watchfire_runtime::config::{Located, duration};

use super::block_on;
use crate::hub_client::{Hub, Question};
use crate::screen;

/// The most that a command reads, in bytes.
const MAX_STDIN: u64 = 512 << 10;
/// How long a command may be begun after it was signed.
const LIFE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
#[command(
    after_help = "The command is signed with your own SSH key by ssh-keygen; the hub relays it and \
    can change nothing. Each server decides by its own policy file.\n  watchfire run web-1 -- \
    uptime\n  watchfire run -l 'role=\"web\"' --batch 10% --stop-after 2 -- systemctl reload \
    nginx\n  watchfire run -l 'role=\"web\"' --runbook restart unit=nginx\nExit codes: 0 it ended \
    with 0 everywhere, 1 it could not be asked for, 2 wrong usage, 3 it failed or was refused on a \
    server, 4 a server was not reached or not heard of any more, 5 it was cancelled or stopped."
)]
pub(super) struct Run {
    /// The servers by name; with --runbook also its parameters as NAME=VALUE
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    /// Servers that fit matchers, as in 'role="web"'
    #[arg(short = 'l', long = "matching", value_name = "MATCHERS")]
    matching: Vec<String>,
    /// On so many servers at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "batch")]
    at_most: Option<u32>,
    /// In batches of so much of all servers, as in 10%: the next one begins when the one before is
    /// over
    #[arg(long, value_name = "PERCENT", value_parser = read_percent)]
    batch: Option<u32>,
    /// Begin on no other server after so many failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,
    /// Wait so long for servers that are away, as in 1h
    #[arg(long, value_name = "DURATION", value_parser = read_duration)]
    when_up: Option<Duration>,
    /// How long it may take
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = read_duration)]
    timeout: Duration,
    /// How much it may say on each server, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    output_bytes: u64,
    /// The user to run it as [default: that of the server's policy]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The folder to run it in
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// What it reads: a file, or - for what is piped in
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// Why; it stands in the audit
    #[arg(short = 'm', long, value_name = "WORDS", default_value = "")]
    purpose: String,
    /// The key to sign with; a public key is looked for in the agent. Several times for several
    /// signatures [default: the first one of ~/.ssh/id_ed25519_sk, id_ed25519, id_ecdsa, id_rsa]
    #[arg(long, value_name = "KEY")]
    sign_with: Vec<PathBuf>,
    /// Sign nothing: only servers whose policy is open, or runbooks where it has them, take it
    #[arg(long, conflicts_with = "sign_with")]
    unsigned: bool,
    /// Run a runbook of the servers in place of a command
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    runbook: Option<String>,
    /// Return when it has begun, and print its name
    #[arg(long)]
    detach: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// The program and its arguments; no shell reads them
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// It ran, and not as it should have. What there is to say was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotWell {
    /// It failed or was refused on a server.
    Failed,
    /// A server was not reached, or nothing is heard of it any more.
    NotReached,
    /// It was cancelled, or stopped after failures.
    Stopped,
}

impl NotWell {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Failed => 3,
            Self::NotReached => 4,
            Self::Stopped => 5,
        }
    }

    /// What a run came to, by the servers' states.
    fn of(run: &RunRow) -> Option<Self> {
        let counts = &run.counts;
        let is_lost = run.targets.iter().any(|target| target.state == "lost");
        if counts.failed + counts.refused > 0 {
            Some(Self::Failed)
        } else if counts.not_reached > 0 || is_lost {
            Some(Self::NotReached)
        } else if counts.other > 0 {
            Some(Self::Stopped)
        } else {
            None
        }
    }
}

impl fmt::Display for NotWell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "it failed or was refused on a server",
            Self::NotReached => "a server was not reached",
            Self::Stopped => "it was cancelled or stopped",
        })
    }
}

impl std::error::Error for NotWell {}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let hub = Hub::known(self.hub.as_deref(), &clock)?;
        let (what, named) = self.what()?;
        let stdin = self.read_stdin()?;
        let servers = block_on(find(&hub, &named, &self.matching))?;
        eprintln!("on {}", names(&servers));
        let work = self.work(what, &servers, stdin.as_deref(), &clock)?;
        let wish = RunWish {
            servers: servers.iter().map(ToString::to_string).collect(),
            matchers: None,
            work,
            stdin: stdin.map(|bytes| STANDARD.encode(bytes)),
            at_most: self.at_most,
            batch_percent: self.batch,
            stop_after: self.stop_after,
            when_up_s: self.when_up.map(|wait| wait.as_secs()),
        };
        let run = block_on(begin(&hub, &wish))?;
        if self.detach {
            return if self.json {
                screen::print_json(&run)
            } else {
                screen::print(&format!("{}\n", run.id))
            };
        }
        let quiet = self.json || !std::io::stderr().is_terminal();
        let (run, outputs) = block_on(wait::to_the_end(&hub, &clock, &run, quiet))?;
        show(&run, &outputs, self.json)?;
        NotWell::of(&run).map_or(Ok(()), |why| Err(why.into()))
    }

    /// What is to be run, and the servers that are named beside it.
    fn what(&self) -> anyhow::Result<(What, Vec<String>)> {
        let Some(name) = &self.runbook else {
            if self.command.is_empty() {
                bail!(
                    "nothing to run\n  hint: watchfire run SERVER -- COMMAND…, or --runbook NAME"
                );
            }
            return Ok((What::Argv(self.command.clone()), self.servers.clone()));
        };
        let (params, servers): (Vec<&String>, Vec<&String>) =
            self.servers.iter().partition(|word| word.contains('='));
        let mut of_it = BTreeMap::new();
        for (key, value) in params.into_iter().filter_map(|word| word.split_once('=')) {
            if of_it.insert(key.to_owned(), value.to_owned()).is_some() {
                bail!("the parameter {key} is given twice");
            }
        }
        let what = What::Runbook { name: name.clone(), params: of_it };
        Ok((what, servers.into_iter().cloned().collect()))
    }

    fn work(
        &self,
        what: What,
        servers: &[ServerName],
        stdin: Option<&[u8]>,
        clock: &Clock,
    ) -> anyhow::Result<WorkWish> {
        let timeout_s = u32::try_from(self.timeout.as_secs()).unwrap_or(u32::MAX);
        if self.unsigned {
            return Ok(match what {
                What::Runbook { name, params } => WorkWish::Runbook { name, params },
                What::Argv(argv) => WorkWish::Open {
                    argv,
                    user: self.user.clone(),
                    folder: self.folder.clone(),
                    timeout_s: Some(timeout_s),
                    output_bytes: Some(self.output_bytes),
                },
            });
        }
        let wish = sign::ToSign {
            what,
            user: self.user.clone(),
            folder: self.folder.clone(),
            timeout_s,
            output_bytes: self.output_bytes,
            purpose: self.purpose.clone(),
            life: LIFE.max(self.when_up.unwrap_or_default()),
        };
        let envelope = wish.envelope(servers, stdin, clock.now().unix_ms)?;
        let bytes = envelope.to_bytes()?;
        let signatures = sign::signatures(&bytes, &self.sign_with)?;
        Ok(WorkWish::Signed { envelope: STANDARD.encode(&bytes), signatures })
    }

    fn read_stdin(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = &self.stdin else { return Ok(None) };
        let mut bytes = Vec::new();
        if path.as_os_str() == "-" {
            std::io::stdin().lock().take(MAX_STDIN + 1).read_to_end(&mut bytes)?;
        } else {
            let file = std::fs::File::open(path);
            let file = file.with_context(|| format!("{} cannot be read", path.display()))?;
            file.take(MAX_STDIN + 1).read_to_end(&mut bytes)?;
        }
        if bytes.len() as u64 > MAX_STDIN {
            bail!("a command reads {MAX_STDIN} bytes at the most");
        }
        Ok(Some(bytes))
    }
}

/// Shows what came of a run.
pub(super) fn show(run: &RunRow, outputs: &[OutputRow], json: bool) -> anyhow::Result<()> {
    if json {
        return screen::print_json(&serde_json::json!({ "run": run, "outputs": outputs }));
    }
    screen::print(&group::text(run, outputs))
}

/// The servers that are named, and those that fit any of the matchers.
async fn find(hub: &Hub, named: &[String], matching: &[String]) -> anyhow::Result<Vec<ServerName>> {
    let mut found = BTreeSet::new();
    for name in named {
        found.insert(ServerName::new(name).with_context(|| format!("{name:?} is no server"))?);
    }
    let selectors: Result<Vec<Selector>, _> =
        matching.iter().map(|text| Selector::parse(text)).collect();
    let selectors = selectors.context("these are no matchers")?;
    if !selectors.is_empty() {
        let list: ServerList = hub.get("/api/servers").await?;
        for row in list.servers {
            let mut labels = Labels::new();
            for (key, value) in &row.labels {
                labels.insert(key, value)?;
            }
            let server = Server::new(ServerName::new(&row.name)?, labels);
            if selectors.iter().any(|selector| selector.selects(&server.labels)) {
                found.insert(server.name);
            }
        }
    }
    if found.is_empty() {
        bail!("no server to run it on\n  hint: name servers, or use -l 'role=\"web\"'");
    }
    Ok(found.into_iter().collect())
}

async fn begin(hub: &Hub, wish: &RunWish) -> anyhow::Result<RunRow> {
    let body = serde_json::to_value(wish)?;
    let answer = hub.send(&Question::post("/api/runs", &body)).await?;
    if answer.status != 201 {
        bail!("{}", hub.words(&answer));
    }
    hub.read(&answer)
}

/// Servers in words: the first ones, and how many there are.
pub(super) fn names<T: ToString>(servers: &[T]) -> String {
    const SHOWN: usize = 8;
    let first: Vec<String> = servers.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = servers.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join(", "))
}

fn read_percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
    let number = number.filter(|percent| (1..=100).contains(percent));
    number.ok_or_else(|| "write 1% to 100%".to_owned())
}

fn read_duration(text: &str) -> Result<Duration, String> {
    let read = duration(&Located::default_value(text.to_owned())).ok();
    let read = read.filter(|read| read.as_secs() > 0);
    read.ok_or_else(|| "write a number with its unit, as in 30s, 10m or 2h".to_owned())
}
