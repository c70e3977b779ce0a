//! Commands that the hub relays to servers, and what comes of them.
//!
//! ```text
//! http --Wish--> Runs: who may reach which server -> Run: whose turn -> session -> agent
//!                 ^                                                         |
//!                 '---- keep: stores it, then acknowledges <-- Runs::said --'
//! ```
//!
//! The hub decides who may ask for what on which servers, and nothing else: whether a server runs
//! it is said by a policy on that server that nothing here can change, and what an operator
//! signed the hub can neither make nor alter. Each command has a random number at each server;
//! an agent that speaks of a number that was not given to it is not heard.
//!
//! What a server says is acknowledged once it is stored, so that an agent can go on after a lost
//! stream or a new start of the hub. A hub that was started anew begins nothing, for it keeps
//! nothing that could be run.

mod heard;
mod job;
mod keep;
mod live;
mod recorded;
mod target;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use watchfire_identity::{Randomness, SystemRandomness, random_hex};
use watchfire_model::{Moment, Scope, Selector, ServerName};
use watchfire_runtime::{Clock, task};
use watchfire_store::{Batch, Store, StoreError, StoredRun};
use watchfire_wire::{Message, Runbooks};

use crate::accounts::Account;
use crate::audit::{Audit, AuditEntry};
use crate::fleet::Fleet;
use crate::session::Sessions;
pub(crate) use job::Job;
use live::Run;
pub(crate) use live::{Pace, Spoken};
use target::{State as At, Target};
pub(crate) use view::said_of;

/// The most servers of a run.
pub(crate) const MAX_TARGETS: usize = 10_000;
/// The most runs under way.
const MAX_LIVE: usize = 16;
/// How long servers that are away are waited for at the most.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);
/// So many numbers of commands that are over are remembered: their agents may speak of them again.
const MAX_KNOWN: usize = 4 * MAX_TARGETS;

/// A command that somebody wants to be run.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) servers: Servers,
    pub(crate) job: Job,
    pub(crate) stdin: Vec<u8>,
    pub(crate) pace: Pace,
    pub(crate) when_up: Option<Duration>,
}

/// On which servers.
#[derive(Debug, Clone)]
pub(crate) enum Servers {
    Named(Vec<String>),
    /// Those of the asker's that fit.
    Fitting(Selector),
}

/// Why nothing is run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRun {
    /// There is none, or none that the user may know of.
    #[error("there is no such run")]
    Unknown,
    /// It is not as commands are.
    #[error("{0}")]
    Wrong(String),
    /// There are too many.
    #[error("{MAX_LIVE} runs are under way: wait for one, or cancel one")]
    TooMany,
    /// It cannot be stored.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The way to the agents.
pub(crate) trait Lines: Send + Sync {
    /// Tells an agent something. False when it is not there or too busy.
    fn say(&self, index: usize, message: Message) -> bool;
}

/// The runs of a hub.
pub(crate) struct Runs {
    store: Store,
    fleet: Arc<Fleet>,
    clock: Clock,
    lines: OnceLock<Box<dyn Lines>>,
    state: Mutex<State>,
    stir: Notify,
}

#[derive(Default)]
struct State {
    /// What agents that take commands offer, with the numbers of their sessions.
    offers: HashMap<usize, (u64, Arc<Runbooks>)>,
    live: BTreeMap<String, Run>,
    /// Where the commands belong that were given out.
    numbers: HashMap<u64, (String, usize)>,
    /// The numbers of those that are over, with their servers: the oldest first.
    over: VecDeque<(u64, usize)>,
    known: HashSet<(u64, usize)>,
}

impl Runs {
    /// Takes up those that were under way when the hub ended.
    pub(crate) fn open(store: Store, fleet: Arc<Fleet>, clock: Clock) -> Self {
        let mut state = State::default();
        match taken_up(&store, &clock) {
            Ok(runs) => runs.into_iter().for_each(|run| state.enter(run)),
            Err(error) => tracing::error!(%error, "what was run before is not known"),
        }
        Self {
            store,
            fleet,
            clock,
            lines: OnceLock::new(),
            state: Mutex::new(state),
            stir: Notify::new(),
        }
    }

