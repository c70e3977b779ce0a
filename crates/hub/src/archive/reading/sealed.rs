//! What is sealed: blocks, and tiers where they are gone.

use std::collections::HashSet;
use std::ops::ControlFlow;

use watchfire_model::{ABSENT, SourceError};
use watchfire_store::block::{KeyId, WindowColumns};
use watchfire_store::{History, Told};

use super::super::columns::Segment;
use super::super::matching::Labels;
use super::super::places::Place;
use super::super::segment::within;
use super::super::tiers::{self, Kept};
use super::{Question, Span, unreadable};

/// More keys than this are first held against those that a server has.
const MANY_KEYS: usize = 256;
/// For no more values than this, an hour's, a column has room ahead.
const MOST_ROOM: usize = 4096;
const MINUTE_MS: u32 = 60_000;
/// A server that told all the while has a tick so near to the beginning.
pub(super) const NEAR_MS: i64 = MINUTE_MS as i64;
const HOUR_MS: u32 = 3_600_000;

impl Question<'_> {
    /// Blocks, and tiers where they are gone: of all series that are wanted, or of some of them by
    /// their numbers.
    pub(super) fn sealed(
        &mut self,
        place: &Place,
        held: Labels,
        span: Span,
        some: Option<&HashSet<usize>>,
    ) -> Result<Vec<Segment>, SourceError> {
        let Some(history) = self.archive.history().filter(|_| span.0 < span.1) else {
            return Ok(Vec::new());
        };
        let mut wanted = self.sealed_keys(history, place, held, span)?;
        wanted.retain(|(_, number)| some.is_none_or(|some| some.contains(number)));
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<KeyId> = wanted.iter().map(|(id, _)| *id).collect();
        let mut gathered = Gathered::new(&wanted, span, self.selection.until_ms, self.left);
        let out_of_time = self.selection.out_of_time;
        let told = history.samples(
            &place.key,
            &ids,
            span.0.saturating_add(1),
            span.1,
            &mut |at, times, values| {
                gathered.add(at, times, values);
                gathered.go_on(out_of_time)
            },
        );
        self.judge(told.map_err(unreadable)?, &gathered)?;
        let mut segments = gathered.segments();
        let first = segments.first().and_then(|segment| segment.times.first().copied());
        if first.is_none_or(|first| first.saturating_sub(span.0) > NEAR_MS) {
            let mut older = self.windows(history, place, &wanted, span)?;
            older.append(&mut segments);
            segments = older;
        }
        Ok(segments)
    }

    fn windows(
        &mut self,
        history: &History,
        place: &Place,
        wanted: &[(KeyId, usize)],
        span: Span,
    ) -> Result<Vec<Segment>, SourceError> {
        let reach = history.reach(&place.key).map_err(unreadable)?;
        let mut segments = Vec::new();
        let hours = (span.0, span.1.min(reach.minutes_from_ms.saturating_sub(1)));
        let minutes = (span.0.max(hours.1), span.1.min(reach.ticks_from_ms.saturating_sub(1)));
        let ids: Vec<KeyId> = wanted.iter().map(|(id, _)| *id).collect();
        for (width_ms, (after_ms, until_ms)) in [(HOUR_MS, hours), (MINUTE_MS, minutes)] {
            if after_ms >= until_ms {
                continue;
            }
            let kept = Kept::for_function(self.selection.hint.function);
            let mut gathered =
                Gathered::new(wanted, (after_ms, until_ms), self.selection.until_ms, self.left);
            let out_of_time = self.selection.out_of_time;
            let from_ms = after_ms.saturating_sub(i64::from(width_ms));
            let each = &mut |at: usize, starts: &[i64], windows: &WindowColumns| {
                let (times, values) = tiers::samples(starts, windows, width_ms, kept);
                gathered.add(at, &times, &values);
                gathered.go_on(out_of_time)
            };
            let told = history.windows(&place.key, &ids, width_ms, from_ms, until_ms, each);
            self.judge(told.map_err(unreadable)?, &gathered)?;
            let mut found = gathered.segments();
            if !found.is_empty() {
                self.coarse_until_ms = self.coarse_until_ms.max(Some(until_ms));
            }
            segments.append(&mut found);
        }
        Ok(segments)
    }

    /// The sealed keys of which a series is wanted for a server of which `held` holds.
    pub(super) fn sealed_keys(
        &mut self,
        history: &History,
        place: &Place,
        held: Labels,
        (after_ms, until_ms): Span,
    ) -> Result<Vec<(KeyId, usize)>, SourceError> {
        let all = self.keys.of_sealed(&*history.keys().map_err(unreadable)?);
        let fits = |(_, number): &&(KeyId, usize)| self.keys.get(*number).left.are_in(held);
        let mut wanted: Vec<(KeyId, usize)> = all.iter().filter(fits).copied().collect();
        if wanted.len() > MANY_KEYS {
            // Keys that only other servers have would be looked for in every block.
            let has = history.keys_of(&place.key, after_ms.saturating_add(1), until_ms);
            let has: HashSet<KeyId> = has.map_err(unreadable)?.into_iter().collect();
            wanted.retain(|(id, _)| has.contains(id));
        }
        Ok(wanted)
    }

    fn judge(&mut self, told: Told, gathered: &Gathered<'_>) -> Result<(), SourceError> {
        self.damaged += usize::from(!told.gaps.is_empty());
        if gathered.too_many {
            return Err(SourceError::TooManySamples { limit: self.selection.max_samples });
        }
        if (self.selection.out_of_time)() {
            return Err(SourceError::OutOfTime);
        }
        Ok(())
    }
}

