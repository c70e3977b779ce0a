//! What is kept of one server, wherever it is: as samples of the series that are wanted.
//!
//! In the order of reading: the last tick, which is in memory; chunks that are not sealed;
//! blocks; tiers where the blocks are gone. Chunks are read before blocks: what is sealed
//! in between is met twice, and never missed. Each time counts once.

use std::ops::ControlFlow;

use watchfire_model::{Schema, Selection, SourceError, Tick, is_absent};
use watchfire_store::block::{KeyId, WindowColumns};
use watchfire_store::{History, HistoryError, StoredChunk, Stretch, Told};

use super::Archive;
use super::columns::{Columns, Segment};
use super::matching::{Labels, Matching};
use super::places::Place;
use super::schemas::Schemas;
use super::segment::{Merged, merged, within};
use super::tiers::{self, Kept};
use super::walk::{Met, Walk, Wanted};
use super::wanted::WantedKeys;
use crate::fleet::{Feed, LastMinutes};

/// For a question about one moment so much is looked through at first: nearly always there is
/// a tick in it, and then it says all. A chain is a minute long.
const FIRST_LOOK_MS: i64 = 70_000;
/// More keys than this are first held against those that a server has.
const MANY_KEYS: usize = 256;
/// A stretch that is too much at a time is read in halves down to this.
const LEAST_STRETCH_MS: i64 = 60_000;
/// A question that ends so near to the last tick is one about the present.
const PRESENT_MS: u64 = 60_000;
/// What the last minutes of all servers may take, in bytes, and those of one at least and at
/// most.
const RECENT_BYTES: usize = 64 << 20;
const LEAST_RECENT_BYTES: usize = 8 << 10;
const MOST_RECENT_BYTES: usize = 512 << 10;
/// The last minutes of more series than this of one server are not kept.
const MOST_RECENT: usize = 64;
const MINUTE_MS: u32 = 60_000;
const HOUR_MS: u32 = 3_600_000;

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

/// Places of a schema that a feed keeps the last minutes of, with their numbers.
struct Asked {
    feed: Feed,
    schema: Schema,
    wanted: Vec<(usize, usize)>,
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
    pub(super) fn of_server(&mut self, place: &Place, held: Labels) -> Result<Merged, SourceError> {
        let span = (self.selection.after_ms, self.selection.until_ms);
        self.asked = None;
        let newest = self.archive.newest(place.index);
        let live = newest.as_ref().and_then(|(schema, tick)| {
            let is_in = span.0 < tick.at.unix_ms && tick.at.unix_ms <= span.1;
            is_in.then(|| self.last_tick(schema, tick, held))
        });
        let schema = newest.as_ref().map(|(schema, _)| schema.clone());
        let is_one = self.selection.hint.range_ms == 0 && self.selection.hint.step_ms == 0;
        let mut segments: Vec<Segment> = Vec::new();
        if !is_one {
            let recent = newest.as_ref().and_then(|newest| self.recent(place, newest, held));
            let (until_ms, recent) = recent.unwrap_or((span.1, Segment::default()));
            segments = self.stored(place, held, (span.0, until_ms), schema)?;
            segments.push(recent);
        } else if live.is_none() {
            let first = (span.0.max(span.1.saturating_sub(FIRST_LOOK_MS)), span.1);
            segments = self.stored(place, held, first, schema.clone())?;
            if segments.is_empty() && first != span {
                segments = self.stored(place, held, span, schema)?;
            }
        }
        let live = live.filter(|live| {
            segments.last().is_none_or(|last| last.times.last() < live.times.last())
        });
        segments.extend(live);
        let merged = merged(segments);
        self.take(merged.times.len().saturating_mul(merged.columns.len()))?;
        Ok(merged)
    }

