//! What is kept in memory: which series there are, and the samples that are in no run yet.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use watchfire_model::{LabelSet, MatchOp, Matcher, MetricFacts, NAME_LABEL};

use super::fold::Clock;
use super::head::Head;
use super::labels::Texts;
use super::{load, weight};
use crate::history::{Gap, History, HistoryError};

/// Beside the connections of a history.
#[derive(Debug, Default)]
pub(in crate::history) struct State {
    /// Held by who pushes, removes or sweeps, so that memory changes in the order of the file.
    writing: Mutex<()>,
    memory: RwLock<Memory>,
    /// Held by who folds.
    pub(super) clock: Mutex<Clock>,
    /// True when something was left out for want of room, and it was not yet looked for series
    /// that have no sample any more.
    pub(super) crowded: AtomicBool,
}

/// What is known of one file. Only what is committed is in here.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Which file; another one took its place when this differs. None before the first look.
    pub(super) generation: Option<u64>,
    pub(super) senders: BTreeMap<String, Sender>,
    pub(super) series: HashMap<i64, Series>,
    /// About what the labels take in the file, in bytes.
    pub(super) label_bytes: usize,
    /// The numbers of the next new sender, series and batch.
    pub(super) next: Next,
    pub(super) head: Head,
    /// What is being folded: all of it is older than the head.
    pub(super) frozen: Option<Arc<Head>>,
    /// How often something left memory because it is in runs.
    pub(super) folded: u64,
    /// Damaged batches: of which sender, and from when to when.
    pub(super) gaps: Vec<(i64, Gap)>,
}

/// Numbers are not used again: a reader may hold one from before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Next {
    pub(super) sender: i64,
    pub(super) series: i64,
    pub(super) batch: i64,
}

/// A sender and its series.
#[derive(Debug, Default)]
pub(super) struct Sender {
    pub(super) row: i64,
    by_labels: HashMap<LabelSet, i64>,
    by_name: HashMap<Arc<str>, Vec<i64>>,
    pub(super) texts: Texts,
    pub(super) facts: BTreeMap<String, MetricFacts>,
    /// About what its series, without their texts, and facts hold in memory, in bytes.
    series_bytes: usize,
    fact_bytes: usize,
}

/// A series of any sender.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) sender: i64,
    pub(super) labels: LabelSet,
    /// Where the checksums of its runs begin.
    pub(super) tag: u32,
}

impl State {
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    /// What is known of the present file. The first call reads it. Whoever holds this must not
    /// ask the file anything: who reads may be waiting for this.
    pub(super) fn pushed(&self) -> Result<RwLockReadGuard<'_, Memory>, HistoryError> {
        loop {
            let generation = Some(self.0.connections.generation());
            let known = self.0.pushed.read();
            if known.generation == generation {
                return Ok(known);
            }
            drop(known);
            let loaded = self.load_pushed()?;
            let mut slot = self.0.pushed.write();
            // Another reader may have been quicker, and a push may have changed that since.
            if slot.generation != loaded.generation {
                *slot = loaded;
            }
        }
    }

    /// As [`pushed`](Self::pushed), for who is going to write: where the file is too damaged to be
    /// read, a fresh one takes its place.
    pub(super) fn pushed_or_fresh(&self) -> Result<RwLockReadGuard<'_, Memory>, HistoryError> {
        match self.pushed() {
            Err(HistoryError::Damaged { .. } | HistoryError::Refused { .. }) => {
                let counters = &self.0.counters;
                self.write(|connection| load::load(connection, counters))?;
                self.pushed()
            }
            other => other,
        }
    }

    /// As [`pushed`](Self::pushed), for who is in the middle of reading and must not wait for
    /// another connection. Nothing when another file took the place of the one that is known.
    pub(super) fn pushed_if_known(&self) -> Option<RwLockReadGuard<'_, Memory>> {
        let known = self.0.pushed.read();
        (known.generation == Some(self.0.connections.generation())).then_some(known)
    }

    fn load_pushed(&self) -> Result<Memory, HistoryError> {
        let generation = self.0.connections.generation();
        let counters = &self.0.counters;
        let loaded = self.read(|connection| load::load(connection, counters))?;
        Ok(Memory { generation: Some(generation), ..loaded })
    }

    /// Changes what is known, unless that is of another file by now.
    pub(super) fn change_pushed(&self, generation: Option<u64>, work: impl FnOnce(&mut Memory)) {
        let mut known = self.0.pushed.write();
        if known.generation == generation {
            work(&mut known);
        }
    }
}

