use std::collections::{HashMap, HashSet};
use std::time::Duration;

use watchfire_model::{ABSENT, Metric, Moment, Schema, SeriesKey, Tick, is_absent};

use super::Family;
use super::page::Page;

/// The most series of one server. More are left out and counted, so that a
/// machine with a flood of devices or containers cannot flood its hub.
pub const MAX_SERIES: usize = 16 * 1024;

/// The most that one collector gives, so that a flood of one kind leaves room
/// for the others.
const MAX_PAGE: usize = 6 * 1024;

/// Room that is kept for what the runner and the agent tell of themselves: when
/// something is left out, that must be told.
const RESERVED: usize = 1024;

/// Room is made for what is new at most once in this time, because a new
/// generation costs the whole schema.
const RENEW_EVERY: Duration = Duration::from_secs(60);

/// A new generation begins when this many series are of things that are gone,
/// and they are more than those that are left.
const MANY_GONE: usize = 1024;

/// The schema and the values of now. Each collector has a page of its own.
#[derive(Debug)]
pub(crate) struct Ledger {
    schema: Schema,
    tick: Tick,
    metrics: Vec<Metric>,
    pages: Vec<Page>,
    numbers: HashMap<SeriesKey, usize>,
    told: HashSet<Box<str>>,
    /// The reading that gave each series last.
    given: Vec<u64>,
    reading: u64,
    left_out: u64,
    /// How many were left out before this tick.
    left_out_before: u64,
    renewed: Option<Moment>,
}