/// Samples of the archive, as they are found.
struct Gathered<'w> {
    wanted: &'w [(KeyId, usize)],
    span: Span,
    /// Until when there will be samples, from here and from elsewhere.
    end_ms: i64,
    segments: Vec<Segment>,
    /// Where in the last segment the columns of the wanted keys are.
    places: Vec<Option<usize>>,
    /// Where in the last segment the ticks of the last block begin.
    block: usize,
    left: usize,
    too_many: bool,
}

impl<'w> Gathered<'w> {
    fn new(wanted: &'w [(KeyId, usize)], span: Span, end_ms: i64, left: usize) -> Self {
        let (segments, places) = (Vec::new(), vec![None; wanted.len()]);
        Self { wanted, span, end_ms, segments, places, block: 0, left, too_many: false }
    }

    fn add(&mut self, at: usize, times: &[i64], values: &[f64]) {
        let range = within(times, self.span.0, self.span.1);
        let (times, values) = (&times[range.clone()], &values[range]);
        if times.is_empty() {
            return;
        }
        match self.left.checked_sub(times.len()) {
            Some(left) => self.left = left,
            None => self.too_many = true,
        }
        self.begin(times);
        let room = room(times, self.end_ms).min(self.left / self.wanted.len());
        let Some(segment) = self.segments.last_mut() else { return };
        let columns = &mut segment.columns;
        let place = *self.places[at].get_or_insert_with(|| {
            columns.push((self.wanted[at].1, Vec::with_capacity(room)));
            columns.len() - 1
        });
        let column = &mut columns[place].1;
        column.resize(self.block, ABSENT);
        column.extend_from_slice(values);
    }

    /// Has `times` at the end of the last segment: all series of a block have its times, and
    /// most blocks follow the one before.
    fn begin(&mut self, times: &[i64]) {
        match self.segments.last_mut() {
            Some(last) if last.times[self.block..] == *times => {}
            Some(last) if last.times.last() < times.first() => {
                self.block = last.times.len();
                last.times.extend_from_slice(times);
            }
            _ => {
                self.block = 0;
                self.places.fill(None);
                self.segments.push(Segment { times: times.to_vec(), columns: Vec::new() });
            }
        }
    }

    /// All that was found, each column with a value for each time.
    fn segments(self) -> Vec<Segment> {
        let mut segments = self.segments;
        for segment in &mut segments {
            for (_, column) in &mut segment.columns {
                column.resize(segment.times.len(), ABSENT);
            }
        }
        segments
    }

    fn go_on(&self, out_of_time: &dyn Fn() -> bool) -> ControlFlow<()> {
        if self.too_many || out_of_time() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// How many values a column may come to have up to a time, if all is as in its first block.
fn room(times: &[i64], end_ms: i64) -> usize {
    let (first, last) = (times[0], times[times.len() - 1]);
    let each_ms = (last - first) / times.len() as i64;
    let more = end_ms.saturating_sub(last) / each_ms.max(1);
    times.len() + usize::try_from(more).unwrap_or(0).min(MOST_ROOM)
}
