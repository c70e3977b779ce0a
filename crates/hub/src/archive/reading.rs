//! What is kept of one server, wherever it is: as samples of the series that are wanted.
//!
//! In the order of reading: the last tick, which is in memory; chunks that are not sealed;
//! blocks; tiers where the blocks are gone. Chunks are read before blocks: what is sealed
//! in between is met twice, and never missed. Each time counts once.

mod chunks;
mod counters;
mod memory;
mod sealed;

use watchfire_model::{Schema, Selection, SourceError, Tick};
use watchfire_store::HistoryError;

use super::Archive;
use super::columns::Segment;
use super::matching::{Labels, Matching};
use super::places::Place;
use super::segment::{Merged, merged};
use super::wanted::WantedKeys;
pub(super) use chunks::each_stretch;
use memory::Asked;

/// For a question about one moment so much is looked through at first: nearly always there is
/// a tick in it, and then it says all. A chain is a minute long.
const FIRST_LOOK_MS: i64 = 70_000;

/// A question for samples, while it is being answered.
pub(super) struct Question<'a> {
    archive: &'a Archive,
    selection: &'a Selection<'a>,
    pub(super) keys: WantedKeys<'a>,
    /// How many samples may still be found.
    left: usize,
    /// Servers of which something is damaged.
    pub(super) damaged: usize,
    /// What is kept in memory of the present server from now on.
    asked: Option<Asked>,
    /// Until when windows were given in the place of ticks.
    pub(super) coarse_until_ms: Option<i64>,
}

/// A time that is looked through: later than the first, up to and with the second.
type Span = (i64, i64);

impl<'a> Question<'a> {
    pub(super) fn new(
        archive: &'a Archive,
        selection: &'a Selection<'a>,
        matching: &'a Matching<'a>,
    ) -> Self {
        let keys = WantedKeys::new(matching);
        let left = selection.max_samples;
        Self { archive, selection, keys, left, damaged: 0, asked: None, coarse_until_ms: None }
    }

    /// The samples of one server, of which `held` holds.
    ///
    /// # Errors
    /// [`SourceError`] when a limit is passed or nothing can be read.
    pub(super) fn of_server(
        &mut self,
        place: &Place,
        held: Labels,
    ) -> Result<Vec<Merged>, SourceError> {
        let span = (self.selection.after_ms, self.selection.until_ms);
        self.asked = None;
        let newest = self.archive.newest(place.index);
        let live = newest.as_ref().and_then(|(schema, tick)| {
            let is_in = span.0 < tick.at.unix_ms && tick.at.unix_ms <= span.1;
            is_in.then(|| self.last_tick(schema, tick, held))
        });
        if !self.is_one() && !self.selection.hint.ends.is_empty() {
            let all = self.of_counters(place, newest, live, held)?;
            all.iter().try_for_each(|merged| self.take(merged))?;
            return Ok(all);
        }
        let mut segments = match live {
            Some(_) if self.is_one() => Vec::new(),
            _ if self.is_one() => self.last_before(place, newest, held)?,
            _ => self.all_of(place, newest, held, span)?,
        };
        let live = live.filter(|live| {
            segments.last().is_none_or(|last| last.times.last() < live.times.last())
        });
        segments.extend(live);
        let merged = merged(segments);
        self.take(&merged)?;
        Ok(vec![merged])
    }

    /// What is wherever it is in that time.
    fn all_of(
        &mut self,
        place: &Place,
        newest: Option<(Schema, Tick)>,
        held: Labels,
        span: Span,
    ) -> Result<Vec<Segment>, SourceError> {
        let (until_ms, unsealed) = self.unsealed(place, newest, held, span)?;
        let mut segments = self.sealed(place, held, (span.0, until_ms), None)?;
        segments.extend(unsealed);
        Ok(segments)
    }

    /// What is not sealed yet, and the time up to which the rest is.
    fn unsealed(
        &mut self,
        place: &Place,
        newest: Option<(Schema, Tick)>,
        held: Labels,
        span: Span,
    ) -> Result<(i64, Vec<Segment>), SourceError> {
        let recent = newest.as_ref().and_then(|newest| self.recent(place, newest, held, span.0));
        let (until_ms, recent) = recent.unwrap_or((span.1, Segment::default()));
        let schema = newest.map(|(schema, _)| schema);
        let mut unsealed = self.chunks(place, held, (span.0, until_ms), schema)?;
        unsealed.push(recent);
        Ok((until_ms, unsealed))
    }

    /// What is near the end of the time that is asked about; where there is nothing, all.
    fn last_before(
        &mut self,
        place: &Place,
        newest: Option<(Schema, Tick)>,
        held: Labels,
    ) -> Result<Vec<Segment>, SourceError> {
        let span = (self.selection.after_ms, self.selection.until_ms);
        let near = (span.0.max(span.1.saturating_sub(FIRST_LOOK_MS)), span.1);
        let found = self.all_of(place, newest.clone(), held, near)?;
        if near == span || found.iter().any(|segment| !segment.times.is_empty()) {
            return Ok(found);
        }
        let chunks = self.chunks(place, held, span, newest.map(|(schema, _)| schema))?;
        let mut segments = self.sealed(place, held, span, None)?;
        segments.extend(chunks);
        Ok(segments)
    }

    /// Whether the question is about one moment and not about a stretch of time.
    fn is_one(&self) -> bool {
        self.selection.hint.range_ms == 0 && self.selection.hint.step_ms == 0
    }

    fn take(&mut self, merged: &Merged) -> Result<(), SourceError> {
        let samples = merged.times.len().saturating_mul(merged.columns.len());
        let limit = self.selection.max_samples;
        self.left = self.left.checked_sub(samples).ok_or(SourceError::TooManySamples { limit })?;
        Ok(())
    }
}

pub(crate) fn unreadable(error: HistoryError) -> SourceError {
    SourceError::Unreadable(error.to_string())
}