    /// Says how agents are told something. Only the first one counts.
    pub(crate) fn set_lines(&self, lines: Box<dyn Lines>) {
        if self.lines.set(lines).is_err() {
            tracing::error!("agents are told by the first way that was named");
        }
    }

    /// Begins to run something for a user, whose scope counts as it is now. It gives back the
    /// run's name.
    pub(crate) async fn start(&self, account: &Account, wish: Wish) -> Result<String, NoRun> {
        let now = self.clock.now();
        let servers = self.resolve(&account.scope, &wish.servers)?;
        wish.job.check(&wish.stdin, now.unix_ms)?;
        let tree = wish.job.targets(&servers)?;
        if self.state().live.len() >= MAX_LIVE {
            return Err(NoRun::TooMany);
        }
        let command_id = wish.job.command_id().unwrap_or_else(|| random(&mut SystemRandomness));
        let row = StoredRun {
            id: random_hex(8),
            command_id: command_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            user: account.name.clone(),
            what: serde_json::to_string(&wish.job.what()).unwrap_or_default(),
            began_unix_ms: now.unix_ms,
            ended_unix_ms: None,
            output_bytes: 0,
        };
        let targets = servers.into_iter().map(|server| Target::new(server, number())).collect();
        let mut run = Run::new(row, targets);
        run.command_id = command_id;
        run.scope = account.scope.clone();
        run.pace = wish.pace;
        run.longest = Duration::from_secs(wish.job.longest_s());
        let life = wish.job.not_after_unix_ms().map(|until| until.saturating_sub(now.unix_ms));
        let life = life.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
        let wait = wish.when_up.map(|wait| wait.min(LONGEST_WAIT).min(life.unwrap_or(wait)));
        run.when_up = wait.map(|wait| now.after(wait));
        run.job = Some((wish.job, tree, wish.stdin));
        self.put(&mut run, now).await?;
        let (id, count) = (run.row.id.clone(), run.targets.len());
        tracing::info!(run = id, user = account.name, count, "a command is relayed");
        self.state().enter(run);
        self.stir.notify_one();
        Ok(id)
    }

    /// Ends a run on the servers that the user sees, and says on how many it had not ended.
    pub(crate) async fn cancel(&self, account: &Account, id: &str) -> Result<usize, NoRun> {
        let sees = |server: &ServerName| self.sees(&account.scope, server);
        let count = self.state().live.get_mut(id).map(|run| {
            let known = run.targets.iter().any(|target| sees(&target.server));
            known.then(|| (run.row.clone(), run.cancel(sees)))
        });
        match count {
            Some(Some((row, count))) => {
                tracing::info!(run = id, user = account.name, count, "a command is cancelled");
                self.stir.notify_one();
                self.record(recorded::cancelled(&row, &account.name, count)).await?;
                Ok(count)
            }
            Some(None) => Err(NoRun::Unknown),
            // One that is over is known too.
            None => self.one(&account.scope, id).await.map(|_| 0),
        }
    }

    /// Tells of each change of a run that is under way.
    pub(crate) fn changes(&self, id: &str) -> Option<watch::Receiver<u64>> {
        self.state().live.get(id).map(|run| run.changes.subscribe())
    }

    /// Tells of what is said from now on.
    pub(crate) fn spoken(&self, id: &str) -> Option<broadcast::Receiver<Spoken>> {
        self.state().live.get(id).map(|run| run.spoken.subscribe())
    }

    /// Whether a user with this scope may know of a server. What is no server any more is known
    /// to those alone who see all.
    pub(crate) fn sees(&self, scope: &Scope, server: &ServerName) -> bool {
        match self.fleet.index(server) {
            Some(index) => scope.holds(&self.fleet.config(index).server.labels),
            None => scope.is_everything(),
        }
    }

