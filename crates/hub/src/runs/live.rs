//! A run under way: whose turn it is, and what was heard.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use watchfire_identity::command::Targets;
use watchfire_model::{Moment, Scope, ServerName};
use watchfire_store::{StoredPiece, StoredRun, StoredTarget};
use watchfire_wire::{CancelCommand, Command, Message};

use super::job::Job;
use super::recorded;
use super::target::{State, Target};
use crate::audit::AuditEntry;

/// How much of what all servers of a run say is kept, in bytes.
pub(super) const OUTPUT_OF_RUN: u64 = 64 << 20;
/// How long an agent may take to say that it begins.
const BEGIN_LIMIT: Duration = Duration::from_secs(15);
/// How much longer than a command may take its end may take to get here.
const END_LIMIT: Duration = Duration::from_secs(60);
/// How many pieces of output somebody who watches may lag behind.
const LAG: usize = 256;

/// How fast it goes on from server to server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// So many at a time.
    pub(crate) at_most: Option<usize>,
    /// In batches of so many percent.
    pub(crate) batch_percent: Option<u32>,
    /// After so many failures no other one begins.
    pub(crate) stop_after: Option<usize>,
}

/// Where a server is.
pub(super) enum Reach {
    /// Its agent is at this place and takes commands.
    There(usize),
    /// Why nothing can be sent to it.
    Away(&'static str),
}

/// Something that a server said just now.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    pub(crate) server: ServerName,
    pub(crate) piece: Arc<StoredPiece>,
}

pub(super) struct Run {
    pub(super) row: StoredRun,
    /// None once nothing is to begin any more.
    pub(super) job: Option<(Job, Option<Targets>, Vec<u8>)>,
    pub(super) command_id: [u8; 16],
    /// What its user saw when it was started.
    pub(super) scope: Scope,
    pub(super) targets: Vec<Target>,
    pub(super) pace: Pace,
    /// Until when servers that are away are waited for.
    pub(super) when_up: Option<Moment>,
    pub(super) longest: Duration,
    /// What may still be kept.
    pub(super) room: u64,
    pub(super) changes: watch::Sender<u64>,
    pub(super) spoken: broadcast::Sender<Spoken>,
}

impl Run {
    pub(super) fn new(row: StoredRun, targets: Vec<Target>) -> Self {
        let room = OUTPUT_OF_RUN.saturating_sub(row.output_bytes);
        Self {
            row,
            job: None,
            command_id: [0; 16],
            scope: Scope::new(Vec::new()),
            targets,
            pace: Pace::default(),
            when_up: None,
            longest: Duration::ZERO,
            room,
            changes: watch::channel(1).0,
            spoken: broadcast::channel(LAG).0,
        }
    }

    /// True once every server is done.
    pub(super) fn is_over(&self) -> bool {
        self.targets.iter().all(|target| target.state.is_final())
    }

    /// Notes that something of the target at `place` is another one now.
    pub(super) fn changed(&mut self, place: usize) {
        self.changes.send_modify(|changes| *changes += 1);
        self.targets[place].revision = *self.changes.borrow();
    }

    fn becomes(&mut self, place: usize, state: State, why: &str) {
        self.targets[place].becomes(state, why);
        self.changed(place);
    }

    /// Begins where it is somebody's turn, gives up what took too long, and tells agents to end
    /// what was cancelled.
    pub(super) fn advance(
        &mut self,
        now: Moment,
        reach: &dyn Fn(&Run, &ServerName) -> Reach,
        say: &dyn Fn(usize, Message) -> bool,
    ) {
        self.give_up(now);
        self.tell_to_end(reach, say);
        if self.stops() {
            let why = "too many others failed";
            self.all_waiting(|run, place| run.becomes(place, State::Skipped, why));
        }
        let mut free = self.free();
        let waits = self.when_up.is_some_and(|until| now.monotonic < until.monotonic);
        for place in 0..self.targets.len() {
            if free == 0 {
                break;
            }
            if self.targets[place].state != State::Waiting {
                continue;
            }
            match reach(self, &self.targets[place].server) {
                Reach::There(index) if self.begin(place, index, say) => {
                    self.targets[place].due = Some(now.after(BEGIN_LIMIT));
                    free -= 1;
                }
                // It is busy: at the next look.
                Reach::There(_) => {}
                Reach::Away(_) if waits => {}
                Reach::Away(why) => self.becomes(place, State::NotReached, why),
            }
            if self.stops() {
                return self.advance(now, reach, say);
            }
        }
        if !self.targets.iter().any(|target| target.state == State::Waiting) {
            self.job = None;
        }
    }

    /// Ends it on the servers that `of` picks. How many there were.
    pub(super) fn cancel(&mut self, of: impl Fn(&ServerName) -> bool) -> usize {
        let mut count = 0;
        for place in 0..self.targets.len() {
            let target = &mut self.targets[place];
            if !of(&target.server) || target.state.is_final() {
                continue;
            }
            count += 1;
            match target.state {
                State::Waiting => self.becomes(place, State::Canceled, "it had not begun"),
                _ => target.to_cancel = true,
            }
        }
        count
    }

