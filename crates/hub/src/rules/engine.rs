//! Starts, changes and ends the groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use watchfire_alert::rules::{
    AlertRow, Group, GroupState, Outage, USUAL_INTERVAL_MS, usual_grace_ms,
};
use watchfire_model::ABSENT;
use watchfire_runtime::backoff::Backoff;
use watchfire_runtime::config::Problem;
use watchfire_runtime::task::Task;
use watchfire_runtime::{Hangups, Shutdown, ShutdownHandle, task};
use watchfire_store::{PushedSamples, StoredRuleState};

use super::board::{Board, Files, Key, Watched, key};
use super::keep;
use super::made::{Made, Nudges};
use super::runner::{Common, Parts, Runner};
use super::schedule::Schedule;
use super::sink::{SOURCES, source};
use crate::alerts::{Firing, Round};
use crate::config::{Locked, RuleFiles};
use crate::dial::Rarely;

/// How long a group is waited for that is to stop. Its evaluation notices in a moment.
const END: Duration = Duration::from_secs(2);
/// For how long it is tried to say that nothing of a group fires any more that is gone.
const FAREWELL: Duration = Duration::from_secs(30);
/// When it is tried again after that.
const FAREWELL_AGAIN: Duration = Duration::from_secs(60);
/// What the last run left is asked for again so soon, and later each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// The most mistakes of a bad file that the log is told.
const MAX_TOLD: usize = 20;

/// All groups, while they run.
pub(crate) struct Engine {
    common: Arc<Common>,
    board: Board,
    files: RuleFiles,
    /// What stands in them.
    locked: Arc<[Locked]>,
    made: Made,
    running: BTreeMap<Key, Running>,
    /// Sources that are gone, of which nobody took yet that nothing of them fires, with their names
    /// in the store.
    owed: BTreeMap<String, Option<String>>,
}

/// What the last run of the hub left: rows by the group's name, and what fires by source.
struct Left {
    stored: BTreeMap<String, StoredRuleState>,
    firing: BTreeMap<String, Vec<Firing>>,
}

struct Running {
    watched: Arc<Watched>,
    stop: ShutdownHandle,
    task: Task<()>,
}

impl Engine {
    pub(crate) fn new(files: RuleFiles, parts: Parts, board: Board, made: Made) -> Self {
        board.note_reload(Some(parts.clock.now().unix_ms));
        let common = Arc::new(Common::new(parts));
        let locked = files.all().into();
        let (running, owed) = (BTreeMap::new(), BTreeMap::new());
        let engine = Self { common, board, files, locked, made, running, owed };
        engine.show_files();
        engine
    }

    /// Evaluates until the end is asked for, reads the files again at each hangup, and takes up
    /// what is made when it is nudged.
    pub(crate) async fn run(
        mut self,
        hangups: Option<Hangups>,
        nudges: Nudges,
        shutdown: Shutdown,
    ) {
        self.begin(&shutdown).await;
        self.run_on(hangups, nudges, shutdown).await;
    }

