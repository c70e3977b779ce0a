//! What is in memory of one server: its last tick, and the last minutes.

use watchfire_model::{Schema, Tick, is_absent};

use super::super::columns::Segment;
use super::super::matching::Labels;
use super::super::places::Place;
use super::Question;
use crate::fleet::{Feed, LastMinutes};

/// A question that ends so near to the last tick is one about the present.
const PRESENT_MS: u64 = 60_000;
/// The last minutes of more series than this of one server are not kept because of a question.
const MOST_ASKED: usize = 64;

/// Places of a schema that a feed keeps the last minutes of, with their numbers.
pub(super) struct Asked {
    feed: Feed,
    pub(super) schema: Schema,
    wanted: Vec<(usize, usize)>,
}

impl Question<'_> {
    /// The wanted values of the last tick. A series that has none is not there any more.
    pub(super) fn last_tick(&mut self, schema: &Schema, tick: &Tick, held: Labels) -> Segment {
        let places = self.keys.of_schema(schema);
        let there = places.iter().filter_map(|&(place, number)| {
            let value = *tick.values.get(place)?;
            let fits = !is_absent(value) && self.keys.get(number).left.are_in(held);
            fits.then(|| (number, vec![value]))
        });
        Segment { times: vec![tick.at.unix_ms], columns: there.collect() }
    }

    /// What is in memory of the last minutes after `after_ms`, and the time up to which the rest
    /// is on the disk. Where there is no room to keep all series, some are kept from now on, if
    /// the question is about the present and a stretch of time: it will be asked again.
    pub(super) fn recent(
        &mut self,
        place: &Place,
        (schema, tick): &(Schema, Tick),
        held: Labels,
        after_ms: i64,
    ) -> Option<(i64, Segment)> {
        let until_ms = self.selection.until_ms;
        let wanted = self.keys.of_schema(schema);
        let fits = |(_, number): &&(usize, usize)| self.keys.get(*number).left.are_in(held);
        let wanted: Vec<(usize, usize)> = wanted.iter().filter(fits).copied().collect();
        let places: Vec<usize> = wanted.iter().map(|(place, _)| *place).collect();
        let is_present = tick.at.unix_ms.abs_diff(until_ms) <= PRESENT_MS;
        let remember = is_present && !self.is_one() && (1..=MOST_ASKED).contains(&wanted.len());
        let inner = &self.archive.0;
        let feed = inner.fleet.feed(place.index)?;
        let minutes =
            feed.last_minutes(schema, &places, (after_ms, remember), inner.clock.now())?;
        let LastMinutes { from_ms, mut times, columns } = minutes;
        times.truncate(times.partition_point(|time| *time <= until_ms));
        let numbers = wanted.iter().map(|(_, number)| *number);
        let column = |mut values: Vec<f64>| {
            values.truncate(times.len());
            values
        };
        let columns: Vec<_> = numbers.zip(columns.into_iter().map(column)).collect();
        if remember {
            self.asked = Some(Asked { feed, schema: schema.clone(), wanted });
        }
        Some((from_ms.min(until_ms), Segment { times, columns }))
    }

    /// What was read of the minutes before those in memory need not be read again.
    pub(super) fn recall(&self, upto_ms: i64, segment: &Segment) {
        let Some(Asked { feed, schema, wanted }) = &self.asked else { return };
        let by_number = |number: usize| {
            let at = segment.columns.binary_search_by_key(&number, |(number, _)| *number);
            at.map_or(&[][..], |at| &segment.columns[at].1)
        };
        let columns: Vec<&[f64]> = wanted.iter().map(|(_, number)| by_number(*number)).collect();
        let places: Vec<usize> = wanted.iter().map(|(place, _)| *place).collect();
        feed.recall(schema, &places, (upto_ms, &segment.times), &columns);
    }
}