    /// What is in memory of the last minutes, and the time up to which the rest is on the disk.
    /// From now on it is kept in memory, if the question is about the present: it will be asked
    /// again.
    fn recent(
        &mut self,
        place: &Place,
        (schema, tick): &(Schema, Tick),
        held: Labels,
    ) -> Option<(i64, Segment)> {
        let (after_ms, until_ms) = (self.selection.after_ms, self.selection.until_ms);
        let wanted = self.keys.of_schema(schema);
        let fits = |(_, number): &&(usize, usize)| self.keys.get(*number).left.are_in(held);
        let wanted: Vec<(usize, usize)> = wanted.iter().filter(fits).copied().collect();
        let is_present = tick.at.unix_ms.abs_diff(until_ms) <= PRESENT_MS;
        if !is_present || wanted.is_empty() || wanted.len() > MOST_RECENT {
            return None;
        }
        let places: Vec<usize> = wanted.iter().map(|(place, _)| *place).collect();
        let inner = &self.archive.0;
        let room = RECENT_BYTES / inner.fleet.places().max(1);
        let room = room.clamp(LEAST_RECENT_BYTES, MOST_RECENT_BYTES);
        let feed = inner.fleet.feed(place.index)?;
        let minutes = feed.last_minutes(schema, &places, (after_ms, room), inner.clock.now())?;
        let LastMinutes { from_ms, times, columns } = minutes;
        let upto = times.partition_point(|time| *time <= until_ms);
        let numbers = wanted.iter().map(|(_, number)| *number);
        let column = |mut values: Vec<f64>| {
            values.truncate(upto);
            values
        };
        let columns: Vec<_> = numbers.zip(columns.into_iter().map(column)).collect();
        let times = times[..upto].to_vec();
        self.asked = Some(Asked { feed, schema: schema.clone(), wanted });
        Some((from_ms.min(until_ms), Segment { times, columns }))
    }

    /// The wanted values of the last tick. A series that has none is not there any more.
    fn last_tick(&mut self, schema: &Schema, tick: &Tick, held: Labels) -> Segment {
        let places = self.keys.of_schema(schema);
        let there = places.iter().filter_map(|&(place, number)| {
            let value = *tick.values.get(place)?;
            let fits = !is_absent(value) && self.keys.get(number).left.are_in(held);
            fits.then(|| (number, vec![value]))
        });
        Segment { times: vec![tick.at.unix_ms], columns: there.collect() }
    }

    /// What is on the disk; nothing when there is no tick in that time.
    fn stored(
        &mut self,
        place: &Place,
        held: Labels,
        span: Span,
        live: Option<Schema>,
    ) -> Result<Vec<Segment>, SourceError> {
        let Some(history) = self.archive.history().filter(|_| span.0 < span.1) else {
            return Ok(Vec::new());
        };
        let chunks = self.chunks(history, place, held, span, live)?;
        let mut segments = self.sealed(history, place, held, span)?;
        segments.extend(chunks);
        Ok(segments)
    }

    fn chunks(
        &mut self,
        history: &History,
        place: &Place,
        held: Labels,
        span: Span,
        live: Option<Schema>,
    ) -> Result<Option<Segment>, SourceError> {
        let known = &self.archive.0.known;
        let schemas = Schemas::new(known, history, &place.key, live);
        let mut walk = Walk::new(known, schemas, Wanted::Ticks);
        let mut columns = Columns::default();
        let (mut damaged, mut lost) = (false, 0);
        let mut follows = Follows::default();
        let generation = self.asked.as_ref().map(|asked| asked.schema.generation());
        let most = self.left;
        let (keys, selection) = (&mut self.keys, self.selection);
        let each = &mut |stretch: &Stretch| -> Result<(), SourceError> {
            damaged |= !stretch.gaps.is_empty();
            for stored in &stretch.chunks {
                if (selection.out_of_time)() {
                    return Err(SourceError::OutOfTime);
                }
                follows.next(stored);
                let fate = walk.chunk(stored, &mut |met| {
                    if let Met::Tick(schema, tick) = met
                        && span.0 < tick.at.unix_ms
                        && tick.at.unix_ms <= span.1
                    {
                        follows.broken |= Some(schema.generation()) != generation;
                        columns.push(schema, tick, |key| keys.number_for(key, held));
                    }
                    ControlFlow::Continue(())
                });
                lost += fate.map_err(unreadable)?.lost_ticks;
                if columns.total() > most {
                    return Err(SourceError::TooManySamples { limit: selection.max_samples });
                }
            }
            Ok(())
        };
        each_stretch(history, &place.key, span, each)?;
        self.archive.count_lost(lost);
        self.damaged += usize::from(damaged);
        let segment = columns.all();
        if !follows.broken && lost == 0 && !damaged {
            self.recall(span.1, &segment);
        }
        Ok((!segment.times.is_empty()).then_some(segment))
    }

    /// What was read of the minutes before those in memory need not be read again.
    fn recall(&self, upto_ms: i64, segment: &Segment) {
        let Some(Asked { feed, schema, wanted }) = &self.asked else { return };
        let by_number = |number: usize| {
            let at = segment.columns.binary_search_by_key(&number, |(number, _)| *number);
            at.map_or(&[][..], |at| &segment.columns[at].1)
        };
        let columns: Vec<&[f64]> = wanted.iter().map(|(_, number)| by_number(*number)).collect();
        let places: Vec<usize> = wanted.iter().map(|(place, _)| *place).collect();
        feed.recall(schema, &places, (upto_ms, &segment.times), &columns);
    }

