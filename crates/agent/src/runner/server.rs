//! Takes the agent's connections, one a command, and has each command supervised.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdListener;
use std::os::unix::net::UnixStream as StdStream;
use std::process::{Child, Command as Program, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::geteuid;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use watchfire_model::Moment;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_wire::{Command, CommandRefused, Exit, Message, Runbooks, Work};

use super::audit::{Audit, Entry};
use super::cgroup::Cgroups;
use super::decide::{Decided, Judge};
use super::plan::Plan;
use super::replay::Book;
use super::supervise::end_group;
use super::tree::end_strangers;
use super::{RunnerOptions, frames};
use crate::policy::Policy;

/// Connections at the same time; more wait to be taken.
const MAX_CONNECTIONS: usize = 128;
/// How long whoever connects may take to say what for.
const ASK_TIME: Duration = Duration::from_secs(10);
/// How many refusals of a minute are written down. Whoever floods must not drive what happened
/// before out of the audit file; the rest is counted.
const REFUSALS_PER_MINUTE: u32 = 60;

/// Serves until nobody asked for a while, or the shutdown. Commands that run then are ended.
///
/// # Errors
/// When the book or the audit file cannot be opened, or the socket fails.
pub async fn serve(
    options: RunnerOptions,
    listener: StdListener,
    clock: Clock,
    shutdown: Shutdown,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    // Whoever loses its supervisor must not get away.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let idle = options.idle;
    let house = Arc::new(House::open(options, clock.clone())?);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let stream = tokio::select! {
            biased;
            () = shutdown.requested() => return Ok(()),
            taken = listener.accept() => taken?.0,
            () = nobody_asks(idle, &clock, &places) => return Ok(()),
        };
        let uid = stream.peer_cred()?.uid();
        if !house.lets(uid) {
            tracing::warn!(uid, "a user who is not the agent is turned away");
            continue;
        }
        let house = Arc::clone(&house);
        task::spawn("connection", async move {
            if let Err(error) = house.answer(stream).await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        })
        .detach();
    }
}

/// Returns once nobody is there but the one place of whoever comes next.
async fn nobody_asks(idle: Option<Duration>, clock: &Clock, places: &Semaphore) {
    let Some(idle) = idle else { return std::future::pending().await };
    loop {
        clock.sleep(idle).await;
        if places.available_permits() + 1 >= MAX_CONNECTIONS {
            return;
        }
    }
}

/// What all connections share.
struct House {
    options: RunnerOptions,
    clock: Clock,
    cgroups: Option<Cgroups>,
    state: Mutex<State>,
}

struct State {
    book: Book,
    audit: Audit,
    /// The process ids of the supervisors.
    supervisors: Vec<u32>,
    refusals: Refusals,
}

/// How many refusals were written down of this minute, and how many were not.
#[derive(Debug, Default)]
struct Refusals {
    since: Moment,
    written: u32,
    left_out: u64,
}

impl House {
    fn open(options: RunnerOptions, clock: Clock) -> io::Result<Self> {
        let now = clock.now();
        let state = State {
            book: Book::open(&options.data, now.unix_ms / 1000)?,
            audit: Audit::open(&options.data, now.unix_ms)?,
            supervisors: Vec::new(),
            refusals: Refusals::default(),
        };
        let cgroups = options.owns_cgroup.then(Cgroups::take).flatten();
        Ok(Self { options, clock, cgroups, state: Mutex::new(state) })
    }