    /// The same, once everything is taken up.
    pub(super) async fn run_on(
        mut self,
        mut hangups: Option<Hangups>,
        mut nudges: Nudges,
        shutdown: Shutdown,
    ) {
        let clock = self.common.parts.clock.clone();
        loop {
            let hangup = async {
                match &mut hangups {
                    Some(hangups) => hangups.next().await,
                    None => std::future::pending().await,
                }
            };
            let again = async {
                if self.owed.is_empty() {
                    std::future::pending::<()>().await;
                }
                clock.sleep(FAREWELL_AGAIN).await;
            };
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                () = hangup => self.reload(&shutdown).await,
                Some(done) = nudges.recv() => {
                    let gone = self.change().await;
                    // Whoever waits for it may have gone.
                    let _ = done.send(());
                    self.end_all(gone, &shutdown).await;
                }
                () = again => self.say_goodbyes(&shutdown).await,
            }
        }
        self.stop().await;
    }

    /// Takes up what the last run of the hub left, and starts all groups.
    pub(super) async fn begin(&mut self, shutdown: &Shutdown) {
        let Some(Left { mut stored, mut firing }) = self.left(shutdown).await else { return };
        let now_ms = self.common.parts.clock.now().unix_ms;
        let groups = self.groups().into_iter().map(|group| {
            let interval_ms = interval_ms(&group);
            let heard = firing.remove(&source(&group.file, &group.name)).unwrap_or_default();
            let kept = stored.remove(&keep::name(&group));
            let rows = kept.as_ref().map(keep::rows).unwrap_or_default();
            let rows = keep::with_firing(&group, rows, &heard);
            Arc::new(match kept {
                None if rows.is_empty() => Watched::new(GroupState::new(group), interval_ms),
                kept => {
                    let evaluated_ms = kept.as_ref().map_or(now_ms, |kept| kept.evaluated_unix_ms);
                    let state = restored(&group, rows, evaluated_ms, now_ms);
                    let watched = Watched::new(state, interval_ms);
                    if kept.is_some() { watched.kept() } else { watched }
                }
            })
        });
        let groups = groups.collect();
        self.start(groups);
        let gone = stored.into_keys().map(|name| {
            let (file, group) = keep::parts(&name);
            (source(file, group), Some(name))
        });
        self.owed.extend(gone);
        // Those that were kept no more, and were not heard either.
        for source in firing.into_keys().filter(|source| source.starts_with(SOURCES)) {
            self.owed.entry(source).or_default();
        }
        self.say_goodbyes(shutdown).await;
    }

    /// What the last run left, asked for until it is there: without it alerts would be told twice,
    /// or never. `None` when the end is asked for.
    async fn left(&self, shutdown: &Shutdown) -> Option<Left> {
        let clock = &self.common.parts.clock;
        let (mut backoff, told) = (Backoff::new(FIRST_PAUSE, LAST_PAUSE), Rarely::default());
        loop {
            let why = match self.try_left().await {
                Ok(left) => return Some(left),
                Err(why) => why,
            };
            let now = clock.now();
            if let Some(times) = told.note(now) {
                tracing::error!(times, why, "rules wait for what the last run left of alerts");
            }
            self.show_waiting(&format!("what the last run left cannot be read: {why}"));
            tokio::select! {
                biased;
                () = shutdown.requested() => return None,
                () = clock.sleep(backoff.next_pause()) => {}
            }
        }
    }

    async fn try_left(&self) -> Result<Left, String> {
        let store = self.common.parts.store.clone();
        #[cfg(test)]
        if let Some(why) = self.common.parts.unreadable.lock().expect("whole").pop() {
            return Err(why);
        }
        let read = task::blocking("read alerts of rules", move || store.rule_states()).await;
        let stored = read.map_err(|failed| failed.to_string())?;
        let stored = stored.map_err(|error| error.to_string())?;
        let stored = stored.into_iter().map(|one| (one.group.clone(), one)).collect();
        Ok(Left { stored, firing: self.common.parts.sink.by_source().await? })
    }

    /// Shows the groups that wait, and why.
    fn show_waiting(&self, why: &str) {
        let waiting = self.groups().into_iter().map(|group| {
            let (key, interval_ms) = (key(&group), interval_ms(&group));
            (key, Arc::new(Watched::new(GroupState::new(group).waiting(why), interval_ms)))
        });
        self.board.show(waiting.collect());
    }

    /// Says that nothing of a source fires any more. True when it was heard.
    async fn nothing_of(&self, source: String, shutdown: &Shutdown) -> bool {
        let now = self.common.parts.clock.now();
        let round = Round {
            source,
            alerts: Vec::new(),
            is_whole: true,
            at_ms: now.unix_ms,
            rules: Some(BTreeSet::new()),
            poster: None,
            order: self.common.next_round(),
        };
        self.common.hand_on(&round, now.after(FAREWELL), shutdown).await
    }

    /// Reads the files again. When something is wrong with one, everything goes on as it was.
    pub(super) async fn reload(&mut self, shutdown: &Shutdown) {
        let files = self.files.clone();
        let read = task::blocking("read rules", move || files.read_again()).await;
        let files = match read {
            Ok(Ok(files)) => files,
            Ok(Err(problems)) => return self.refuse(&problems),
            Err(panicked) => {
                tracing::error!(%panicked, "the files of rules were not read; the rules stay");
                return self.board.note_reload(None);
            }
        };
        self.locked = files.all().into();
        self.files = files;
        self.show_files();
        let gone = self.change().await;
        self.board.note_reload(Some(self.common.parts.clock.now().unix_ms));
        tracing::info!(groups = self.running.len(), "the files of rules were read anew");
        self.end_all(gone, shutdown).await;
    }

    /// Evaluates the groups that there are now. Those that are the very same go on untouched; a
    /// rule that stays in a changed one keeps its alerts. Returns the groups that are gone.
    pub(super) async fn change(&mut self) -> Vec<(Key, Arc<Watched>)> {
        let wanted: BTreeMap<Key, Arc<Group>> =
            self.groups().into_iter().map(|group| (key(&group), group)).collect();
        let is_same = |key: &Key, one: &Running| {
            wanted.get(key).is_some_and(|group| Arc::ptr_eq(group, &one.watched.group()))
        };
        let all = std::mem::take(&mut self.running).into_iter();
        let (same, others) = all.partition(|(key, one)| is_same(key, one));
        self.running = same;
        let mut before: BTreeMap<Key, Arc<Watched>> =
            self.stopped(others).await.into_iter().collect();
        let new = wanted.into_iter().filter(|(key, _)| !self.running.contains_key(key));
        let groups = new.map(|(key, group)| {
            let interval_ms = interval_ms(&group);
            let Some(known) = before.remove(&key) else {
                return Arc::new(Watched::new(GroupState::new(group), interval_ms));
            };
            let state = GroupState::clone(&known.snapshot().state);
            let (state, _) = state.changed(group);
            Arc::new(Watched::new(state, interval_ms).after(&known))
        });
        let groups = groups.collect();
        self.start(groups);
        before.into_iter().collect()
    }

    /// Ends what groups gave that are gone.
    async fn end_all(&mut self, gone: Vec<(Key, Arc<Watched>)>, shutdown: &Shutdown) {
        for ((file, name), gone) in gone {
            self.end_series(&gone);
            self.owed.insert(source(&file, &name), Some(keep::name(&gone.group())));
        }
        self.say_goodbyes(shutdown).await;
    }

    fn refuse(&self, problems: &[Problem]) {
        for problem in problems.iter().take(MAX_TOLD) {
            tracing::error!(%problem, "the rules stay as they were, because a file is bad");
        }
        if problems.len() > MAX_TOLD {
            let more = problems.len() - MAX_TOLD;
            tracing::error!(more, "there is more wrong with the files of rules");
        }
        self.board.note_reload(None);
    }

    fn groups(&self) -> Vec<Arc<Group>> {
        let locked = self.locked.iter().flat_map(|one| one.file.groups.iter().cloned());
        let made = if self.files.has_made() { self.made.groups() } else { Vec::new() };
        locked.chain(made).collect()
    }

    fn show_files(&self) {
        let has_made = self.files.has_made();
        self.board.show_files(Files { locked: self.locked.clone(), has_made });
    }

    /// Starts a task for each group, and shows them.
    fn start(&mut self, groups: Vec<Arc<Watched>>) {
        for watched in groups {
            let group = watched.group();
            let (stopped, stop) = Shutdown::new();
            let schedule = Schedule::new(&group.file, &group.name, watched.interval_ms);
            let runner = Arc::new(Runner {
                common: self.common.clone(),
                watched: watched.clone(),
                schedule,
                stop: stopped,
            });
            let clock = self.common.parts.clock.clone();
            let task = task::spawn_restarting("rules", clock, move || runner.clone().run());
            self.running.insert(key(&group), Running { watched, stop, task });
        }
        let shown = self.running.iter().map(|(key, one)| (key.clone(), one.watched.clone()));
        self.board.show(shown.collect());
    }

    /// Stops all groups, and returns them.
    pub(super) async fn stop(&mut self) -> Vec<(Key, Arc<Watched>)> {
        let running = std::mem::take(&mut self.running);
        self.stopped(running).await
    }

    async fn stopped(&self, running: BTreeMap<Key, Running>) -> Vec<(Key, Arc<Watched>)> {
        running.values().for_each(|one| one.stop.request());
        let clock = &self.common.parts.clock;
        let mut stopped = Vec::with_capacity(running.len());
        let until = clock.now().after(END);
        for (key, one) in running {
            let left = until.since(clock.now());
            // What panicked in it was told, and its last snapshot stands.
            let _ = clock.within(left, one.task.join()).await;
            stopped.push((key, one.watched));
        }
        stopped
    }

    /// The series of a group that is gone end now.
    fn end_series(&self, gone: &Watched) {
        let at_ms = self.common.parts.clock.now().unix_ms;
        let state = GroupState::clone(&gone.snapshot().state);
        let series: Vec<PushedSamples> = state
            .into_series()
            .into_iter()
            .map(|labels| PushedSamples { labels, samples: vec![(at_ms, ABSENT)] })
            .collect();
        if !series.is_empty() && self.common.push(series).is_none() {
            tracing::warn!("series of rules that are gone have no end: there is no room for it");
        }
    }

    /// Nothing fires any more of groups that are gone. Until that is taken the store keeps their
    /// names, so that the next start says it again, as this one does now and then.
    async fn say_goodbyes(&mut self, shutdown: &Shutdown) {
        // One that came back speaks for itself.
        let here: BTreeSet<String> =
            self.running.keys().map(|(file, group)| source(file, group)).collect();
        self.owed.retain(|source, _| !here.contains(source));
        for (source, name) in self.owed.clone() {
            if !self.nothing_of(source.clone(), shutdown).await {
                // Whoever does not listen to one does not to the others.
                return;
            }
            self.owed.remove(&source);
            if let Some(name) = name {
                self.forget(name).await;
            }
        }
    }

    async fn forget(&self, name: String) {
        let (store, gone) = (self.common.parts.store.clone(), name.clone());
        let removing = task::blocking("forget alerts of rules", move || {
            store.write(|batch| batch.remove_rule_state(&gone))
        });
        let (file, group) = keep::parts(&name);
        match removing.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, file, group, "a group that is gone is kept"),
            Err(failed) => tracing::warn!(%failed, file, group, "a group that is gone is kept"),
        }
    }
}

fn restored(group: &Arc<Group>, rows: Vec<AlertRow>, from_ms: i64, now_ms: i64) -> GroupState {
    let grace_ms = usual_grace_ms(interval_ms(group));
    let outage = Outage { from_ms, until_ms: now_ms, grace_ms };
    // What no rule looks after any more is over with the first round, which does not name it.
    GroupState::restored(group.clone(), rows, outage).0
}

fn interval_ms(group: &Group) -> i64 {
    group.interval_ms.unwrap_or(USUAL_INTERVAL_MS)
}
