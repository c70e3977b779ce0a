//! What is to be seen of rules: their alerts, how they do, and how the reading of their files went.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfire_alert::rules::{Group, GroupState};

use crate::config::Locked;

/// A group is known by its file and its name.
pub(super) type Key = (Arc<str>, String);

/// All groups, and how they do. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    groups: Mutex<BTreeMap<Key, Arc<Watched>>>,
    reloads: Mutex<Reloads>,
    files: Mutex<Files>,
}

/// The files that are read and not made, and whether made ones are evaluated beside them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    pub(crate) locked: Arc<[Locked]>,
    pub(crate) has_made: bool,
}

/// How the reading of the files went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reloads {
    /// True when the last time was of no use, so that the rules before go on.
    pub(crate) failed: bool,
    /// When it last went well, in milliseconds since 1970.
    pub(crate) good_unix_ms: i64,
}

/// One group that is evaluated.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) interval_ms: i64,
    pub(crate) counts: Counts,
    /// Whether the store has something of it.
    pub(super) is_kept: AtomicBool,
    /// Of which turn what came of it was kept, for tests.
    #[cfg(test)]
    pub(super) kept_of: std::sync::atomic::AtomicI64,
    snapshot: Mutex<Snapshot>,
}

/// What was counted of a group since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Evaluations of rules.
    pub(crate) evaluations: AtomicU64,
    /// Those that failed.
    pub(crate) failures: AtomicU64,
    /// Turns of the group, missed ones among them.
    pub(crate) turns: AtomicU64,
    /// Turns that it missed.
    pub(crate) missed: AtomicU64,
    /// Samples that were not stored.
    pub(crate) lost_samples: AtomicU64,
    /// Times that what fires could not be handed on, or the alerts not be kept.
    pub(crate) unheard: AtomicU64,
}

/// A group after an evaluation.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) state: Arc<GroupState>,
    /// The evaluation as a whole, once there was one,
    pub(crate) whole: Option<Timed>,
    /// and of each rule.
    pub(crate) rules: Vec<Timed>,
    /// How many samples it gave.
    pub(crate) samples: usize,
}

/// When something began, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Timed {
    pub(crate) began_unix_ms: i64,
    pub(crate) took: Duration,
}

impl Board {
    /// The groups, by file and name.
    pub(crate) fn groups(&self) -> Vec<Arc<Watched>> {
        lock(&self.0.groups).values().cloned().collect()
    }

    pub(crate) fn files(&self) -> Files {
        lock(&self.0.files).clone()
    }

    pub(crate) fn show_files(&self, files: Files) {
        *lock(&self.0.files) = files;
    }

    pub(crate) fn reloads(&self) -> Reloads {
        *lock(&self.0.reloads)
    }

    /// Shows these groups and no others.
    pub(super) fn show(&self, groups: BTreeMap<Key, Arc<Watched>>) {
        *lock(&self.0.groups) = groups;
    }

    pub(super) fn note_reload(&self, now_ms: Option<i64>) {
        let mut reloads = lock(&self.0.reloads);
        match now_ms {
            Some(now_ms) => *reloads = Reloads { failed: false, good_unix_ms: now_ms },
            None => reloads.failed = true,
        }
    }

    /// A board with these groups, of which nothing was evaluated by anybody.
    #[cfg(test)]
    pub(crate) fn of(groups: impl IntoIterator<Item = Watched>) -> Self {
        let board = Self::default();
        let keyed = groups.into_iter().map(|one| (key(&one.group()), Arc::new(one)));
        board.show(keyed.collect());
        board
    }
}

impl Watched {
    pub(crate) fn new(state: GroupState, interval_ms: i64) -> Self {
        let state = Arc::new(state);
        let snapshot = Snapshot { state, whole: None, rules: Vec::new(), samples: 0 };
        Self {
            interval_ms,
            counts: Counts::default(),
            is_kept: AtomicBool::new(false),
            #[cfg(test)]
            kept_of: std::sync::atomic::AtomicI64::new(0),
            snapshot: Mutex::new(snapshot),
        }
    }

    /// One of which the store has something.
    pub(super) fn kept(self) -> Self {
        Self { is_kept: AtomicBool::new(true), ..self }
    }

    pub(crate) fn group(&self) -> Arc<Group> {
        lock(&self.snapshot).state.group().clone()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        lock(&self.snapshot).clone()
    }

    pub(crate) fn publish(&self, snapshot: Snapshot) {
        *lock(&self.snapshot) = snapshot;
    }

    /// Goes on where another left off.
    pub(super) fn after(mut self, other: &Self) -> Self {
        self.is_kept = AtomicBool::new(other.is_kept.load(Ordering::Relaxed));
        let of = |counter: &AtomicU64| AtomicU64::new(counter.load(Ordering::Relaxed));
        let counts = &other.counts;
        self.counts = Counts {
            evaluations: of(&counts.evaluations),
            failures: of(&counts.failures),
            turns: of(&counts.turns),
            missed: of(&counts.missed),
            lost_samples: of(&counts.lost_samples),
            unheard: of(&counts.unheard),
        };
        self
    }
}

pub(super) fn key(group: &Group) -> Key {
    (group.file.clone(), group.name.clone())
}

pub(super) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
