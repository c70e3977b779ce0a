//! What of some pushes is stored and under which numbers; the rest is left out, and who pushed
//! it is told why.

use std::collections::{HashMap, HashSet};

use watchfire_model::{LabelSet, MetricFacts};

use super::left_out::LeftOut;
use super::memory::{Memory, Next, Sender};
use super::new_rows::{NewRows, NewSeries, Samples};
use super::told::{
    MAX_PUSHED_MEMORY, MAX_PUSHED_MEMORY_IN_ALL, MAX_PUSHED_SERIES, MAX_PUSHED_SERIES_IN_ALL,
    MAX_SENDERS, Push, Pushed, PushedSamples,
};
use super::{facts, labels, weight};
use crate::history::MAX_SERVER_KEY_BYTES;

/// Times beyond a million years are left out: sums of them must not overflow.
const MOST_MS: i64 = 1 << 55;
/// Which share of the file one push may take, and which one all labels.
const SHARE: u64 = 4;

/// How much there may be of everything. What is beyond is left out, and what is there stays.
#[derive(Debug, Clone)]
pub(super) struct Caps {
    pub(super) senders: usize,
    /// Of one sender.
    pub(super) series: usize,
    pub(super) series_in_all: usize,
    /// What labels and facts of one sender may hold, in bytes of memory.
    pub(super) memory: usize,
    pub(super) memory_in_all: usize,
    /// What labels may take in the file, and what one transaction may write, in bytes.
    pub(super) file: usize,
}

impl Caps {
    /// Those of a history whose pages may take so many bytes.
    pub(super) fn of(file_bytes: u64) -> Self {
        Self {
            senders: MAX_SENDERS,
            series: MAX_PUSHED_SERIES,
            series_in_all: MAX_PUSHED_SERIES_IN_ALL,
            memory: MAX_PUSHED_MEMORY,
            memory_in_all: MAX_PUSHED_MEMORY_IN_ALL,
            file: usize::try_from(file_bytes / SHARE).unwrap_or(usize::MAX),
        }
    }
}

/// What came of pushes, what is to be written of them, and the numbers that come after it.
pub(super) struct Admitted<'p> {
    /// The file for which it was made.
    pub(super) generation: Option<u64>,
    /// One for each push.
    pub(super) pushed: Vec<Pushed>,
    pub(super) rows: Vec<NewRows<'p>>,
    pub(super) next: Next,
    /// Series for whose labels there is no room.
    pub(super) labels_refused: usize,
    pub(super) facts_refused: usize,
}

/// Takes of each push what there is room for.
pub(super) fn admit<'p>(known: &Memory, caps: &Caps, pushes: &'p [Push]) -> Admitted<'p> {
    let mut admission = Admission::new(known, caps);
    let pushed = pushes.iter().map(|push| admission.take(push)).collect();
    let facts_refused = admission.take_facts();
    Admitted {
        generation: known.generation,
        pushed,
        rows: admission.incoming.into_iter().map(|one| one.rows).collect(),
        next: admission.next,
        labels_refused: admission.labels_refused,
        facts_refused,
    }
}

/// What is known, and what of its room is given away.
struct Admission<'k, 'p> {
    known: &'k Memory,
    caps: &'k Caps,
    next: Next,
    incoming: Vec<Incoming<'k, 'p>>,
    by_sender: HashMap<&'p str, usize>,
    series: usize,
    /// What labels take in the file, and what all holds in memory, in bytes.
    label_bytes: usize,
    held: usize,
    labels_refused: usize,
}

/// What comes from one sender.
struct Incoming<'k, 'p> {
    known: Option<&'k Sender>,
    rows: NewRows<'p>,
    ids: HashMap<&'p LabelSet, i64>,
    texts: HashSet<&'p str>,
    facts: Vec<&'p MetricFacts>,
    /// How many series it has, and what it holds in memory, with what is new.
    series: usize,
    held: usize,
}

impl<'k, 'p> Admission<'k, 'p> {
    fn new(known: &'k Memory, caps: &'k Caps) -> Self {
        Self {
            known,
            caps,
            next: known.next,
            incoming: Vec::new(),
            by_sender: HashMap::new(),
            series: known.series.len(),
            label_bytes: known.label_bytes,
            held: known.held(),
            labels_refused: 0,
        }
    }

    fn take(&mut self, push: &'p Push) -> Pushed {
        let at = match self.place_of(&push.sender) {
            Ok(at) => at,
            Err(why) => return Pushed::nothing_of(push, why),
        };
        let mut pushed = Pushed::default();
        for of in &push.series {
            let samples = possible(of);
            let left_out = of.samples.len() - samples.len();
            if left_out > 0 {
                pushed.leave_out(0, left_out, LeftOut::Time);
            }
            if samples.is_empty() {
                continue;
            }
            match self.id_of(at, &of.labels) {
                Ok((id, is_new)) => {
                    pushed.samples += samples.len();
                    pushed.series += usize::from(is_new);
                    self.incoming[at].rows.samples.push((id, samples));
                }
                Err(why) => {
                    self.labels_refused += usize::from(why.is_for_labels());
                    pushed.leave_out(1, samples.len(), why);
                }
            }
        }
        self.incoming[at].facts.extend(&push.facts);
        pushed
    }

