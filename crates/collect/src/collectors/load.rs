use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{fraction, number, split_once, words};

static LOAD1: Family = Family::gauge("node_load1", "1m load average.", &[]);
static LOAD5: Family = Family::gauge("node_load5", "5m load average.", &[]);
static LOAD15: Family = Family::gauge("node_load15", "15m load average.", &[]);
static RUNNABLE: Family =
    Family::gauge("watchfire_threads_runnable", "Threads that run or could run.", &[]);
static THREADS: Family = Family::gauge("watchfire_threads", "Threads there are.", &[]);

/// Load averages from `/proc/loadavg`: `0.37 0.26 0.12 1/123 4567`.
#[derive(Debug)]
pub(super) struct LoadCollector {
    loadavg: Source,
}

impl LoadCollector {
    pub(super) fn new() -> Self {
        Self { loadavg: Source::new("proc/loadavg") }
    }
}

impl Collector for LoadCollector {
    fn name(&self) -> &'static str {
        "loadavg"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/loadavg")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let parsed = parse(self.loadavg.read(reading.root)?);
        let Some((averages, threads)) = parsed else {
            return Err(self.loadavg.malformed("not a load average"));
        };
        for (family, value) in [&LOAD1, &LOAD5, &LOAD15].into_iter().zip(averages) {
            reading.put(family, &[], value);
        }
        for (family, value) in [&RUNNABLE, &THREADS].into_iter().zip(threads) {
            reading.put(family, &[], value);
        }
        Ok(Outcome::Read)
    }
}

/// The three averages, and how many threads are runnable and how many there are.
fn parse(text: &[u8]) -> Option<([f64; 3], [f64; 2])> {
    let mut words = words(text);
    let mut averages = [0.0; 3];
    for average in &mut averages {
        *average = fraction(words.next()?)?;
    }
    let (running, all) = split_once(words.next()?, b'/')?;
    let threads = [number(running)?, number(all)?].map(crate::rate::as_f64);
    Some((averages, threads))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn averages_and_threads() {
        let mut bench = Bench::new(&[("proc/loadavg", "5.57 2.82 1.54 9/158 1234\n")]);
        let expected = [
            "node_load1 5.57",
            "node_load15 1.54",
            "node_load5 2.82",
            "watchfire_threads 158",
            "watchfire_threads_runnable 9",
        ];
        assert_eq!(bench.read(&mut LoadCollector::new(), 0), expected);
    }

    #[test]
    fn nonsense_is_a_fault() {
        for text in ["", "1 2\n", "1 2 3 4 5\n", "-1 2 3 1/2 3\n", "nan 1 1 1/2 3\n"] {
            let mut bench = Bench::new(&[("proc/loadavg", text)]);
            assert!(bench.read(&mut LoadCollector::new(), 0).is_empty());
            assert!(bench.faults[0].error.ends_with("not a load average"), "{:?}", bench.faults);
        }
    }
}
