//! The last minutes of a few series of one server, in memory: of those that somebody asks
//! for again and again. To read them from stored ticks would take a thousand times as long.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use watchfire_model::{ABSENT, Moment, Schema, Tick};

/// Ticks older than this, by their own times, are sealed by now and read as a block.
pub(super) const KEPT_MS: i64 = 15 * 60_000;
/// A series that nobody asked for this long is kept no more.
const ASKED_WITHIN: Duration = Duration::from_secs(600);
/// The most series of one server.
const MAX_COLUMNS: usize = 256;
/// The room that is given at least and at most, in bytes.
pub(super) const LEAST_ROOM: usize = 8 << 10;
pub(super) const MOST_ROOM: usize = 512 << 10;

/// The ticks of one session, of one generation of its schema.
#[derive(Debug, Default)]
pub(super) struct Recent {
    generation: u64,
    columns: Vec<Column>,
    /// Where in `columns` a place of the schema is.
    by_place: HashMap<usize, usize>,
    times: VecDeque<i64>,
    /// Tick after tick a value for each column.
    values: VecDeque<f64>,
    /// The latest time that came before, where ticks came out of order.
    not_before: i64,
    /// Ticks are missing before the next one.
    after_hole: bool,
    settled: Moment,
    /// How many ticks have room.
    most: usize,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    place: usize,
    /// Every tick that is later is here.
    from_ms: i64,
    /// The tick at that time, which may not be on the disk yet; `None` when what is there
    /// begins within what the disk had.
    edge_ms: Option<i64>,
    asked: Moment,
}

/// What is in memory of a server's last minutes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LastMinutes {
    /// Every tick that is later than this is here.
    pub(crate) from_ms: i64,
    /// When each tick was, in milliseconds since 1970, rising.
    pub(crate) times: Vec<i64>,
    /// For each place that was asked for the values, absent ones as that.
    pub(crate) columns: Vec<Vec<f64>>,
}

impl Recent {
    /// Takes the tick that came.
    pub(super) fn push(&mut self, tick: &Tick) {
        let at_ms = tick.at.unix_ms;
        let last = self.times.back().copied().unwrap_or(self.not_before);
        if tick.generation != self.generation || at_ms <= last || self.after_hole {
            // A clock that was set back: the same times come a second time. What a hole hides
            // is told later, and lies before this tick.
            self.forget(last.max(at_ms));
            self.after_hole = false;
            return;
        }
        self.times.push_back(at_ms);
        let value = |column: &Column| tick.values.get(column.place).copied().unwrap_or(ABSENT);
        self.values.extend(self.columns.iter().map(value));
        let is_old = |first: &i64| at_ms.saturating_sub(*first) > KEPT_MS;
        while self.times.len() > self.most || self.times.front().is_some_and(is_old) {
            self.drop_first();
        }
    }

    /// Something may lie between the ticks before this and those after it.
    pub(super) fn hole(&mut self) {
        self.after_hole = true;
    }

    /// The values at `places` of the schema, from `after_ms` on as far as they are here. Those
    /// that are not kept yet are from now on, within `room` bytes. `last` is the newest tick.
    pub(super) fn ask(
        &mut self,
        (schema, last): (&Schema, &Tick),
        places: &[usize],
        (after_ms, room): (i64, usize),
        now: Moment,
    ) -> LastMinutes {
        if self.generation != schema.generation() {
            *self = Self { generation: schema.generation(), settled: now, ..Self::default() };
        }
        self.settle(now);
        let new: Vec<usize> =
            places.iter().copied().filter(|place| !self.by_place.contains_key(place)).collect();
        if self.columns.len() + new.len() <= MAX_COLUMNS {
            self.add(&new, last, now);
        }
        self.most = (room / size_of::<f64>() / (self.columns.len() + 1)).max(1);
        while self.times.len() > self.most {
            self.drop_first();
        }
        self.read(places, after_ms, last.at.unix_ms, now)
    }

