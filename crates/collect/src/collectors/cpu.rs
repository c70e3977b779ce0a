use super::{Collector, Outcome, Pace, Reading};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::recorded::Facts;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

static SECONDS: Family = Family::counter(
    "node_cpu_seconds_total",
    "Seconds the CPUs spent in each mode.",
    &["cpu", "mode"],
);
static GUEST_SECONDS: Family = Family::counter(
    "node_cpu_guest_seconds_total",
    "Seconds the CPUs spent in guests (VMs) for each mode.",
    &["cpu", "mode"],
);

/// The single numbers of the file, by the word before them.
static NUMBERS: [(&[u8], Family); 6] = [
    (b"btime", Family::gauge("node_boot_time_seconds", "Node boot time, in unixtime.", &[])),
    (
        b"ctxt",
        Family::counter("node_context_switches_total", "Total number of context switches.", &[]),
    ),
    (b"intr", Family::counter("node_intr_total", "Total number of interrupts serviced.", &[])),
    (b"processes", Family::counter("node_forks_total", "Total number of forks.", &[])),
    (
        b"procs_blocked",
        Family::gauge(
            "node_procs_blocked",
            "Number of processes blocked waiting for I/O to complete.",
            &[],
        ),
    ),
    (
        b"procs_running",
        Family::gauge("node_procs_running", "Number of processes in runnable state.", &[]),
    ),
];

/// The columns of a processor, whose order is that of the kernel's
/// `Documentation/filesystems/proc.rst`.
const MODES: [&[u8]; 8] =
    [b"user", b"nice", b"system", b"idle", b"iowait", b"irq", b"softirq", b"steal"];
/// The columns behind them.
const GUEST_MODES: [&[u8]; 2] = [b"user", b"nice"];
const COLUMNS: usize = MODES.len() + GUEST_MODES.len();
/// Columns that every kernel has.
const FEWEST_COLUMNS: usize = 4;

/// How far a column may step back and still count as standing, in clock
/// ticks: three seconds. The kernel's `idle` and `iowait` do so by little,
/// because cores add to them without a lock, and a query would take it for a
/// counter that began anew. A larger step is one.
const MAX_BACK_STEP_TICKS: u64 = 300;

/// Processors and what else `/proc/stat` counts.
#[derive(Debug)]
pub(super) struct CpuCollector {
    stat: Source,
    ticks_per_second: Option<f64>,
    /// What was given of each processor, in the order of the lines.
    given: Vec<(u64, [u64; COLUMNS])>,
}

impl CpuCollector {
    pub(super) fn new() -> Self {
        Self { stat: Source::new("proc/stat"), ticks_per_second: None, given: Vec::new() }
    }

    fn ticks_per_second(&mut self, reading: &Reading<'_>) -> Result<f64, CollectError> {
        if let Some(known) = self.ticks_per_second {
            return Ok(known);
        }
        let told = as_f64(Facts::of(reading.root)?.ticks_per_second);
        self.ticks_per_second = Some(told);
        Ok(told)
    }
}

impl Collector for CpuCollector {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const KEPT: &[&str] = &["cpu", "btime ", "ctxt ", "intr ", "processes ", "procs_"];
        &[RecordedPath { pattern: "proc/stat", rewrite: Rewrite::Lines(KEPT) }]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let per_second = self.ticks_per_second(reading)?;
        let mut place = 0;
        for line in lines(self.stat.read(reading.root)?) {
            let mut words = words(line);
            let Some(name) = words.next() else { continue };
            if let Some(id) = name.strip_prefix(b"cpu") {
                // The line of all processors has no number; it is their sum.
                let Some(processor) = number(id) else { continue };
                let Some((columns, count)) = columns(words) else { continue };
                let columns = hold(&mut self.given, place, processor, columns);
                put(reading, id, &columns[..count], per_second);
                place += 1;
            } else if let Some((_, family)) = NUMBERS.iter().find(|(key, _)| *key == name)
                && let Some(value) = words.next().and_then(number)
            {
                reading.put(family, &[], as_f64(value));
            }
        }
        self.given.truncate(place);
        if place == 0 {
            return Err(self.stat.malformed("there is no line of a processor"));
        }
        Ok(Outcome::Read)
    }
}