    /// It begins to run.
    pub(super) fn started(&mut self, place: usize, now: Moment) {
        if self.targets[place].state == State::Sent {
            self.becomes(place, State::Running, "");
            self.targets[place].due = Some(now.after(self.longest + END_LIMIT));
        }
    }

    /// What is to be stored, and how many pieces of each target that is.
    pub(super) fn take_unstored(&mut self, now_unix_ms: i64) -> Option<ToStore> {
        let is_over = self.is_over() && self.row.ended_unix_ms.is_none();
        if is_over {
            self.row.ended_unix_ms = Some(now_unix_ms);
        }
        self.row.output_bytes = self.targets.iter().map(|target| target.kept).sum();
        let mut places = Vec::new();
        for (place, target) in (0_u32..).zip(&mut self.targets) {
            if std::mem::take(&mut target.is_dirty) {
                let pieces = target.pieces.iter().cloned().collect();
                let ack = std::mem::take(&mut target.wants_ack).then(|| target.state.is_final());
                places.push((target.stored(place), pieces, ack));
            }
        }
        let nothing = places.is_empty() && !is_over;
        let ended = is_over.then(|| recorded::ended(&self.row, &self.targets));
        (!nothing).then(|| ToStore { run: self.row.clone(), places, ended })
    }

    /// It is stored: `false` puts it back.
    pub(super) fn stored(&mut self, done: &ToStore, well: bool) {
        for (stored, pieces, ack) in &done.places {
            let Some(target) = self.targets.get_mut(stored.place as usize) else { continue };
            if well {
                target.pieces.drain(..pieces.len().min(target.pieces.len()));
            } else {
                target.is_dirty = true;
                target.wants_ack |= ack.is_some();
            }
        }
        if !well {
            self.row.ended_unix_ms = None;
        }
    }

    fn begin(&mut self, place: usize, index: usize, say: &dyn Fn(usize, Message) -> bool) -> bool {
        let target = &self.targets[place];
        let Some((job, tree, stdin)) = &self.job else { return false };
        let Some(work) = job.work(tree.as_ref(), &target.server) else { return false };
        let (run, command_id, stdin) = (target.number, self.command_id, stdin.clone());
        let command = Command { run, command_id, work, stdin };
        let said = say(index, Message::Command(Box::new(command)));
        if said {
            self.becomes(place, State::Sent, "");
        }
        said
    }

    /// How many more may begin now.
    fn free(&self) -> usize {
        let under_way = self.targets.iter().filter(|one| one.state.is_under_way()).count();
        let most = self.pace.at_most.unwrap_or(usize::MAX);
        let Some(percent) = self.pace.batch_percent else {
            return most.saturating_sub(under_way);
        };
        // The next batch begins when the one before is over.
        let batch = (self.targets.len() * percent as usize).div_ceil(100).max(1);
        if under_way > 0 { 0 } else { batch.min(most) }
    }

    fn stops(&self) -> bool {
        let Some(most) = self.pace.stop_after else { return false };
        let waits = self.targets.iter().any(|target| target.state == State::Waiting);
        waits && self.targets.iter().filter(|target| target.is_failure()).count() >= most
    }

    fn all_waiting(&mut self, with: impl Fn(&mut Self, usize)) {
        for place in 0..self.targets.len() {
            if self.targets[place].state == State::Waiting {
                with(self, place);
            }
        }
    }

    fn give_up(&mut self, now: Moment) {
        for place in 0..self.targets.len() {
            let target = &self.targets[place];
            let is_due = target.due.is_some_and(|due| due.monotonic <= now.monotonic);
            let why = match target.state {
                State::Sent if is_due => "its agent did not say whether it began",
                State::Running if is_due => "its agent did not say how it ended",
                _ => continue,
            };
            self.becomes(place, State::Lost, why);
        }
    }

    fn tell_to_end(
        &mut self,
        reach: &dyn Fn(&Run, &ServerName) -> Reach,
        say: &dyn Fn(usize, Message) -> bool,
    ) {
        for place in 0..self.targets.len() {
            let target = &self.targets[place];
            if !target.to_cancel {
                continue;
            }
            let cancel = Message::CancelCommand(CancelCommand { run: target.number });
            if let Reach::There(index) = reach(self, &target.server)
                && say(index, cancel)
            {
                self.targets[place].to_cancel = false;
            }
        }
    }
}

/// What is stored at once.
pub(super) struct ToStore {
    pub(super) run: StoredRun,
    /// Targets, what they said, and, where their agents are to be told, whether that is all.
    pub(super) places: Vec<(StoredTarget, Vec<Arc<StoredPiece>>, Option<bool>)>,
    /// What the audit says when it is over.
    pub(super) ended: Option<AuditEntry>,
}