    /// Takes in what the disk has of the time up to `upto_ms`, since which `places` are kept:
    /// every tick of that time, with the values of each place. What has no room, or does not
    /// fit what is here, is left out.
    pub(super) fn recall(
        &mut self,
        places: &[usize],
        upto_ms: i64,
        times: &[i64],
        columns: &[&[f64]],
    ) {
        let Some(&until_ms) = times.last() else { return };
        let found: Option<Vec<usize>> =
            places.iter().map(|place| self.by_place.get(place).copied()).collect();
        let Some(found) = found else { return };
        let fits = |column: &Column| {
            column.from_ms == upto_ms && column.edge_ms.is_none_or(|edge| edge == until_ms)
        };
        if self.after_hole || !found.iter().all(|&column| fits(&self.columns[column])) {
            return;
        }
        let front = self.times.front().copied().unwrap_or(i64::MAX);
        let before = times.partition_point(|time| *time < front);
        if !times[before..].iter().all(|time| self.times.binary_search(time).is_ok()) {
            return;
        }
        let oldest = self.times.back().copied().unwrap_or(until_ms).saturating_sub(KEPT_MS);
        let room = self.most.saturating_sub(self.times.len());
        let first = times.partition_point(|time| *time < oldest).max(before.saturating_sub(room));
        let width = self.columns.len();
        for at in (first..before).rev() {
            self.times.push_front(times[at]);
            (0..width).for_each(|_| self.values.push_front(ABSENT));
        }
        for (at, time) in times.iter().enumerate().skip(first) {
            let Ok(tick) = self.times.binary_search(time) else { continue };
            for (&column, values) in found.iter().zip(columns) {
                self.values[tick * width + column] = values.get(at).copied().unwrap_or(ABSENT);
            }
        }
        if let Some(&first) = times.get(first) {
            let from_ms = first.saturating_sub(1);
            for column in found {
                let column = &mut self.columns[column];
                (column.from_ms, column.edge_ms) = (from_ms, None);
            }
        }
    }

    fn add(&mut self, new: &[usize], last: &Tick, now: Moment) {
        if new.is_empty() {
            return;
        }
        let (old, ticks) = (self.columns.len(), self.times.len());
        for &place in new {
            self.by_place.insert(place, self.columns.len());
            self.columns.push(Column {
                place,
                from_ms: last.at.unix_ms,
                edge_ms: Some(last.at.unix_ms),
                asked: now,
            });
        }
        let mut values = VecDeque::with_capacity(ticks * self.columns.len());
        for tick in 0..ticks {
            values.extend((0..old).map(|column| self.values[tick * old + column]));
            values.extend(new.iter().map(|_| ABSENT));
        }
        self.values = values;
        self.not_before = self.not_before.max(last.at.unix_ms);
    }

    fn read(&mut self, places: &[usize], after_ms: i64, last_ms: i64, now: Moment) -> LastMinutes {
        let found: Option<Vec<usize>> =
            places.iter().map(|place| self.by_place.get(place).copied()).collect();
        let Some(found) = found else {
            return LastMinutes { from_ms: last_ms, ..LastMinutes::default() };
        };
        let mut from_ms = after_ms;
        for &column in &found {
            let column = &mut self.columns[column];
            column.asked = now;
            from_ms = from_ms.max(column.from_ms);
        }
        let first = self.times.partition_point(|time| *time <= from_ms);
        let width = self.columns.len();
        let column = |at: usize| {
            (first..self.times.len()).map(|tick| self.values[tick * width + at]).collect()
        };
        LastMinutes {
            from_ms,
            times: self.times.range(first..).copied().collect(),
            columns: found.into_iter().map(column).collect(),
        }
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.times.pop_front() {
            self.values.drain(..self.columns.len());
            self.not_before = self.not_before.max(first);
            self.columns.iter_mut().for_each(|column| column.leave(first));
        }
    }