    /// Blocks, and tiers where they are gone.
    fn sealed(
        &mut self,
        history: &History,
        place: &Place,
        held: Labels,
        span: Span,
    ) -> Result<Vec<Segment>, SourceError> {
        let wanted = self.sealed_keys(history, place, held, span)?;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<KeyId> = wanted.iter().map(|(id, _)| *id).collect();
        let mut gathered = Gathered::new(&wanted, span, self.left);
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
        let mut segments = gathered.segments;
        let first = segments.first().and_then(|segment| segment.times.first().copied());
        // A server that told all the while has ticks near the beginning.
        if first.is_none_or(|first| first.saturating_sub(span.0) > i64::from(MINUTE_MS)) {
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
            let mut gathered = Gathered::new(wanted, (after_ms, until_ms), self.left);
            let out_of_time = self.selection.out_of_time;
            let from_ms = after_ms.saturating_sub(i64::from(width_ms));
            let each = &mut |at: usize, starts: &[i64], windows: &WindowColumns| {
                let (times, values) = tiers::samples(starts, windows, width_ms, kept);
                gathered.add(at, &times, &values);
                gathered.go_on(out_of_time)
            };
            let told = history.windows(&place.key, &ids, width_ms, from_ms, until_ms, each);
            self.judge(told.map_err(unreadable)?, &gathered)?;
            if !gathered.segments.is_empty() {
                self.coarse_until_ms = self.coarse_until_ms.max(Some(until_ms));
            }
            segments.append(&mut gathered.segments);
        }
        Ok(segments)
    }

    /// The sealed keys of which a series is wanted for a server of which `held` holds.
    fn sealed_keys(
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
            let has: std::collections::HashSet<KeyId> =
                has.map_err(unreadable)?.into_iter().collect();
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

    fn take(&mut self, samples: usize) -> Result<(), SourceError> {
        let limit = self.selection.max_samples;
        self.left = self.left.checked_sub(samples).ok_or(SourceError::TooManySamples { limit })?;
        Ok(())
    }
}

/// Whether chunks follow one another without a hole.
#[derive(Default)]
struct Follows {
    last: Option<([u8; 16], u64)>,
    broken: bool,
}

impl Follows {
    fn next(&mut self, stored: &StoredChunk) {
        let chunk = &stored.chunk;
        if let Some((ring, last)) = self.last {
            self.broken |= ring != chunk.ring || chunk.previous == 0 || chunk.previous > last;
        }
        self.last = Some((chunk.ring, chunk.last));
    }
}

/// Samples of the archive, as they are found.
struct Gathered<'w> {
    wanted: &'w [(KeyId, usize)],
    span: Span,
    segments: Vec<Segment>,
    left: usize,
    too_many: bool,
}

impl<'w> Gathered<'w> {
    fn new(wanted: &'w [(KeyId, usize)], span: Span, left: usize) -> Self {
        Self { wanted, span, segments: Vec::new(), left, too_many: false }
    }

    fn add(&mut self, at: usize, times: &[i64], values: &[f64]) {
        let range = within(times, self.span.0, self.span.1);
        let (times, values) = (&times[range.clone()], &values[range]);
        if times.is_empty() {
            return;
        }
        let number = self.wanted[at].1;
        match self.left.checked_sub(times.len()) {
            Some(left) => self.left = left,
            None => self.too_many = true,
        }
        // All series of a block have its times.
        match self.segments.last_mut() {
            Some(last) if last.times == times => last.columns.push((number, values.to_vec())),
            _ => {
                let columns = vec![(number, values.to_vec())];
                self.segments.push(Segment { times: times.to_vec(), columns });
            }
        }
    }

    fn go_on(&self, out_of_time: &dyn Fn() -> bool) -> ControlFlow<()> {
        if self.too_many || out_of_time() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Gives `each` the chunks of a time, in pieces when they are too many at once.
pub(super) fn each_stretch(
    history: &History,
    server: &str,
    (after_ms, until_ms): Span,
    each: &mut dyn FnMut(&Stretch) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    if after_ms >= until_ms {
        return Ok(());
    }
    let stretch =
        history.chunks(server, after_ms.saturating_add(1), until_ms).map_err(unreadable)?;
    let length = until_ms.saturating_sub(after_ms);
    if !stretch.cut || length <= LEAST_STRETCH_MS {
        return each(&stretch);
    }
    drop(stretch);
    let middle = after_ms.saturating_add(length / 2);
    each_stretch(history, server, (after_ms, middle), each)?;
    each_stretch(history, server, (middle, until_ms), each)
}

pub(super) fn unreadable(error: HistoryError) -> SourceError {
    SourceError::Unreadable(error.to_string())
}