    fn lets(&self, uid: u32) -> bool {
        uid == 0 || uid == geteuid().as_raw() || self.options.agent_user == Some(uid)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn policy(&self) -> Result<Policy, String> {
        Policy::read(&self.options.policy, geteuid().as_raw())
            .map_err(|problems| format!("the policy of this server cannot be used: {problems}"))
    }

    async fn answer(self: Arc<Self>, stream: UnixStream) -> io::Result<()> {
        let (mut from, mut to) = stream.into_split();
        let asked = self.clock.within(ASK_TIME, frames::read(&mut from)).await;
        match asked.transpose()?.flatten() {
            Some(Message::Command(command)) => self.command(*command, from, to).await,
            Some(Message::Runbooks(_)) => {
                let offers = self.policy().map_or_else(
                    |why| {
                        tracing::warn!(why);
                        Runbooks::default()
                    },
                    |policy| policy.offers(),
                );
                frames::write(&mut to, &Message::Runbooks(offers)).await
            }
            _ => Ok(()),
        }
    }

    async fn command(
        self: Arc<Self>,
        command: Command,
        from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
    ) -> io::Result<()> {
        match self.begin(&command) {
            Ok((plan, started)) => self.follow(plan, started, command.stdin, from, to).await,
            Err(why) => {
                let refused = Message::CommandRefused(CommandRefused { run: command.run, why });
                frames::write(&mut to, &refused).await
            }
        }
    }

    /// Decides, writes down, and starts the supervisor; or says why not. All in one go, so that
    /// no two commands meet in between.
    fn begin(&self, command: &Command) -> Result<(Plan, Started), String> {
        let now = self.clock.now();
        let mut state = self.state();
        let decided = self.decide(command, &mut state, now).inspect_err(|why| {
            state.note_refusal(command, why, now);
        })?;
        let mut plan = decided.plan;
        let entry = Entry {
            unix_ms: now.unix_ms,
            event: "started".to_owned(),
            command_id: plan.id.clone(),
            who: decided.who,
            argv: plan.argv.clone(),
            runbook: decided.runbook,
            user: plan.user.clone(),
            purpose: decided.purpose,
            outcome: String::new(),
        };
        let unwritten = |error| format!("the audit file of this server cannot be written: {error}");
        state.audit.write(entry).map_err(unwritten)?;
        if let Some(cgroups) = &self.cgroups {
            plan.cgroup = cgroups.make(&plan).ok();
        }
        let started = Started::new(&self.options).map_err(|error| {
            let why = format!("nothing can be started: {error}");
            state.note_end(&plan, &why, self.clock.now());
            why
        })?;
        state.supervisors.push(started.child.id());
        Ok((plan, started))
    }

    fn decide(&self, command: &Command, state: &mut State, now: Moment) -> Result<Decided, String> {
        let policy = self.policy()?;
        let server = policy.server.as_ref().unwrap_or(&self.options.server);
        let (me, now_unix_s) = (geteuid().as_raw(), now.unix_ms / 1000);
        let decided = Judge { policy: &policy, server, me, now_unix_s }.decide(command)?;
        if state.supervisors.len() >= policy.limits.at_once {
            return Err(format!(
                "{} commands run here already, and no more at once",
                policy.limits.at_once
            ));
        }
        if let Some(end) = decided.once_until_unix_s {
            state
                .book
                .take(&decided.plan.id, end, now_unix_s)
                .map_err(|error| error.to_string())?;
        }
        Ok(decided)
    }

    async fn follow(
        self: Arc<Self>,
        plan: Plan,
        started: Started,
        stdin: Vec<u8>,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
    ) -> io::Result<()> {
        let Started { mut child, socket } = started;
        let (mut says, mut hears) = socket.into_split();
        let told = tell(&mut hears, &plan, &stdin).await;
        // The agent's word that it is to end, or the agent's end: one byte tells the supervisor.
        let listening = task::spawn("cancel", async move {
            loop {
                match frames::read(&mut from).await {
                    Ok(Some(Message::CancelCommand(_))) | Ok(None) | Err(_) => break,
                    Ok(Some(_)) => {}
                }
            }
            let _ = hears.write_all(b"x").await;
            std::future::pending::<()>().await;
        });
        let mut last = None;
        while told.is_ok() && last.is_none() {
            let Ok(Some(message)) = frames::read(&mut says).await else { break };
            match message {
                Message::Exit(_) | Message::CommandRefused(_) => last = Some(message),
                // Where the agent is gone the command is being ended, and what it says is lost.
                message => drop(frames::write(&mut to, &message).await),
            }
        }
        drop((listening, says));
        let died = last.is_none();
        // It has said its last word, or is being taken away from.
        if died {
            let _ = child.kill();
        }
        let _ = child.wait();
        end_group(&plan);
        let now = self.clock.now();
        let last = last.unwrap_or_else(|| Message::Exit(lost(&plan, now)));
        {
            let mut state = self.state();
            state.supervisors.retain(|pid| *pid != child.id());
            if died {
                end_strangers(&state.supervisors, &self.clock);
            }
            state.note_end(&plan, &outcome(&last), now);
        }
        frames::write(&mut to, &last).await
    }
}

/// A supervisor that waits for its plan.
struct Started {
    child: Child,
    socket: UnixStream,
}

impl Started {
    fn new(options: &RunnerOptions) -> io::Result<Self> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let (program, arguments) = &options.supervisor;
        let child = Program::new(program)
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket: UnixStream::from_std(ours)? })
    }
}

