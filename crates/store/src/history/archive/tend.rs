//! Upkeep, in steps: hours are merged, tiers are made, and what nothing holds goes.

use super::due::{self, Due};
use super::part::fits;
use super::prune;
use super::rows::{self, BlockRow};
use super::servers;
use super::spans::Level;
use super::{intern, tables};
use crate::block::{Block, MergeError, SealOptions, merge};
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

/// How long after its end a stretch is taken for complete.
const GRACE_MS: i64 = 15 * 60_000;
/// The most values that are merged at once: 128 MiB in memory.
const MOST_VALUES: usize = 1 << 24;
/// How often it is looked for keys and texts that nothing holds.
const SWEEP_MS: i64 = 6 * 3_600_000;
/// How many of them go at once.
const SWEEP_STEP: i64 = 2_000;

/// An hour's blocks as one.
struct Whole {
    old: Vec<i64>,
    times: (i64, i64),
    bytes: Vec<u8>,
}

impl History {
    /// One step of upkeep: makes room while the cap is nearly reached, merges the blocks of an
    /// hour that is over, makes or merges a tier, makes runs of what was pushed, or drops keys
    /// that nothing holds. `now_ms` is
    /// the hub's clock, in milliseconds since 1970. False when nothing is left to do.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read or written.
    pub fn tend(&self, now_ms: i64) -> Result<bool, HistoryError> {
        let mut upkeep = self.0.archive.upkeep();
        if self.give_up_oldest(self.0.room.low_water())? {
            return Ok(true);
        }
        if self.tend_pushed_or_skip(now_ms)? {
            return Ok(true);
        }
        let before = now_ms.saturating_sub(GRACE_MS);
        if let Some(due) = self.read(|connection| due::next(connection, before))? {
            return self.settle_or_skip(&due).map(|()| true);
        }
        if upkeep.swept_ms.is_some_and(|swept| (swept..swept + SWEEP_MS).contains(&now_ms)) {
            return Ok(false);
        }
        let swept = self.write(|connection| {
            let keys = intern::sweep(connection, SWEEP_STEP)?;
            Ok((keys, tables::sweep(connection, SWEEP_STEP)?))
        })?;
        if swept.0 > 0 {
            self.forget_known_keys();
        }
        let more = i64::try_from(swept.0.max(swept.1)).is_ok_and(|swept| swept >= SWEEP_STEP);
        if !more {
            upkeep.swept_ms = Some(now_ms);
        }
        Ok(more)
    }

    /// Makes room while the cap is nearly reached, in one step. Says whether there may be more.
    pub(in crate::history) fn give_up_sealed(&self) -> Result<bool, HistoryError> {
        let _one_at_a_time = self.0.archive.upkeep();
        self.give_up_oldest(self.0.room.low_water())
    }

    /// As [`settle_or_skip`](Self::settle_or_skip), for what senders pushed.
    fn tend_pushed_or_skip(&self, now_ms: i64) -> Result<bool, HistoryError> {
        match self.tend_pushed(now_ms) {
            Err(error @ (HistoryError::Damaged { .. } | HistoryError::Refused { .. })) => {
                tracing::error!(%error, "what senders pushed is not made into runs");
                Ok(false)
            }
            other => other,
        }
    }

    /// What is damaged must not hold up the rest: it stays as it is then.
    fn settle_or_skip(&self, due: &Due) -> Result<(), HistoryError> {
        match self.settle(due) {
            Err(error @ (HistoryError::Damaged { .. } | HistoryError::Refused { .. })) => {
                tracing::error!(%error, "a stretch of a server's history is not merged");
                self.write(|connection| due::done(connection, due)).map(|_| ())
            }
            other => other,
        }
    }

    /// Makes room while more than `low_water` bytes are used, in one step. Windows are made of
    /// ticks before those go.
    pub(super) fn give_up_oldest(&self, low_water: u64) -> Result<bool, HistoryError> {
        let room = &self.0.room;
        let next = self.read(|connection| {
            Ok(match room.next_hour_to_go(connection, low_water)? {
                prune::Next::Nothing => None,
                prune::Next::Hour(server, hour) => {
                    let six_hours = Level::Minutes.span(hour.from_ms);
                    Some(due::of(connection, server, Level::Minutes, six_hours)?)
                }
                prune::Next::Other => Some(None),
            })
        })?;
        match next {
            None => Ok(false),
            Some(Some(due)) => self.settle_or_skip(&due).map(|()| true),
            Some(None) => {
                let gone =
                    self.write(|connection| room.delete_down_to(connection, low_water, 1))?;
                self.0.counters.pruned(&gone);
                Ok(gone.rows() > 0)
            }
        }
    }