    /// What was said of metrics goes where series left room. Says how many had none.
    fn take_facts(&mut self) -> usize {
        let mut refused = 0;
        for one in &mut self.incoming {
            let of_one = self.caps.memory.saturating_sub(one.held);
            let room = of_one.min(self.caps.memory_in_all.saturating_sub(self.held));
            let fresh = facts::new(&one.facts, one.known.map(|known| &known.facts), room);
            self.held += fresh.bytes;
            refused += fresh.refused;
            one.rows.facts = fresh.facts;
        }
        refused
    }

    /// Where that of a sender is, if there is room for the sender.
    fn place_of(&mut self, sender: &'p str) -> Result<usize, LeftOut> {
        if let Some(at) = self.by_sender.get(sender) {
            return Ok(*at);
        }
        if !(1..=MAX_SERVER_KEY_BYTES).contains(&sender.len()) {
            return Err(LeftOut::Name);
        }
        let known = self.known.senders.get(sender);
        let new = self.incoming.iter().filter(|one| one.is_new_sender()).count();
        if known.is_none() && self.known.senders.len() + new >= self.caps.senders {
            return Err(LeftOut::Senders);
        }
        let row = known.map_or_else(|| take(&mut self.next.sender), |known| known.row);
        self.incoming.push(Incoming {
            known,
            rows: NewRows::new(sender, row, known.is_none()),
            ids: HashMap::new(),
            texts: HashSet::new(),
            facts: Vec::new(),
            series: known.map_or(0, Sender::len),
            held: known.map_or(0, Sender::held),
        });
        self.by_sender.insert(sender, self.incoming.len() - 1);
        Ok(self.incoming.len() - 1)
    }

    /// The number of a series, if there is room for it, and whether it is new.
    fn id_of(&mut self, at: usize, labels: &'p LabelSet) -> Result<(i64, bool), LeftOut> {
        let incoming = &self.incoming[at];
        if let Some(id) = incoming.id_of(labels) {
            return Ok((id, false));
        }
        let (file, memory) = (weight::in_file(labels), incoming.weigh(labels));
        self.check(incoming, labels, file, memory)?;
        let id = take(&mut self.next.series);
        (self.series, self.label_bytes, self.held) =
            (self.series + 1, self.label_bytes + file, self.held + memory);
        self.incoming[at].add(id, labels, memory);
        Ok((id, true))
    }

    fn check(
        &self,
        of: &Incoming<'_, '_>,
        labels: &LabelSet,
        file: usize,
        memory: usize,
    ) -> Result<(), LeftOut> {
        let caps = self.caps;
        for (is_within, why) in [
            (labels::are_allowed(labels), LeftOut::LongLabels),
            (of.series < caps.series, LeftOut::Series),
            (self.series < caps.series_in_all, LeftOut::SeriesInAll),
            (of.held + memory <= caps.memory, LeftOut::Memory),
            (self.held + memory <= caps.memory_in_all, LeftOut::MemoryInAll),
            (self.label_bytes + file <= caps.file, LeftOut::File),
        ] {
            if !is_within {
                return Err(why);
            }
        }
        Ok(())
    }
}

impl<'p> Incoming<'_, 'p> {
    /// True when it makes a sender known. One of which all is refused takes no place.
    fn is_new_sender(&self) -> bool {
        self.known.is_none() && !(self.rows.samples.is_empty() && self.facts.is_empty())
    }

    fn id_of(&self, labels: &LabelSet) -> Option<i64> {
        let known = self.known.and_then(|known| known.id_of(labels));
        known.or_else(|| self.ids.get(labels).copied())
    }

    /// What a new series adds to what is in memory: a text that is there takes nothing.
    fn weigh(&self, labels: &LabelSet) -> usize {
        let is_there = |text: &str| {
            self.known.is_some_and(|known| known.texts.has(text)) || self.texts.contains(text)
        };
        let texts = labels.iter().flat_map(|(name, value)| [name, value]);
        let new = texts.filter(|text| !is_there(text)).map(weight::of_text);
        weight::of_series(labels) + new.sum::<usize>()
    }

    fn add(&mut self, id: i64, labels: &'p LabelSet, memory: usize) {
        (self.series, self.held) = (self.series + 1, self.held + memory);
        self.ids.insert(labels, id);
        self.texts.extend(labels.iter().flat_map(|(name, value)| [name, value]));
        self.rows.series.push(NewSeries::new(id, labels, self.rows.tag));
    }
}

impl Pushed {
    /// All of a push is left out.
    pub(super) fn nothing_of(push: &Push, why: LeftOut) -> Self {
        let mut pushed = Self::default();
        let samples = push.series.iter().map(|of| of.samples.len()).sum();
        pushed.leave_out(push.series.len(), samples, why);
        pushed
    }

    fn leave_out(&mut self, series: usize, samples: usize, why: LeftOut) {
        self.refused_series += series;
        self.refused_samples += samples;
        self.why.get_or_insert(why);
    }
}

fn take(next: &mut i64) -> i64 {
    *next += 1;
    *next - 1
}

/// The samples whose times are possible.
fn possible(of: &PushedSamples) -> Samples<'_> {
    let is_possible = |(time, _): &(i64, f64)| (-MOST_MS..=MOST_MS).contains(time);
    if of.samples.iter().all(is_possible) {
        return Samples::Borrowed(&of.samples);
    }
    of.samples.iter().copied().filter(is_possible).collect()
}

#[cfg(test)]
mod tests;