    /// Lets go of all ticks; what comes after `from_ms` is whole again.
    fn forget(&mut self, from_ms: i64) {
        self.times.clear();
        self.values.clear();
        self.not_before = self.not_before.max(from_ms);
        let from_ms = self.not_before;
        self.columns.iter_mut().for_each(|column| column.leave(from_ms));
    }

    /// Lets go of what nobody asks for any more.
    fn settle(&mut self, now: Moment) {
        if now.since(self.settled) < ASKED_WITHIN {
            return;
        }
        self.settled = now;
        let asked = |column: &Column| now.since(column.asked) < ASKED_WITHIN;
        let width = self.columns.len();
        let kept: Vec<usize> = (0..width).filter(|&at| asked(&self.columns[at])).collect();
        let values = (0..self.times.len())
            .flat_map(|tick| kept.iter().map(move |column| (tick, *column)))
            .map(|(tick, column)| self.values[tick * width + column]);
        self.values = values.collect();
        self.columns = kept.iter().map(|&at| self.columns[at]).collect();
        self.by_place =
            self.columns.iter().enumerate().map(|(at, column)| (column.place, at)).collect();
    }

    /// True when nobody asked for any of it for long.
    pub(super) fn is_idle(&self, now: Moment) -> bool {
        self.columns.iter().all(|column| now.since(column.asked) >= ASKED_WITHIN)
    }
}