    /// What is foreign is refused with the words for what does not exist.
    fn resolve(&self, scope: &Scope, servers: &Servers) -> Result<Vec<ServerName>, NoRun> {
        let found: BTreeSet<ServerName> = match servers {
            Servers::Named(names) => {
                let find = |text: &String| {
                    let name = ServerName::new(text).ok();
                    let index = name.as_ref().and_then(|name| self.fleet.index(name));
                    let seen = index.and(name).filter(|name| self.sees(scope, name));
                    seen.ok_or_else(|| NoRun::Wrong(format!("there is no server {text:?}")))
                };
                names.iter().map(find).collect::<Result<_, _>>()?
            }
            Servers::Fitting(selector) => {
                let configs =
                    self.fleet.indices().into_iter().map(|index| self.fleet.config(index));
                configs
                    .filter(|one| scope.holds(&one.server.labels))
                    .filter(|one| selector.selects(&one.server.labels))
                    .map(|one| one.server.name.clone())
                    .collect()
            }
        };
        match found.len() {
            0 => Err(NoRun::Wrong("it would run on no server: name one of yours".to_owned())),
            1..=MAX_TARGETS => Ok(found.into_iter().collect()),
            _ => Err(NoRun::Wrong(format!("a run has {MAX_TARGETS} servers at the most"))),
        }
    }

    /// Stores a new run and that somebody began it, or neither.
    async fn put(&self, run: &mut Run, now: Moment) -> Result<(), StoreError> {
        let Some(all) = run.take_unstored(now.unix_ms) else { return Ok(()) };
        let begun = recorded::begun(&run.row, &run.targets);
        let write = move |batch: &Batch<'_>| {
            Audit::add(batch, &begun, now)?;
            batch.put_run(&all.run)?;
            let mut targets = all.places.iter();
            targets.try_for_each(|(target, ..)| batch.put_run_target(&all.run.id, target))
        };
        self.blocking(move |store| store.write(write)).await
    }

    async fn record(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.blocking(move |store| store.write(|batch| Audit::add(batch, &entry, now))).await
    }

    fn say(&self, index: usize, message: Message) -> bool {
        self.lines.get().is_some_and(|lines| lines.say(index, message))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        let done = task::blocking("runs", move || work(&store)).await;
        done.unwrap_or_else(|failed| Err(StoreError::Io { why: failed.to_string() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, run: Run) {
        for (place, target) in run.targets.iter().enumerate() {
            if !target.state.is_final() {
                self.numbers.insert(target.number, (run.row.id.clone(), place));
            }
        }
        self.live.insert(run.row.id.clone(), run);
    }

    fn leave(&mut self, id: &str, index_of: impl Fn(&ServerName) -> Option<usize>) {
        let Some(run) = self.live.remove(id) else { return };
        for target in run.targets {
            self.numbers.remove(&target.number);
            let Some(index) = index_of(&target.server) else { continue };
            self.over.push_back((target.number, index));
            self.known.insert((target.number, index));
        }
        while self.over.len() > MAX_KNOWN {
            if let Some(oldest) = self.over.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

/// The agents by their sessions. It holds these weakly: they hold the runs.
pub(crate) struct BySessions<F>(pub(crate) F);

impl<F: Fn() -> Option<Sessions> + Send + Sync> Lines for BySessions<F> {
    fn say(&self, index: usize, message: Message) -> bool {
        let handle = (self.0)().and_then(|sessions| sessions.of(index));
        handle.is_some_and(|handle| handle.say(message))
    }
}

/// What was under way: agents go on with what they were told, and nothing else begins.
fn taken_up(store: &Store, clock: &Clock) -> Result<Vec<Run>, StoreError> {
    let now = clock.now();
    let mut runs = Vec::new();
    for row in store.open_runs()? {
        let stored = store.run_targets(&row.id)?;
        let mut run = Run::new(row, stored.into_iter().filter_map(Target::of).collect());
        for target in &mut run.targets {
            match target.state {
                At::Waiting => {
                    target.becomes(At::NotReached, "the hub was started anew before its turn");
                }
                state if state.is_under_way() => target.due = Some(now.after(LATE)),
                _ => {}
            }
        }
        runs.push(run);
    }
    Ok(runs)
}

/// How long agents may take to tell a hub that was started anew how it stands: one that ran for
/// longer is heard as well, as long as others of its run are awaited.
const LATE: Duration = Duration::from_secs(600);

/// A number that nobody guesses; SQLite and the wire want 63 bits and no 0.
fn number() -> u64 {
    let bytes: [u8; 8] = random(&mut SystemRandomness);
    (u64::from_le_bytes(bytes) >> 1).max(1)
}

fn random<const N: usize>(randomness: &mut impl Randomness) -> [u8; N] {
    let mut bytes = [0; N];
    randomness.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