impl Ledger {
    /// An empty ledger with `pages` pages, of which the last two are for the
    /// runner and the agent.
    pub(crate) fn new(pages: usize, generation: u64) -> Self {
        Self {
            schema: Schema::new(generation),
            tick: Tick { generation, ..Tick::default() },
            metrics: Vec::new(),
            pages: std::iter::repeat_with(Page::default).take(pages).collect(),
            numbers: HashMap::new(),
            told: HashSet::new(),
            given: Vec::new(),
            reading: 0,
            left_out: 0,
            left_out_before: 0,
            renewed: None,
        }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn tick(&self) -> &Tick {
        &self.tick
    }

    /// What is told of each metric that ever had a series.
    pub(crate) fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// How many samples there was no room for.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Begins the tick of `now`. Pages that are not opened keep their values.
    pub(crate) fn begin(&mut self, now: Moment) {
        self.tick.at = now;
        self.left_out_before = self.left_out;
    }

    /// Begins a reading of one collector.
    pub(crate) fn open(&mut self, page: usize) {
        self.pages[page].begin();
        self.reading += 1;
    }

    /// Says that a collector has nothing to tell at this tick.
    pub(crate) fn clear(&mut self, page: usize) {
        self.open(page);
        self.close(page);
    }

    /// The value of one series now. The values are raw bytes of the kernel;
    /// they are made printable when the series is met for the first time.
    pub(crate) fn put(
        &mut self,
        page: usize,
        family: &'static Family,
        values: &[&[u8]],
        value: f64,
    ) {
        let series = self.pages[page].follow(family, values);
        let Some(series) = series.or_else(|| self.turn(page, family, values)) else { return };
        if self.given[series] == self.reading {
            // Two things of one name: the first stands, or it would jump.
            self.left_out += 1;
            return;
        }
        self.given[series] = self.reading;
        self.tick.values[series] = value;
    }

    /// Ends a reading: what it did not give is not there.
    pub(crate) fn close(&mut self, page: usize) {
        for series in self.pages[page].rest() {
            if self.given[series] != self.reading {
                self.tick.values[series] = ABSENT;
            }
        }
    }

    /// Ends the tick. A new generation begins where too much is gone, or where
    /// what is gone takes the room of what is new.
    pub(crate) fn end(&mut self) {
        let all = self.schema.len();
        if all < MANY_GONE {
            return;
        }
        let gone = self.tick.values.iter().filter(|value| is_absent(**value)).count();
        let rested = |last: Moment| self.tick.at.since(last) >= RENEW_EVERY;
        let in_the_way =
            self.left_out > self.left_out_before && gone > 0 && self.renewed.is_none_or(rested);
        if in_the_way || (gone >= MANY_GONE && gone * 2 > all) {
            self.renew();
        }
    }

    /// The machine differs from the last reading: what was expected next is
    /// gone until it is given, and the order is learned anew from here on.
    fn turn(&mut self, page: usize, family: &'static Family, values: &[&[u8]]) -> Option<usize> {
        self.close(page);
        self.pages[page].cut();
        let series = self.number(page, family, values)?;
        self.pages[page].add(family, values, series);
        Some(series)
    }

    /// The number of a series, which is given one when it is new.
    fn number(&mut self, page: usize, family: &'static Family, values: &[&[u8]]) -> Option<usize> {
        let key = family.key(values).ok()?;
        if let Some(&series) = self.numbers.get(&key) {
            return Some(series);
        }
        if !self.has_room(page) {
            self.left_out += 1;
            return None;
        }
        if self.told.insert(key.name().into()) {
            self.metrics.push(family.metric(values));
        }
        let series = self.schema.push(key.clone());
        self.numbers.insert(key, series);
        self.tick.values.push(ABSENT);
        self.given.push(0);
        Some(series)
    }

    fn has_room(&self, page: usize) -> bool {
        let of_collector = page + 2 < self.pages.len();
        let limit = if of_collector { MAX_SERIES - RESERVED } else { MAX_SERIES };
        self.schema.len() < limit && self.pages[page].len() < MAX_PAGE
    }

    fn renew(&mut self) {
        let next = Schema::new(self.schema.generation() + 1);
        let old = std::mem::replace(&mut self.schema, next);
        let values = std::mem::take(&mut self.tick.values);
        self.renewed = Some(self.tick.at);
        self.numbers.clear();
        self.given.clear();
        let mut anew = vec![None; old.len()];
        for (series, key) in old.keys().iter().enumerate() {
            if !is_absent(values[series]) {
                let number = self.schema.push(key.clone());
                anew[series] = Some(number);
                self.numbers.insert(key.clone(), number);
                self.tick.values.push(values[series]);
                self.given.push(0);
            }
        }
        for page in &mut self.pages {
            page.keep(&anew);
        }
        self.tick.generation = self.schema.generation();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static DISK: Family = Family::gauge("disk", "A disk.", &["device"]);
    static LOAD: Family = Family::gauge("load", "The load.", &[]);

    fn read(ledger: &mut Ledger, page: usize, devices: &[&str]) {
        ledger.open(page);
        for (device, value) in devices.iter().zip(1_u16..) {
            ledger.put(page, &DISK, &[device.as_bytes()], f64::from(value));
        }
        ledger.close(page);
    }

    fn seen(ledger: &Ledger) -> Vec<(String, Option<f64>)> {
        let keys = ledger.schema().keys().iter().enumerate();
        keys.map(|(number, key)| (key.to_string(), ledger.tick().value(number))).collect()
    }

    fn values(ledger: &Ledger) -> Vec<Option<f64>> {
        seen(ledger).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn devices_come_and_go_and_keep_their_number() {
        let mut ledger = Ledger::new(3, 1);
        read(&mut ledger, 0, &["a", "b", "c"]);
        assert_eq!(seen(&ledger)[1], (r#"disk{device="b"}"#.to_owned(), Some(2.0)));
        read(&mut ledger, 0, &["a", "c"]);
        assert_eq!(values(&ledger), [Some(1.0), None, Some(2.0)]);
        read(&mut ledger, 0, &["d", "a", "b"]);
        assert_eq!(values(&ledger), [Some(2.0), Some(3.0), None, Some(1.0)]);
        read(&mut ledger, 0, &[]);
        assert_eq!(values(&ledger), [None; 4]);
        read(&mut ledger, 0, &["d", "a", "b"]);
        assert_eq!(values(&ledger), [Some(2.0), Some(3.0), None, Some(1.0)]);
        assert_eq!(ledger.metrics().len(), 1);
    }

    #[test]
    fn a_page_that_is_not_read_keeps_its_values() {
        let mut ledger = Ledger::new(4, 1);
        read(&mut ledger, 0, &["a"]);
        ledger.open(1);
        ledger.put(1, &LOAD, &[], 0.5);
        ledger.close(1);
        read(&mut ledger, 0, &["b"]);
        assert_eq!(values(&ledger), [None, Some(0.5), Some(1.0)]);
    }

    fn flood(ledger: &mut Ledger, page: usize, start: &str, count: usize) {
        ledger.open(page);
        for number in 0..count {
            ledger.put(page, &DISK, &[format!("{start}-{number}").as_bytes()], 1.0);
        }
        ledger.close(page);
    }

    fn there(ledger: &Ledger) -> usize {
        ledger.tick().values.iter().filter(|value| !is_absent(**value)).count()
    }

    #[test]
    fn a_flood_of_one_kind_leaves_room_for_the_others_and_for_the_word_of_it() {
        let mut ledger = Ledger::new(6, 1);
        ledger.begin(Moment::default());
        for (page, start) in ["a", "b", "c", "d"].into_iter().enumerate() {
            flood(&mut ledger, page, start, MAX_SERIES);
        }
        assert_eq!(ledger.schema().len(), MAX_SERIES - RESERVED);
        assert!(ledger.left_out() > 3 * MAX_SERIES as u64);
        ledger.open(5);
        ledger.put(5, &LOAD, &[], 0.5);
        ledger.close(5);
        assert_eq!(ledger.tick().values.last(), Some(&0.5));
        assert_eq!(ledger.pages[0].len(), MAX_PAGE);
    }

    #[test]
    fn what_is_gone_makes_room_for_what_is_new_once_a_minute() {
        let mut ledger = Ledger::new(5, 1);
        let at = |second| Moment::default().after(Duration::from_secs(second));
        ledger.begin(at(0));
        flood(&mut ledger, 0, "a", MAX_PAGE);
        flood(&mut ledger, 1, "b", MAX_PAGE);
        // More comes and goes than there is room for.
        for (second, round) in [(1, "r1"), (2, "r2"), (3, "r3"), (70, "r4"), (71, "r5")] {
            ledger.begin(at(second));
            flood(&mut ledger, 2, round, 2000);
            ledger.end();
        }
        assert_eq!(there(&ledger), 2 * MAX_PAGE + 2000);
        assert_eq!(ledger.schema().generation(), 3);
    }

    #[test]
    fn two_things_of_one_name_are_one_series_and_counted() {
        let mut ledger = Ledger::new(3, 1);
        read(&mut ledger, 0, &["b", "a", "a"]);
        assert_eq!((values(&ledger), ledger.left_out()), (vec![Some(1.0), Some(2.0)], 1));
        for _ in 0..2 {
            read(&mut ledger, 0, &["b", "a"]);
            assert_eq!(values(&ledger), [Some(1.0), Some(2.0)]);
        }
    }

    #[test]
    fn a_page_without_word_is_absent() {
        let mut ledger = Ledger::new(3, 1);
        read(&mut ledger, 0, &["a"]);
        ledger.clear(0);
        assert_eq!(values(&ledger), [None]);
        read(&mut ledger, 0, &["a"]);
        assert_eq!(values(&ledger), [Some(1.0)]);
    }

    #[test]
    fn what_is_gone_is_left_behind_in_the_end() {
        let mut ledger = Ledger::new(4, 1);
        ledger.open(1);
        ledger.put(1, &LOAD, &[], 0.5);
        ledger.close(1);
        for round in 0..3 {
            let names: Vec<String> = (0..600).map(|number| format!("{round}-{number}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            read(&mut ledger, 0, &names);
            ledger.end();
        }
        assert_eq!((ledger.schema().generation(), ledger.schema().len()), (2, 601));
        assert_eq!(ledger.tick().generation, 2);
        assert_eq!(seen(&ledger)[0], ("load".to_owned(), Some(0.5)));
        assert_eq!(seen(&ledger)[600], (r#"disk{device="2-599"}"#.to_owned(), Some(600.0)));
        ledger.open(1);
        ledger.put(1, &LOAD, &[], 0.7);
        ledger.close(1);
        assert_eq!(values(&ledger)[0], Some(0.7));
    }
}