impl Column {
    /// What is at `ms` or before it is not here any more.
    fn leave(&mut self, ms: i64) {
        if ms > self.from_ms {
            (self.from_ms, self.edge_ms) = (ms, Some(ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::SeriesKey;

    use super::*;

    const ROOM: usize = 1 << 20;

    fn schema(generation: u64) -> Schema {
        let mut schema = Schema::new(generation);
        ["a", "b", "c"].iter().for_each(|name| {
            schema.push(SeriesKey::new(name, []).expect("a good name"));
        });
        schema
    }

    fn tick(second: i64, generation: u64) -> Tick {
        let at = Moment { unix_ms: second * 1000, ..Moment::default() };
        let values = [1.0, 2.0, 3.0].map(|times| times * second as f64).to_vec();
        Tick { at, generation, values }
    }

    fn now(second: u64) -> Moment {
        Moment::default().after(Duration::from_secs(second))
    }

    fn ask(recent: &mut Recent, last: i64, places: &[usize], after: i64) -> LastMinutes {
        let (schema, tick) = (schema(1), tick(last, 1));
        recent.ask((&schema, &tick), places, (after * 1000, ROOM), now(0))
    }

    #[test]
    fn what_was_asked_for_is_kept_from_then_on() {
        let mut recent = Recent::default();
        let first = ask(&mut recent, 10, &[0, 2], 0);
        assert_eq!((first.from_ms, first.times.len()), (10_000, 0));
        (11..=14).for_each(|second| recent.push(&tick(second, 1)));
        let found = ask(&mut recent, 14, &[2], 0);
        assert_eq!((found.from_ms, found.times), (10_000, vec![11_000, 12_000, 13_000, 14_000]));
        assert_eq!(found.columns, [[33.0, 36.0, 39.0, 42.0]]);
        // Another series is whole only from now on, and the first ones stay.
        assert_eq!(ask(&mut recent, 14, &[1], 0).from_ms, 14_000);
        recent.push(&tick(15, 1));
        let found = ask(&mut recent, 15, &[0, 1], 12);
        assert_eq!((found.from_ms, found.columns), (14_000, vec![vec![15.0], vec![30.0]]));
        let found = ask(&mut recent, 15, &[0], 12);
        assert_eq!((found.from_ms, found.columns), (12_000, vec![vec![13.0, 14.0, 15.0]]));
    }

    #[test]
    fn holes_clocks_and_generations_begin_it_anew() {
        let mut recent = Recent::default();
        ask(&mut recent, 10, &[0], 0);
        (11..=14).for_each(|second| recent.push(&tick(second, 1)));
        recent.hole();
        recent.push(&tick(19, 1));
        recent.push(&tick(20, 1));
        // What is between 14 s and 19 s comes later, and only to the disk.
        let found = ask(&mut recent, 20, &[0], 0);
        assert_eq!((found.from_ms, found.times), (19_000, vec![20_000]));
        // Set back: the times up to 20 s were there before, and are not whole here.
        recent.push(&tick(12, 1));
        recent.push(&tick(13, 1));
        let found = ask(&mut recent, 13, &[0], 0);
        assert_eq!((found.from_ms, found.times.len()), (20_000, 0));
        recent.push(&tick(21, 1));
        assert_eq!(ask(&mut recent, 21, &[0], 0).times, [21_000]);
        recent.push(&tick(22, 2));
        assert_eq!(ask(&mut recent, 21, &[0], 0).times, [0_i64; 0]);
    }

    #[test]
    fn what_the_disk_has_of_the_time_before_is_taken_in() {
        let mut recent = Recent::default();
        ask(&mut recent, 10, &[0, 2], 0);
        (11..=14).for_each(|second| recent.push(&tick(second, 1)));
        let times: Vec<i64> = (3..=10).map(|second| second * 1000).collect();
        let of =
            |times_of: f64| -> Vec<f64> { (3..=10).map(|s| times_of * f64::from(s)).collect() };
        // It must end where what is kept begins.
        recent.recall(&[0], 10_000, &times[..7], &[&of(1.0)[..7]]);
        assert_eq!(ask(&mut recent, 14, &[0], 0).from_ms, 10_000);
        recent.recall(&[0], 10_000, &times, &[&of(1.0)]);
        let found = ask(&mut recent, 14, &[0], 0);
        assert_eq!((found.from_ms, found.times.len()), (2999, 12));
        assert_eq!(found.columns[0], (3..=14).map(f64::from).collect::<Vec<f64>>());
        // The other one comes into ticks that are there, and takes nothing from the first.
        assert_eq!(ask(&mut recent, 14, &[2], 0).from_ms, 10_000);
        recent.recall(&[2], 10_000, &times[2..], &[&of(3.0)[2..]]);
        let found = ask(&mut recent, 14, &[2, 0], 0);
        assert_eq!((found.from_ms, found.columns[0][0], found.columns[1][0]), (4999, 15.0, 5.0));
        let found = ask(&mut recent, 14, &[0], 0);
        assert_eq!(found.columns[0], (3..=14).map(f64::from).collect::<Vec<f64>>());
        // And what is before that, as far as it goes on to it.
        recent.recall(&[0], 2000, &[1000], &[&[1.0]]);
        assert_eq!(ask(&mut recent, 14, &[0], 0).from_ms, 2999);
        recent.recall(&[0], 2999, &[1000, 2000], &[&[1.0, 2.0]]);
        let found = ask(&mut recent, 14, &[0], 0);
        assert_eq!(found.columns[0], (1..=14).map(f64::from).collect::<Vec<f64>>());
    }

    #[test]
    fn it_keeps_within_its_room_and_time() {
        let mut recent = Recent::default();
        ask(&mut recent, 10, &[0], 0);
        (11..=2000).for_each(|second| recent.push(&tick(second, 1)));
        let found = ask(&mut recent, 2000, &[0], 0);
        assert_eq!((found.from_ms, found.times.len()), (1_099_000, 901));
        let (schema, last) = (schema(1), tick(2000, 1));
        let found = recent.ask((&schema, &last), &[0], (0, 800), now(0));
        assert_eq!((found.from_ms, found.times.len()), (1_950_000, 50));
        assert!(!recent.is_idle(now(599)) && recent.is_idle(now(600)));
        // What nobody asks for goes, and the rest stays.
        recent.ask((&schema, &last), &[1], (0, ROOM), now(500));
        recent.push(&tick(2001, 1));
        let found = recent.ask((&schema, &last), &[1], (0, ROOM), now(700));
        assert_eq!((recent.columns.len(), found.columns), (1, vec![vec![4002.0]]));
    }
}