impl Memory {
    /// About what labels and facts of all senders hold, in bytes.
    pub(super) fn held(&self) -> usize {
        self.senders.values().map(Sender::held).sum()
    }

    /// Adds a series that is in the file. The texts of its labels are those of its sender.
    pub(super) fn add_series(&mut self, sender: &str, id: i64, labels: LabelSet, tag: u32) {
        let Some(of) = self.senders.get_mut(sender) else { return };
        self.label_bytes += weight::in_file(&labels);
        of.add(id, &labels);
        self.series.insert(id, Series { sender: of.row, labels, tag });
    }

    /// Forgets a sender with all its series.
    pub(super) fn forget_sender(&mut self, sender: &str) {
        let Some(of) = self.senders.remove(sender) else { return };
        self.gaps.retain(|(row, _)| *row != of.row);
        for (labels, id) in of.by_labels {
            self.label_bytes = self.label_bytes.saturating_sub(weight::in_file(&labels));
            self.series.remove(&id);
            self.head.forget(id);
        }
    }

    /// Forgets series that the file does not have any more.
    pub(super) fn forget_series(&mut self, ids: &[i64]) {
        let mut rows = HashSet::new();
        for id in ids {
            let Some(gone) = self.series.remove(id) else { continue };
            self.label_bytes = self.label_bytes.saturating_sub(weight::in_file(&gone.labels));
            let sender = self.senders.values_mut().find(|sender| sender.row == gone.sender);
            if let Some(sender) = sender {
                sender.forget(*id, &gone.labels);
                rows.insert(sender.row);
            }
        }
        let touched = self.senders.values_mut().filter(|sender| rows.contains(&sender.row));
        touched.for_each(|sender| sender.texts.sweep());
    }

    /// True when samples of a series are not in runs yet, or may not be.
    pub(super) fn holds(&self, series: i64) -> bool {
        self.head.samples(series).is_some()
            || self.frozen.as_ref().is_some_and(|frozen| frozen.samples(series).is_some())
    }

    /// The samples of a series that are in no run yet, in the order in which they came.
    pub(super) fn unfolded(&self, series: i64) -> impl Iterator<Item = (i64, f64)> {
        let frozen = self.frozen.as_ref().and_then(|frozen| frozen.samples(series));
        let parts = [frozen, self.head.samples(series)];
        parts.into_iter().flatten().flatten().copied()
    }
}

impl Sender {
    pub(super) fn new(row: i64) -> Self {
        Self { row, ..Self::default() }
    }

    pub(super) fn id_of(&self, labels: &LabelSet) -> Option<i64> {
        self.by_labels.get(labels).copied()
    }

    /// About what its labels and facts hold in memory, in bytes.
    pub(super) fn held(&self) -> usize {
        self.texts.bytes() + self.series_bytes + self.fact_bytes
    }

    /// Adds facts, in the place of those that have the same name.
    pub(super) fn add_facts(&mut self, facts: MetricFacts) {
        self.fact_bytes += weight::of_facts(&facts);
        if let Some(old) = self.facts.insert(facts.name.clone(), facts) {
            self.fact_bytes = self.fact_bytes.saturating_sub(weight::of_facts(&old));
        }
    }

    /// How many series it has.
    pub(super) fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Series among which are all that fit.
    pub(super) fn candidates(&self, matchers: &[Matcher]) -> Vec<i64> {
        let named =
            |matcher: &&Matcher| matcher.label() == NAME_LABEL && matcher.op() == MatchOp::Equal;
        let mut ids: Vec<i64> = match matchers.iter().find(named) {
            Some(name) => self.by_name.get(name.value()).cloned().unwrap_or_default(),
            None => self.by_labels.values().copied().collect(),
        };
        ids.sort_unstable();
        ids
    }

    fn add(&mut self, id: i64, labels: &LabelSet) {
        self.series_bytes += weight::of_series(labels);
        let name = labels.pairs().iter().find(|(label, _)| **label == *NAME_LABEL);
        let name = name.map_or_else(|| Arc::from(""), |(_, name)| Arc::clone(name));
        self.by_name.entry(name).or_default().push(id);
        self.by_labels.insert(labels.clone(), id);
    }

    fn forget(&mut self, id: i64, labels: &LabelSet) {
        self.by_labels.remove(labels);
        self.series_bytes = self.series_bytes.saturating_sub(weight::of_series(labels));
        if let Some(named) = self.by_name.get_mut(labels.name()) {
            named.retain(|one| *one != id);
            if named.is_empty() {
                self.by_name.remove(labels.name());
            }
        }
    }
}
