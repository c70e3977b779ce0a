use super::sysfs::{copy, numbered, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;

static CORE: Family = Family::counter(
    "node_cpu_core_throttles_total",
    "Number of times this CPU core has been throttled.",
    &["package", "core"],
);
static PACKAGE: Family = Family::counter(
    "node_cpu_package_throttles_total",
    "Number of times this CPU package has been throttled.",
    &["package"],
);

/// How often processors slowed down because they were too hot, from the
/// `thermal_throttle` folders that the kernel has on x86.
///
/// In node_exporter this is part of the collector `cpu`, which reads at every
/// tick here.
#[derive(Debug)]
pub(super) struct CpuThrottleCollector {
    processors: Folder,
    names: Names,
    package: Vec<u8>,
    core: Vec<u8>,
    /// The packages and cores that were given, each behind the other with its
    /// length, because the threads of a core count the same.
    given: Vec<u8>,
}

impl CpuThrottleCollector {
    pub(super) fn new() -> Self {
        Self {
            processors: Folder::new("sys/devices/system/cpu"),
            names: Names::default(),
            package: Vec::new(),
            core: Vec::new(),
            given: Vec::new(),
        }
    }
}

impl Collector for CpuThrottleCollector {
    fn name(&self) -> &'static str {
        "cpu_throttle"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/devices/system/cpu/cpu*/topology/physical_package_id"),
                whole("sys/devices/system/cpu/cpu*/topology/core_id"),
                whole("sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"),
                whole("sys/devices/system/cpu/cpu*/thermal_throttle/package_throttle_count"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.processors.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { processors, names, package, core, given } = self;
        processors.list(&[], names);
        given.clear();
        let processor = |name: &&[u8]| numbered(name, b"cpu").is_some();
        let taken = reading.limit(names.iter().filter(processor).count());
        let mut outcome = Outcome::NotHere;
        for name in names.iter().filter(processor).take(taken) {
            let count = value(processors, &[name, b"thermal_throttle/core_throttle_count"]);
            let Some(count) = count else { continue };
            outcome = Outcome::Read;
            copy(processors, &[name, b"topology/physical_package_id"], package);
            copy(processors, &[name, b"topology/core_id"], core);
            if is_first(given, &[package, core]) {
                reading.put(&CORE, &[package, core], count);
            }
            if is_first(given, &[package]) {
                let file: [&[u8]; 2] = [name, b"thermal_throttle/package_throttle_count"];
                if let Some(count) = value(processors, &file) {
                    reading.put(&PACKAGE, &[package], count);
                }
            }
        }
        Ok(outcome)
    }
}

/// The most bytes of the list of what was given: a few for each core.
const MAX_GIVEN_BYTES: usize = 64 * 1024;

/// True when `names` was not asked for before. Numbers of cores have a few
/// digits, so they are put down as lines of words.
fn is_first(given: &mut Vec<u8>, names: &[&[u8]]) -> bool {
    if names.iter().any(|name| name.is_empty() || !name.iter().all(u8::is_ascii_graphic)) {
        return false;
    }
    let begin = given.len();
    for name in names {
        given.push(b' ');
        given.extend_from_slice(name);
    }
    given.push(b'\n');
    let (before, new) = given.split_at(begin);
    let known = before.split_inclusive(|&byte| byte == b'\n').any(|line| line == new);
    if known || given.len() > MAX_GIVEN_BYTES {
        given.truncate(begin);
    }
    !known
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn processor(bench: &Bench, cpu: u8, topology: [&str; 2], counts: [&str; 2]) {
        let folder = format!("sys/devices/system/cpu/cpu{cpu}");
        bench.write(&format!("{folder}/topology/physical_package_id"), topology[0]);
        bench.write(&format!("{folder}/topology/core_id"), topology[1]);
        bench.write(&format!("{folder}/thermal_throttle/core_throttle_count"), counts[0]);
        bench.write(&format!("{folder}/thermal_throttle/package_throttle_count"), counts[1]);
    }

    #[test]
    fn threads_of_a_core_are_counted_once() {
        let mut bench = Bench::new(&[]);
        processor(&bench, 0, ["0\n", "0\n"], ["5\n", "30\n"]);
        processor(&bench, 1, ["0\n", "1\n"], ["7\n", "30\n"]);
        processor(&bench, 2, ["1\n", "0\n"], ["0\n", "6\n"]);
        // The kernel counts the same for both; here it does not, to tell them.
        processor(&bench, 3, ["0\n", "0\n"], ["6\n", "31\n"]);
        let expected = [
            r#"node_cpu_core_throttles_total{core="0",package="0"} 5"#,
            r#"node_cpu_core_throttles_total{core="0",package="1"} 0"#,
            r#"node_cpu_core_throttles_total{core="1",package="0"} 7"#,
            r#"node_cpu_package_throttles_total{package="0"} 30"#,
            r#"node_cpu_package_throttles_total{package="1"} 6"#,
        ];
        let mut collector = CpuThrottleCollector::new();
        assert_eq!(bench.read(&mut collector, 0), expected);
        assert_eq!(bench.read(&mut collector, 15_000), expected);
    }

    #[test]
    fn garbage_is_left_out() {
        let mut bench = Bench::new(&[]);
        processor(&bench, 0, ["", "0\n"], ["5\n", "x\n"]);
        processor(&bench, 1, ["a b\n", "\u{1}\n"], ["5\n", "1\n"]);
        assert!(bench.read(&mut CpuThrottleCollector::new(), 0).is_empty());
        let mut bench = Bench::new(&[("sys/devices/system/cpu/cpu0/online", "1\n")]);
        bench.read(&mut CpuThrottleCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
    }
}
