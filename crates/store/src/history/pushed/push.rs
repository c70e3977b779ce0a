//! What senders push goes to the disk as batches, and into memory.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use watchfire_model::{LabelSet, MetricFacts};

use super::batch::{self, Row};
use super::memory::{Memory, Next, Sender, size};
use super::told::{
    MAX_PUSHED_SERIES, MAX_PUSHED_SERIES_IN_ALL, MAX_SENDERS, Push, Pushed, PushedSamples,
};
use super::{facts, labels, load};
use crate::StoreError;
use crate::history::counters::Counters;
use crate::history::{History, HistoryError, MAX_SERVER_KEY_BYTES};

/// Times beyond a million years are left out: sums of them must not overflow.
const MOST_MS: i64 = 1 << 55;
/// Which share of the file one push may take, and which one all labels.
const SHARE: u64 = 4;

impl History {
    /// Stores samples of senders, in one transaction: all that is not refused is on the disk
    /// when this returns `Ok`. Of two samples of one series and time the later one counts, and
    /// within a push the one that comes last.
    ///
    /// # Errors
    /// [`HistoryError::Refused`] when a sender's name is empty or too long, there are too many
    /// senders or the push takes more than a quarter of what the history may have; and what
    /// the disk refuses. Nothing is stored then.
    pub fn push(&self, pushes: &[Push]) -> Result<Pushed, HistoryError> {
        check(pushes)?;
        self.fold_if_too_much()?;
        let _one_at_a_time = self.0.pushed.writing();
        loop {
            let (generation, mut plans, next) = self.plan(pushes)?;
            let mut batch = next.batch;
            for plan in &mut plans {
                plan.encode(&mut batch)?;
            }
            if !self.put(generation, &plans)? {
                // Another file took the place of the one that the plan was made for.
                continue;
            }
            let next = Next { batch, ..next };
            let pushed = plans.iter().map(|plan| plan.pushed).fold(Pushed::default(), add);
            self.change_pushed(generation, |known| {
                known.next = next;
                plans.into_iter().for_each(|plan| plan.learn(known));
            });
            self.count(pushed);
            return Ok(pushed);
        }
    }

    /// Gives numbers to what is new. Nobody else does so meanwhile.
    fn plan<'a>(
        &self,
        pushes: &'a [Push],
    ) -> Result<(Option<u64>, Vec<Plan<'a>>, Next), HistoryError> {
        let most_bytes = usize::try_from(self.0.room.file_bytes / SHARE).unwrap_or(usize::MAX);
        let known = self.pushed_or_fresh()?;
        let mut planning = Planning {
            next: known.next,
            series: known.series.len(),
            label_bytes: known.label_bytes,
            most_bytes,
            known: &known,
        };
        let mut by_sender: Vec<(&str, Vec<&Push>)> = Vec::new();
        for push in pushes {
            match by_sender.iter_mut().find(|(sender, _)| *sender == push.sender) {
                Some((_, of)) => of.push(push),
                None => by_sender.push((&push.sender, vec![push])),
            }
        }
        let new = by_sender.iter().filter(|(sender, _)| !known.senders.contains_key(*sender));
        if known.senders.len() + new.count() > MAX_SENDERS {
            let why = format!("there are more than {MAX_SENDERS} senders: remove some");
            return Err(HistoryError::Refused { why });
        }
        let plans = by_sender.iter().map(|(sender, of)| planning.plan(sender, of)).collect();
        Ok((known.generation, plans, planning.next))
    }

    /// Writes it all. False when it is of another file.
    fn put(&self, generation: Option<u64>, plans: &[Plan<'_>]) -> Result<bool, HistoryError> {
        let bytes: usize = plans.iter().map(Plan::bytes).sum();
        let most = self.0.room.file_bytes / SHARE;
        if bytes as u64 > most {
            let why = format!(
                "a push of {bytes} bytes is above {most}: let the history take more of the disk, \
                 or push less at a time"
            );
            return Err(HistoryError::Refused { why });
        }
        let gone = self.write(|connection| {
            if generation != Some(self.0.connections.generation()) {
                return Ok(None);
            }
            let gone = self.0.room.make(connection, bytes)?;
            for plan in plans {
                plan.put(connection)?;
            }
            Ok(Some(gone))
        })?;
        if let Some(gone) = &gone {
            self.0.counters.pruned(gone);
        }
        Ok(gone.is_some())
    }

    fn count(&self, pushed: Pushed) {
        let counters = &self.0.counters;
        Counters::add(&counters.samples_pushed, pushed.samples as u64);
        Counters::add(&counters.pushed_series_refused, pushed.refused_series as u64);
        Counters::add(&counters.pushed_samples_refused, pushed.refused_samples as u64);
    }
}

fn check(pushes: &[Push]) -> Result<(), HistoryError> {
    let allowed = |push: &Push| (1..=MAX_SERVER_KEY_BYTES).contains(&push.sender.len());
    if pushes.iter().all(allowed) {
        return Ok(());
    }
    let most = MAX_SERVER_KEY_BYTES;
    let why = format!("a sender's name is empty, or longer than {most} bytes");
    Err(HistoryError::Refused { why })
}

fn add(one: Pushed, other: Pushed) -> Pushed {
    Pushed {
        samples: one.samples + other.samples,
        series: one.series + other.series,
        refused_series: one.refused_series + other.refused_series,
        refused_samples: one.refused_samples + other.refused_samples,
    }
}

/// What is known, and what of it is given away.
struct Planning<'k> {
    known: &'k Memory,
    next: Next,
    series: usize,
    label_bytes: usize,
    most_bytes: usize,
}

