//! What a transaction writes for one sender.

use std::borrow::Cow;

use rusqlite::{Connection, params};
use watchfire_model::{LabelSet, MetricFacts};

use super::batch::{self, Row};
use super::memory::{Memory, Sender};
use super::{facts, labels, load};
use crate::StoreError;
use crate::history::HistoryError;

/// Samples of a series, in the order in which they came.
pub(super) type Samples<'p> = Cow<'p, [(i64, f64)]>;

/// New series, samples and facts of a sender.
pub(super) struct NewRows<'p> {
    sender: &'p str,
    row: i64,
    is_new: bool,
    /// Where the checksums begin.
    pub(super) tag: u32,
    pub(super) series: Vec<NewSeries<'p>>,
    pub(super) samples: Vec<(i64, Samples<'p>)>,
    pub(super) facts: Vec<MetricFacts>,
    batches: Vec<(i64, Row)>,
}

pub(super) struct NewSeries<'p> {
    id: i64,
    labels: &'p LabelSet,
    bytes: Vec<u8>,
    tag: u32,
}

impl<'p> NewSeries<'p> {
    pub(super) fn new(id: i64, labels: &'p LabelSet, sender_tag: u32) -> Self {
        let bytes = labels::write(labels);
        let tag = labels::tag(sender_tag, id, &bytes);
        Self { id, labels, bytes, tag }
    }
}

impl<'p> NewRows<'p> {
    pub(super) fn new(sender: &'p str, row: i64, is_new: bool) -> Self {
        let tag = load::tag(sender);
        let (series, samples, facts) = (Vec::new(), Vec::new(), Vec::new());
        Self { sender, row, is_new, tag, series, samples, facts, batches: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.facts.is_empty()
    }

    /// Makes batches of the samples, with numbers from `next` on.
    pub(super) fn encode(&mut self, next: &mut i64) -> Result<(), HistoryError> {
        let samples = self.samples.iter().map(|(id, samples)| (*id, &samples[..]));
        let rows = batch::rows(self.tag, samples)
            .map_err(|why| HistoryError::Refused { why: why.to_string() })?;
        self.batches = (*next..).zip(rows).collect();
        *next += self.batches.len() as i64;
        Ok(())
    }

    /// About what it takes in the file.
    pub(super) fn bytes(&self) -> usize {
        let series: usize = self.series.iter().map(|series| series.bytes.len() + 20).sum();
        let batches: usize = self.batches.iter().map(|(_, row)| row.bytes.len() + 40).sum();
        let facts = self.facts.iter().map(|one| one.name.len() + one.help.len() + 40);
        series + batches + facts.sum::<usize>()
    }

    pub(super) fn put(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.is_empty() {
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
    pub(super) fn learn(self, known: &mut Memory) {
        if self.is_empty() {
            return;
        }
        if self.is_new {
            known.senders.insert(self.sender.to_owned(), Sender::new(self.row));
        }
        for one in self.series {
            let of = known.senders.get_mut(self.sender);
            let Some(labels) = of.map(|of| of.texts.share_all(one.labels)) else { return };
            known.add_series(self.sender, one.id, labels, one.tag);
        }
        for (id, samples) in &self.samples {
            known.head.add(*id, samples);
        }
        for (id, row) in &self.batches {
            known.head.note(*id, row.bytes.len());
        }
        if let Some(sender) = known.senders.get_mut(self.sender) {
            self.facts.into_iter().for_each(|one| sender.add_facts(one));
        }
    }
}