fn columns<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<([u64; COLUMNS], usize)> {
    let (mut columns, mut count) = ([0; COLUMNS], 0);
    for (column, word) in columns.iter_mut().zip(words) {
        *column = number(word)?;
        count += 1;
    }
    (count >= FEWEST_COLUMNS).then_some((columns, count))
}

/// The columns without small steps back. Cores come and go, so they are known
/// by their number.
fn hold(
    given: &mut Vec<(u64, [u64; COLUMNS])>,
    place: usize,
    processor: u64,
    mut columns: [u64; COLUMNS],
) -> [u64; COLUMNS] {
    match given.get_mut(place) {
        Some((known, before)) if *known == processor => {
            for (column, &before) in columns.iter_mut().zip(before.iter()) {
                if *column < before && before - *column <= MAX_BACK_STEP_TICKS {
                    *column = before;
                }
            }
            *before = columns;
        }
        _ => {
            given.truncate(place);
            given.push((processor, columns));
        }
    }
    columns
}

fn put(reading: &mut Reading<'_>, id: &[u8], columns: &[u64], per_second: f64) {
    for (mode, &ticks) in MODES.iter().zip(columns) {
        reading.put(&SECONDS, &[id, mode], as_f64(ticks) / per_second);
    }
    for (mode, &ticks) in GUEST_MODES.iter().zip(columns.iter().skip(MODES.len())) {
        reading.put(&GUEST_SECONDS, &[id, mode], as_f64(ticks) / per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    #[test]
    fn every_mode_of_every_processor_and_the_numbers_beside() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\n\
            cpu0 100 200 300 400 500 600 700 800 900 1000\n\
            intr 5 1 2 3\nctxt 6\nbtime 1700000000\nprocesses 7\nprocs_running 8\nprocs_blocked 9\n";
        let mut bench = Bench::new(&[("proc/stat", stat)]);
        let lines = bench.read(&mut CpuCollector::new(), 0);
        assert_eq!(lines.len(), 10 + 6);
        assert_eq!(
            below(&lines, r#"node_cpu_seconds_total{cpu="0",mode="#),
            [
                r#""idle"} 4"#,
                r#""iowait"} 5"#,
                r#""irq"} 6"#,
                r#""nice"} 2"#,
                r#""softirq"} 7"#,
                r#""steal"} 8"#,
                r#""system"} 3"#,
                r#""user"} 1"#,
            ]
        );
        assert_eq!(below(&lines, "node_intr_total"), [" 5"]);
        assert_eq!(below(&lines, "node_cpu_guest_seconds_total").len(), 2);
    }

    #[test]
    fn small_steps_back_are_held_and_large_ones_told() {
        let mut bench = Bench::new(&[("proc/stat", "cpu0 1 2 3 900 500\n")]);
        let mut collector = CpuCollector::new();
        bench.read(&mut collector, 0);
        bench.write("proc/stat", "cpu0 1 2 3 910 498\n");
        let lines = bench.read(&mut collector, 1000);
        assert!(below(&lines, "node_cpu_seconds_total")[1].ends_with(" 5"), "{lines:?}");
        bench.write("proc/stat", "cpu0 1 2 3 920 7\n");
        let lines = bench.read(&mut collector, 2000);
        assert!(below(&lines, "node_cpu_seconds_total")[1].ends_with(" 0.07"), "{lines:?}");
    }

    #[test]
    fn processors_are_known_by_their_number() {
        let mut bench = Bench::new(&[("proc/stat", "cpu0 9 9 9 9\ncpu1 9 9 9 9\n")]);
        let mut collector = CpuCollector::new();
        bench.read(&mut collector, 0);
        bench.write("proc/stat", "cpu1 9 9 9 9\ncpu2 1 1 1 1\n");
        let lines = bench.read(&mut collector, 1000);
        let users: Vec<_> = lines.iter().filter(|line| line.contains("user")).collect();
        assert_eq!(users.len(), 2);
        assert!(users[1].ends_with("0.01"), "{users:?}");
    }

    #[test]
    fn a_file_without_processors_is_a_fault() {
        for text in ["", "cpu 1 2 3 4\n", "cpu0 1 2\nintr 5\n"] {
            let mut bench = Bench::new(&[("proc/stat", text)]);
            bench.read(&mut CpuCollector::new(), 0);
            assert!(bench.faults[0].error.contains("no line of a processor"), "{text}");
        }
    }
}
