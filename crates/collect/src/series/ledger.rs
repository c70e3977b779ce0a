use std::collections::{HashMap, HashSet};

use watchfire_model::{ABSENT, Metric, Moment, Schema, SeriesKey, Tick, is_absent};

use super::Family;
use super::page::Page;

/// The most series of one server. More are left out and counted, so that a
/// machine with a flood of devices or containers cannot flood its hub.
pub const MAX_SERIES: usize = 16 * 1024;

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
    left_out: u64,
}

impl Ledger {
    /// An empty ledger with `pages` pages.
    pub(crate) fn new(pages: usize) -> Self {
        Self {
            schema: Schema::new(1),
            tick: Tick { generation: 1, ..Tick::default() },
            metrics: Vec::new(),
            pages: std::iter::repeat_with(Page::default).take(pages).collect(),
            numbers: HashMap::new(),
            told: HashSet::new(),
            left_out: 0,
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
    }

    /// Begins a reading of one collector.
    pub(crate) fn open(&mut self, page: usize) {
        self.pages[page].begin();
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
        self.tick.values[series] = value;
    }

    /// Ends a reading: what it did not give is not there.
    pub(crate) fn close(&mut self, page: usize) {
        for series in self.pages[page].rest() {
            self.tick.values[series] = ABSENT;
        }
    }

    /// Ends the tick. A new generation begins where too much is gone.
    pub(crate) fn end(&mut self) {
        let all = self.schema.len();
        if all < MANY_GONE {
            return;
        }
        let gone = self.tick.values.iter().filter(|value| is_absent(**value)).count();
        if gone >= MANY_GONE && gone * 2 > all {
            self.renew();
        }
    }

    /// The machine differs from the last reading: what was expected next is
    /// gone until it is given, and the order is learned anew from here on.
    fn turn(&mut self, page: usize, family: &'static Family, values: &[&[u8]]) -> Option<usize> {
        for series in self.pages[page].rest() {
            self.tick.values[series] = ABSENT;
        }
        self.pages[page].cut();
        let series = self.number(family, values)?;
        self.pages[page].add(family, values, series);
        Some(series)
    }

    /// The number of a series, which is given one when it is new.
    fn number(&mut self, family: &'static Family, values: &[&[u8]]) -> Option<usize> {
        let key = family.key(values).ok()?;
        if let Some(&series) = self.numbers.get(&key) {
            return Some(series);
        }
        if self.schema.len() >= MAX_SERIES {
            self.left_out += 1;
            return None;
        }
        if self.told.insert(key.name().into()) {
            self.metrics.push(family.metric(values));
        }
        let series = self.schema.push(key.clone());
        self.numbers.insert(key, series);
        self.tick.values.push(ABSENT);
        Some(series)
    }

    fn renew(&mut self) {
        let next = Schema::new(self.schema.generation() + 1);
        let old = std::mem::replace(&mut self.schema, next);
        let values = std::mem::take(&mut self.tick.values);
        self.numbers.clear();
        let mut anew = vec![None; old.len()];
        for (series, key) in old.keys().iter().enumerate() {
            if !is_absent(values[series]) {
                let number = self.schema.push(key.clone());
                anew[series] = Some(number);
                self.numbers.insert(key.clone(), number);
                self.tick.values.push(values[series]);
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
        let mut ledger = Ledger::new(1);
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
        let mut ledger = Ledger::new(2);
        read(&mut ledger, 0, &["a"]);
        ledger.open(1);
        ledger.put(1, &LOAD, &[], 0.5);
        ledger.close(1);
        read(&mut ledger, 0, &["b"]);
        assert_eq!(values(&ledger), [None, Some(0.5), Some(1.0)]);
    }

    #[test]
    fn too_many_series_are_left_out_and_counted() {
        let mut ledger = Ledger::new(1);
        ledger.open(0);
        for number in 0..MAX_SERIES + 3 {
            ledger.put(0, &DISK, &[number.to_string().as_bytes()], 1.0);
        }
        ledger.close(0);
        assert_eq!((ledger.schema().len(), ledger.left_out()), (MAX_SERIES, 3));
    }

    #[test]
    fn what_is_gone_is_left_behind_in_the_end() {
        let mut ledger = Ledger::new(2);
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