async fn tell(to: &mut OwnedWriteHalf, plan: &Plan, stdin: &[u8]) -> io::Result<()> {
    let text = serde_json::to_vec(plan)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes()).await?;
    to.write_all(&text).await?;
    to.write_all(stdin).await
}

/// The end of a command whose supervisor was killed: by the command itself, or for want of memory.
fn lost(plan: &Plan, now: Moment) -> Exit {
    Exit {
        run: plan.run,
        began_unix_ms: now.unix_ms,
        ended_unix_ms: now.unix_ms,
        output_lost: true,
        ..Exit::default()
    }
}

fn outcome(last: &Message) -> String {
    match last {
        Message::CommandRefused(refused) => refused.why.clone(),
        Message::Exit(exit) => {
            let mut words = match (exit.code, exit.signal) {
                (Some(code), _) => format!("exit {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "its supervisor died".to_owned(),
            };
            for (is_so, what) in [
                (exit.timed_out, ", timed out"),
                (exit.truncated, ", said too much"),
                (exit.canceled, ", canceled"),
            ] {
                words.push_str(if is_so { what } else { "" });
            }
            words
        }
        _ => String::new(),
    }
}

impl State {
    fn note_refusal(&mut self, command: &Command, why: &str, now: Moment) {
        if now.since(self.refusals.since) >= Duration::from_secs(60) {
            self.refusals = Refusals { since: now, written: 0, ..self.refusals };
        }
        if self.refusals.written >= REFUSALS_PER_MINUTE {
            self.refusals.left_out += 1;
            return;
        }
        self.refusals.written += 1;
        let left_out = std::mem::take(&mut self.refusals.left_out);
        let more = match left_out {
            0 => String::new(),
            count => format!(" ({count} refusals before it were not written down)"),
        };
        let (who, argv, runbook) = match &command.work {
            // What nobody known signed says nothing about anybody.
            Work::Signed(_) => (Vec::new(), Vec::new(), String::new()),
            Work::Runbook(work) => (vec![work.asker.clone()], Vec::new(), work.name.clone()),
            Work::Open(work) => {
                let argv = work.argv.iter().take(16).map(|one| one.chars().take(256).collect());
                (vec![work.asker.clone()], argv.collect(), String::new())
            }
        };
        let id = watchfire_identity::command::CommandId::from_bytes(command.command_id);
        let entry = Entry {
            unix_ms: now.unix_ms,
            event: "refused".to_owned(),
            command_id: id.to_string(),
            who,
            argv,
            runbook,
            outcome: format!("{why}{more}"),
            ..Entry::default()
        };
        self.write(entry);
    }

    fn note_end(&mut self, plan: &Plan, outcome: &str, now: Moment) {
        self.write(Entry {
            unix_ms: now.unix_ms,
            event: "ended".to_owned(),
            command_id: plan.id.clone(),
            outcome: outcome.to_owned(),
            ..Entry::default()
        });
    }

    fn write(&mut self, entry: Entry) {
        if let Err(error) = self.audit.write(entry) {
            tracing::error!(%error, "the audit file cannot be written");
        }
    }
}