/// What is to be written for one sender.
struct Plan<'a> {
    sender: &'a str,
    row: i64,
    is_new: bool,
    tag: u32,
    series: Vec<NewSeries>,
    samples: Vec<(i64, Vec<(i64, f64)>)>,
    facts: Vec<MetricFacts>,
    batches: Vec<(i64, Row)>,
    pushed: Pushed,
}

struct NewSeries {
    id: i64,
    labels: LabelSet,
    bytes: Vec<u8>,
    tag: u32,
}

impl Planning<'_> {
    fn plan<'a>(&mut self, sender: &'a str, pushes: &[&'a Push]) -> Plan<'a> {
        let known = self.known.senders.get(sender);
        let row = known.map_or_else(|| take(&mut self.next.sender), |known| known.row);
        let told = pushes.iter().flat_map(|push| &push.facts);
        let mut plan = Plan {
            sender,
            row,
            is_new: known.is_none(),
            tag: load::tag(sender),
            series: Vec::new(),
            samples: Vec::new(),
            facts: facts::new(told, known.map(|known| &known.facts)),
            batches: Vec::new(),
            pushed: Pushed::default(),
        };
        let mut new: HashMap<&LabelSet, i64> = HashMap::new();
        for of in pushes.iter().flat_map(|push| &push.series) {
            let samples = allowed(of, &mut plan.pushed);
            if samples.is_empty() {
                continue;
            }
            let found = known.and_then(|known| known.id_of(&of.labels));
            let found = found.or_else(|| new.get(&of.labels).copied());
            let held = known.map_or(0, Sender::len) + plan.series.len();
            let Some(id) = found.or_else(|| self.new_series(&mut plan, held, &of.labels)) else {
                plan.pushed.refused_series += 1;
                continue;
            };
            if found.is_none() {
                new.insert(&of.labels, id);
            }
            plan.pushed.samples += samples.len();
            plan.samples.push((id, samples));
        }
        plan.pushed.series = plan.series.len();
        plan
    }

    /// The number of a new series, if there is room for it.
    fn new_series(&mut self, plan: &mut Plan<'_>, held: usize, labels: &LabelSet) -> Option<i64> {
        let label_bytes = self.label_bytes + size(labels);
        let full = held >= MAX_PUSHED_SERIES
            || self.series >= MAX_PUSHED_SERIES_IN_ALL
            || label_bytes > self.most_bytes;
        if full || !labels::are_allowed(labels) {
            return None;
        }
        let id = take(&mut self.next.series);
        (self.series, self.label_bytes) = (self.series + 1, label_bytes);
        let bytes = labels::write(labels);
        let tag = labels::tag(plan.tag, id, &bytes);
        plan.series.push(NewSeries { id, labels: labels.clone(), bytes, tag });
        Some(id)
    }
}

fn take(next: &mut i64) -> i64 {
    *next += 1;
    *next - 1
}

/// The samples whose times are possible.
fn allowed(of: &PushedSamples, pushed: &mut Pushed) -> Vec<(i64, f64)> {
    let possible = |(time, _): &&(i64, f64)| (-MOST_MS..=MOST_MS).contains(time);
    let samples: Vec<(i64, f64)> = of.samples.iter().filter(possible).copied().collect();
    pushed.refused_samples += of.samples.len() - samples.len();
    samples
}

impl Plan<'_> {
    fn encode(&mut self, next: &mut i64) -> Result<(), HistoryError> {
        let samples = self.samples.iter().map(|(id, samples)| (*id, &samples[..]));
        let rows = batch::rows(self.tag, samples)
            .map_err(|why| HistoryError::Refused { why: why.to_string() })?;
        self.batches = rows.into_iter().map(|row| (take(next), row)).collect();
        Ok(())
    }

    fn bytes(&self) -> usize {
        let series: usize = self.series.iter().map(|series| series.bytes.len() + 20).sum();
        let batches: usize = self.batches.iter().map(|(_, row)| row.bytes.len() + 40).sum();
        let facts = self.facts.iter().map(|one| one.name.len() + one.help.len() + 40);
        series + batches + facts.sum::<usize>()
    }

    fn put(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.samples.is_empty() && self.facts.is_empty() {
            return Ok(());
        }
        if self.is_new {
            let sql = "INSERT INTO pushed_sender (id, sender) VALUES (?1, ?2)";
            connection.prepare_cached(sql)?.execute(params![self.row, self.sender])?;
        }
        let sql = "INSERT INTO pushed_series (id, sender, crc, labels) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = connection.prepare_cached(sql)?;
        for one in &self.series {
            insert.execute(params![one.id, self.row, one.tag, one.bytes])?;
        }
        facts::put(connection, self.row, self.tag, &self.facts)?;
        let sql = "INSERT INTO pushed_batch (id, sender, first_ms, last_ms, crc, bytes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = connection.prepare_cached(sql)?;
        for (id, row) in &self.batches {
            insert.execute(params![id, self.row, row.first_ms, row.last_ms, row.crc, row.bytes])?;
        }
        Ok(())
    }

    /// Makes known what was committed.
    fn learn(self, known: &mut Memory) {
        if self.samples.is_empty() && self.facts.is_empty() {
            return;
        }
        if self.is_new {
            known.senders.insert(self.sender.to_owned(), Sender::new(self.row));
        }
        for one in self.series {
            let labels = known.texts.share_all(&one.labels);
            known.add_series(self.sender, one.id, labels, one.tag);
        }
        for (id, samples) in &self.samples {
            known.head.add(*id, samples);
        }
        for (id, row) in &self.batches {
            known.head.note(*id, row.bytes.len());
        }
        if let Some(sender) = known.senders.get_mut(self.sender) {
            sender.facts.extend(self.facts.into_iter().map(|one| (one.name.clone(), one)));
        }
    }
}
