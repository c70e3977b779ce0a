//! The command line: one file a command.

mod adopt;
mod agent;
mod at_hub;
mod audit;
mod backup;
mod beside;
mod demo;
mod doctor;
mod events;
mod hub;
mod incidents;
mod install;
mod invite;
mod join;
mod login;
mod logout;
mod messenger;
mod metrics;
mod notify;
mod of_hub;
mod passwd;
mod past;
mod ps;
mod query;
mod relaunch;
mod report;
mod restore;
mod route;
mod rule;
mod run;
mod runner;
mod runs;
mod server;
mod sessions;
mod silence;
mod sim;
mod stats;
mod token;
mod totp;
mod up;
mod user;

pub(crate) use notify::Untold;
pub(crate) use rule::BadFiles;
pub(crate) use run::NotWell;

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use watchfire_runtime::log;

use crate::prompt;

/// Watches servers and tells the right person when one does not answer.
#[derive(Parser)]
#[command(name = "watchfire", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 well, 1 failed, 2 wrong usage, 78 wrong config.")]
pub(crate) struct Arguments {
    /// What is logged to stderr: off, error, warn, info, debug, trace, or a filter
    /// such as warn,watchfire_hub=debug
    #[arg(
        long,
        global = true,
        env = "WATCHFIRE_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub(crate) log: String,
    /// How log lines look
    #[arg(long, global = true, env = "WATCHFIRE_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// How long work that blocks has to end once the daemon has.
const END: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Run hub and agent for this machine in one process: the fastest start
    Up(up::Up),
    /// Run the agent: answers for this machine's status and processes
    Agent(agent::Agent),
    /// Enrol this server at a hub, with a token that was made there
    Join(join::Join),
    /// Let a hub that can reach this server adopt it: prints the line to run there
    Invite(invite::Invite),
    /// Run commands for the agent beside it; started by the agent or the service manager
    #[command(hide = true)]
    Runner(runner::Runner),
    /// Supervise one command for the runner
    #[command(name = "runner-command", hide = true)]
    Supervise,
    /// Confine itself as an agent does, and say what holds
    #[command(hide = true)]
    SandboxProof(doctor::SandboxProof),
    /// Run the hub: watches the servers of hub.toml and tells its users
    Hub(hub::Hub),
    /// Take in a server that invited this hub
    Adopt(adopt::Adopt),
    /// List, rename and remove the hub's servers
    Server(server::Server),
    /// Copy the hub's data, keys and config into a folder, while it runs
    Backup(backup::Backup),
    /// Put a backup back into an empty data folder
    Restore(restore::Restore),
    /// Check every page and checksum of the hub's data, and its keys
    Doctor(doctor::Doctor),
    /// Print the metrics of this machine, or of a recorded one, once
    Metrics(metrics::Metrics),
    /// Make a password hash for agent.toml or hub.toml
    Passwd(passwd::Passwd),
    /// Log in at a hub, to ask it from here
    Login(login::Login),
    /// End the login at a hub
    Logout(logout::Logout),
    /// List where you are logged in at a hub, and end it there
    Sessions(sessions::Sessions),
    /// Turn your second factor at a hub on and off
    Totp(totp::Totp),
    /// Make, list and end tokens by which programs ask a hub
    Token(token::Token),
    /// Add, change and remove users of a hub, and change your password
    User(user::User),
    /// Check channels' URLs, and send one message through one
    Notify(notify::Notify),
    /// Ask a hub's history in PromQL
    Query(query::Query),
    /// Show who would be told of a server, when and how
    Route(route::Route),
    /// List a hub's incidents, acknowledge them and write notes to them
    Incidents(incidents::Incidents),
    /// Run a command on servers of a hub, signed with your SSH key
    Run(Box<run::Run>),
    /// List what was run on servers of a hub, show what they said, and cancel
    Runs(runs::Runs),
    /// List the runbooks that servers of a hub offer
    Runbooks(runs::Runbooks),
    /// Check and test files of rules
    Rule(rule::Rule),
    /// Show who did what on a hub or on a server, and verify that nobody changed it
    Audit(audit::Audit),
    /// Mute servers and alerts of a hub for a while
    Silence(silence::Silence),
    /// Show the processes of this machine, or of a hub's server, now or at a past moment
    Ps(ps::Ps),
    /// Show the state of this machine, or of a hub's server, now or at a past moment
    Stats(stats::Stats),
    /// Show what the kernel said, as the agent on this machine recorded it
    Events(events::Events),
    /// Mail the status of all servers to their users, once
    Report(report::Report),
    /// Show a hub with a simulated fleet in which things go wrong: for a first look
    Demo(demo::Demo),
    /// Simulate a fleet that streams to a hub, and what may happen to it
    Sim(sim::Sim),
}

impl Arguments {
    pub(crate) fn log_format(&self) -> log::Format {
        match self.log_format {
            LogFormat::Text => log::Format::Text,
            LogFormat::Json => log::Format::Json,
        }
    }

    pub(crate) fn colour(&self) -> bool {
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
    }

    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Up(up) => up.run(),
            Command::Agent(agent) => agent.run(),
            Command::Runner(runner) => runner.run(),
            Command::Supervise => runner::supervise_one(),
            Command::SandboxProof(proof) => proof.run(),
            Command::Join(join) => join.run(),
            Command::Invite(invite) => invite.run(),
            Command::Hub(hub) => hub.run(),
            Command::Adopt(adopt) => adopt.run(),
            Command::Server(server) => server.run(),
            Command::Backup(backup) => backup.run(),
            Command::Restore(restore) => restore.run(),
            Command::Doctor(doctor) => doctor.run(),
            Command::Metrics(metrics) => metrics.run(),
            Command::Passwd(passwd) => passwd.run(),
            Command::Login(login) => login.run(),
            Command::Logout(logout) => logout.run(),
            Command::Sessions(sessions) => sessions.run(),
            Command::Totp(totp) => totp.run(),
            Command::Token(token) => token.run(),
            Command::User(user) => user.run(),
            Command::Notify(notify) => notify.run(),
            Command::Query(query) => query.run(),
            Command::Route(route) => route.run(),
            Command::Incidents(incidents) => incidents.run(),
            Command::Run(run) => run.run(),
            Command::Runs(runs) => runs.run(),
            Command::Runbooks(runbooks) => runbooks.run(),
            Command::Rule(rule) => rule.run(),
            Command::Audit(audit) => audit.run(),
            Command::Silence(silence) => silence.run(),
            Command::Ps(ps) => ps.run(),
            Command::Stats(stats) => stats.run(),
            Command::Events(events) => events.run(),
            Command::Report(report) => report.run(),
            Command::Demo(demo) => demo.run(),
            Command::Sim(sim) => sim.run(),
        }
    }
}

/// Runs a daemon's future on all cores.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // Dropping the runtime would wait for its blocking threads, and a resolver
    // or a disk that hangs would keep the process from ending.
    runtime.shutdown_timeout(END);
    done
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, sync_channel};

    use super::*;

    #[test]
    fn a_hanging_thread_does_not_hold_the_end_up() {
        let (let_go, held) = sync_channel::<()>(1);
        let (tell, told) = sync_channel(1);
        let answer = block_on(async move {
            let hang = move || {
                let _ = tell.send(held.recv_timeout(Duration::from_secs(30)));
            };
            drop(tokio::task::spawn_blocking(hang));
            Ok(7)
        });
        assert_eq!(answer.expect("the work is done"), 7);
        // Had the end waited for the thread, its time would be over by now.
        drop(let_go);
        assert_eq!(told.recv().expect("it ends"), Err(RecvTimeoutError::Disconnected));
    }
}
