use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

/// Some tasks waited for it, and all of them did at once.
static CPU: [Option<Family>; 2] = [
    Some(Family::counter(
        "node_pressure_cpu_waiting_seconds_total",
        "Total time in seconds that processes have waited for CPU time",
        &[],
    )),
    // A processor that everybody waits for is running somebody.
    None,
];
static MEMORY: [Option<Family>; 2] = [
    Some(Family::counter(
        "node_pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory",
        &[],
    )),
    Some(Family::counter(
        "node_pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion",
        &[],
    )),
];
static IO: [Option<Family>; 2] = [
    Some(Family::counter(
        "node_pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion",
        &[],
    )),
    Some(Family::counter(
        "node_pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion",
        &[],
    )),
];
static IRQ: [Option<Family>; 2] = [
    None,
    Some(Family::counter(
        "node_pressure_irq_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IRQ congestion",
        &[],
    )),
];

const LINES: [&[u8]; 2] = [b"some", b"full"];

/// Pressure stall information, whose format is that of the kernel's
/// `Documentation/accounting/psi.rst`: what waiting cost, in microseconds.
#[derive(Debug)]
pub(super) struct PressureCollector {
    resources: [(Source, &'static [Option<Family>; 2]); 4],
}

impl PressureCollector {
    pub(super) fn new() -> Self {
        Self {
            resources: [
                (Source::new("proc/pressure/cpu"), &CPU),
                (Source::new("proc/pressure/memory"), &MEMORY),
                (Source::new("proc/pressure/io"), &IO),
                (Source::new("proc/pressure/irq"), &IRQ),
            ],
        }
    }
}

impl Collector for PressureCollector {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("proc/pressure/cpu"),
                whole("proc/pressure/memory"),
                whole("proc/pressure/io"),
                whole("proc/pressure/irq"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let mut outcome = Outcome::NotHere;
        for (source, families) in &mut self.resources {
            match resource(source, families, reading) {
                Ok(true) => outcome = Outcome::Read,
                Ok(false) => {}
                Err(error) => {
                    reading.note(&error);
                    outcome = Outcome::Read;
                }
            }
        }
        Ok(outcome)
    }
}

/// False when this kernel does not tell of it: it is too old, was built
/// without, or was told at its start to leave it out.
fn resource(
    source: &mut Source,
    families: &'static [Option<Family>; 2],
    reading: &mut Reading<'_>,
) -> Result<bool, CollectError> {
    let Some(text) = source.read_if_there(reading.root)? else { return Ok(false) };
    let mut told = false;
    for line in lines(text) {
        let Some((kind, micros)) = parse(line) else { continue };
        told = true;
        if let Some(family) = &families[kind] {
            reading.put(family, &[], as_f64(micros) / 1e6);
        }
    }
    if told { Ok(true) } else { Err(source.malformed("there is no total of some or full")) }
}

/// `some avg10=0.12 avg60=0.10 avg300=0.02 total=123456`: which of [`LINES`]
/// it is, and the total.
fn parse(line: &[u8]) -> Option<(usize, u64)> {
    let mut words = words(line);
    let first = words.next()?;
    let kind = LINES.iter().position(|line| *line == first)?;
    let total = words.find_map(|word| word.strip_prefix(b"total="))?;
    Some((kind, number(total)?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn two(some: u64, full: u64) -> String {
        format!(
            "some avg10=0.12 avg60=0.10 avg300=0.02 total={some}\n\
             full avg10=0.00 avg60=0.00 avg300=0.00 total={full}\n"
        )
    }

    #[test]
    fn totals_are_seconds() {
        let mut bench = Bench::new(&[
            ("proc/pressure/cpu", &two(3_391_920_908, 7)),
            ("proc/pressure/memory", &two(2, 1)),
            ("proc/pressure/io", &two(272_279_673, 144_280_689)),
            ("proc/pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n"),
        ]);
        let expected = [
            "node_pressure_cpu_waiting_seconds_total 3391.920908",
            "node_pressure_io_stalled_seconds_total 144.280689",
            "node_pressure_io_waiting_seconds_total 272.279673",
            "node_pressure_irq_stalled_seconds_total 0.000005",
            "node_pressure_memory_stalled_seconds_total 0.000001",
            "node_pressure_memory_waiting_seconds_total 0.000002",
        ];
        assert_eq!(bench.read(&mut PressureCollector::new(), 0), expected);
    }

    #[test]
    fn an_old_kernel_has_one_line_for_processors_and_no_irq() {
        let mut bench =
            Bench::new(&[("proc/pressure/cpu", "some avg10=0 avg60=0 avg300=0 total=9\n")]);
        let lines = bench.read(&mut PressureCollector::new(), 0);
        assert_eq!(lines, ["node_pressure_cpu_waiting_seconds_total 0.000009"]);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::Read), 0));
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut PressureCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }

    #[test]
    fn nonsense_is_a_fault_and_spares_the_others() {
        for bad in ["", "some\n", "some total=\n", "some total=-1\n", "most total=1\n"] {
            let mut bench =
                Bench::new(&[("proc/pressure/cpu", bad), ("proc/pressure/io", &two(1, 1))]);
            let lines = bench.read(&mut PressureCollector::new(), 0);
            assert_eq!((lines.len(), bench.faults.len()), (2, 1), "{bad:?}");
            assert!(bench.faults[0].error.contains("pressure/cpu: there is no total"));
        }
    }
}
