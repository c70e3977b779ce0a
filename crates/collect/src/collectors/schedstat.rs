use super::{Collector, Outcome, Pace, Reading};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

static RUNNING: Family = Family::counter(
    "node_schedstat_running_seconds_total",
    "Number of seconds CPU spent running a process.",
    &["cpu"],
);
static WAITING: Family = Family::counter(
    "node_schedstat_waiting_seconds_total",
    "Number of seconds spent by processing waiting for this CPU.",
    &["cpu"],
);
static TIMESLICES: Family = Family::counter(
    "node_schedstat_timeslices_total",
    "Number of timeslices executed by CPU.",
    &["cpu"],
);

/// Columns between the processor's name and the three that are given, whose
/// order is that of the kernel's `Documentation/scheduler/sched-stats.rst`.
const BEFORE: usize = 6;

/// How long tasks ran and how long they waited for each processor.
#[derive(Debug)]
pub(super) struct SchedstatCollector {
    schedstat: Source,
}

impl SchedstatCollector {
    pub(super) fn new() -> Self {
        Self { schedstat: Source::new("proc/schedstat") }
    }
}

impl Collector for SchedstatCollector {
    fn name(&self) -> &'static str {
        "schedstat"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const KEPT: &[&str] = &["version", "timestamp", "cpu"];
        &[RecordedPath { pattern: "proc/schedstat", rewrite: Rewrite::Lines(KEPT) }]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let Some(text) = self.schedstat.read_if_there(reading.root)? else {
            return Ok(Outcome::NotHere);
        };
        let mut processors = 0;
        for (id, [running, waiting, timeslices]) in lines(text).filter_map(parse) {
            reading.put(&RUNNING, &[id], as_f64(running) / 1e9);
            reading.put(&WAITING, &[id], as_f64(waiting) / 1e9);
            reading.put(&TIMESLICES, &[id], as_f64(timeslices));
            processors += 1;
        }
        if processors == 0 {
            return Err(self.schedstat.malformed("there is no line of a processor"));
        }
        Ok(Outcome::Read)
    }
}

/// `cpu0 0 0 0 0 0 0 RUNNING WAITING TIMESLICES`, times in nanoseconds.
fn parse(line: &[u8]) -> Option<(&[u8], [u64; 3])> {
    let line = line.strip_prefix(b"cpu")?;
    let mut words = words(line);
    let id = words.next()?;
    number(id)?;
    let mut words = words.skip(BEFORE);
    let mut next = || number(words.next()?);
    Some((id, [next()?, next()?, next()?]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn read(text: &str) -> (Vec<String>, Bench) {
        let mut bench = Bench::new(&[("proc/schedstat", text)]);
        (bench.read(&mut SchedstatCollector::new(), 0), bench)
    }

    #[test]
    fn processors_without_their_domains() {
        let (lines, _) = read(
            "version 15\ntimestamp 15819019232\n\
            cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163414 \
            343796328169361 4767485306\n\
            domain0 00000000,00000003 212499247 210112015 1861015 1860405436 536440 369895\n\
            cpu11 1 0 2 3 4 5 1500000000 2000000000 6\n",
        );
        let expected = [
            r#"node_schedstat_running_seconds_total{cpu="0"} 2045936.778163414"#,
            r#"node_schedstat_running_seconds_total{cpu="11"} 1.5"#,
            r#"node_schedstat_timeslices_total{cpu="0"} 4767485306"#,
            r#"node_schedstat_timeslices_total{cpu="11"} 6"#,
            r#"node_schedstat_waiting_seconds_total{cpu="0"} 343796.328169361"#,
            r#"node_schedstat_waiting_seconds_total{cpu="11"} 2"#,
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn nonsense_is_a_fault() {
        for bad in ["", "version 17\n", "cpu 0 0 0 0 0 0 1 1 1\n", "cpu0 0 0 0 0 0 0 1 1\n"] {
            let (lines, bench) = read(bad);
            assert!(lines.is_empty(), "{lines:?}");
            assert!(bench.faults[0].error.contains("no line of a processor"), "{bad}");
        }
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut SchedstatCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