    fn settle(&self, due: &Due) -> Result<(), HistoryError> {
        let Some(server) = self.read(|connection| servers::key_of(connection, due.server))? else {
            self.write(|connection| due::done(connection, due))?;
            return Ok(());
        };
        match due.level {
            Level::Ticks => self.merge_hour(&server, due),
            Level::Minutes => self.make_tiers(&server, due),
            Level::Hours => self.join_hours(&server, due),
        }
    }

    fn merge_hour(&self, server: &str, due: &Due) -> Result<(), HistoryError> {
        let (tag, blocks, segments) = self.read(|connection| {
            let Some(server) = servers::find(connection, server)? else {
                return Ok((0, Vec::new(), tables::Hour::default()));
            };
            let mut blocks = Vec::new();
            for row in rows::within(connection, &server, Level::Ticks, due.span)? {
                let bytes = rows::bytes(connection, row.id)?;
                let block = bytes.and_then(|bytes| Block::open(bytes, server.tag).ok());
                let fits = |block: &Block<_>| fits(block.head(), Level::Ticks, &row);
                blocks.extend(block.filter(fits).map(|block| (row, block)));
            }
            let segments = tables::segments_of(connection, &server, due.span)?;
            Ok((server.tag, blocks, segments))
        })?;
        let merged: Vec<Whole> =
            together(blocks).into_iter().filter_map(|blocks| merged(blocks, tag)).collect();
        let tables = tables::merged(&segments, tag);
        self.write(|connection| {
            if !due::done(connection, due)? {
                return Ok(());
            }
            for whole in &merged {
                let times = whole.times;
                if rows::replace(connection, &whole.old)? {
                    let id = whole.old.first().copied();
                    rows::put(connection, due.server, Level::Ticks, times, &whole.bytes, id)?;
                }
            }
            match &tables {
                Some(tables) => tables.replace(connection, due.server),
                None => Ok(()),
            }
        })?;
        Counters::add(&self.0.counters.hours_merged, merged.len() as u64);
        Ok(())
    }
}

type Opened = (BlockRow, Block<Vec<u8>>);

/// Blocks in the order of arrival, cut so that each part fits the memory.
fn together(blocks: Vec<Opened>) -> Vec<Vec<Opened>> {
    let mut parts: Vec<Vec<Opened>> = Vec::new();
    let (mut ticks, mut columns) = (0, 0);
    for one in blocks {
        let head = *one.1.head();
        ticks += head.ticks;
        columns = columns.max(head.columns);
        match parts.last_mut() {
            Some(part) if ticks.saturating_mul(columns) <= MOST_VALUES => part.push(one),
            _ => {
                (ticks, columns) = (head.ticks, head.columns);
                parts.push(vec![one]);
            }
        }
    }
    parts
}

/// Merges what can be merged. Blocks with damage are left as they are: they mark a gap.
fn merged(blocks: Vec<Opened>, tag: u32) -> Option<Whole> {
    let options = SealOptions { tag, ..SealOptions::default() };
    let (mut rows, mut blocks): (Vec<BlockRow>, Vec<_>) = blocks.into_iter().unzip();
    while blocks.len() > 1 {
        let damaged: Vec<usize> = match merge(&blocks, &options) {
            Ok(merged) if merged.gaps.is_empty() => {
                let first = rows.iter().map(|row| row.first_ms).min()?;
                let last = rows.iter().map(|row| row.last_ms).max()?;
                let old = rows.iter().map(|row| row.id).collect();
                return Some(Whole { old, times: (first, last), bytes: merged.bytes });
            }
            Ok(merged) => merged.gaps.iter().map(|(number, ..)| *number).collect(),
            Err(MergeError::Block(number, _)) => vec![number],
            Err(error) => {
                tracing::warn!(%error, "the blocks of an hour are not merged");
                return None;
            }
        };
        for number in (0..blocks.len()).rev().filter(|number| damaged.contains(number)) {
            rows.remove(number);
            blocks.remove(number);
        }
    }
    None
}
