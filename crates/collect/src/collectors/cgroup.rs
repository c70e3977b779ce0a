use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

static MEMORY_LIMIT: Family = Family::gauge(
    "watchfire_cgroup_memory_limit_bytes",
    "The most memory that the agent's own cgroup may use.",
    &[],
);
static MEMORY_USED: Family = Family::gauge(
    "watchfire_cgroup_memory_used_bytes",
    "Memory that the agent's own cgroup uses, with its page cache.",
    &[],
);
static MEMORY_KIND: Family = Family::gauge(
    "watchfire_cgroup_memory_stat_bytes",
    "Memory of the agent's own cgroup that can be had back, from memory.stat.",
    &["kind"],
);
static CPU_LIMIT: Family = Family::gauge(
    "watchfire_cgroup_cpu_limit_cores",
    "How many processors' worth of time the agent's own cgroup may use.",
    &[],
);

/// The limits of the container this program runs in, from cgroup version 2.
///
/// The files are at the root of the cgroup mount only where a cgroup namespace
/// makes the container's own group look like the root, so their absence is the
/// usual case and no fault. The formats are those of the kernel's
/// `Documentation/admin-guide/cgroup-v2.rst`.
#[derive(Debug)]
pub(super) struct CgroupCollector {
    memory_max: Source,
    memory_current: Source,
    memory_stat: Source,
    cpu_max: Source,
}

impl CgroupCollector {
    pub(super) fn new() -> Self {
        Self {
            memory_max: Source::new("sys/fs/cgroup/memory.max"),
            memory_current: Source::new("sys/fs/cgroup/memory.current"),
            memory_stat: Source::new("sys/fs/cgroup/memory.stat"),
            cpu_max: Source::new("sys/fs/cgroup/cpu.max"),
        }
    }

    fn memory(&mut self, reading: &mut Reading<'_>) -> Result<bool, CollectError> {
        let Some(text) = self.memory_max.read_if_there(reading.root)? else { return Ok(false) };
        let Some(limit) = parse_limit(text) else {
            return Err(self.memory_max.malformed("neither a number nor max"));
        };
        // Without a limit the group is no other than the host.
        let Some(limit) = limit else { return Ok(true) };
        reading.put(&MEMORY_LIMIT, &[], as_f64(limit));
        if let Some(current) =
            self.memory_current.read_if_there(reading.root)?.and_then(only_number)
        {
            reading.put(&MEMORY_USED, &[], as_f64(current));
        }
        let Some(text) = self.memory_stat.read_if_there(reading.root)? else { return Ok(true) };
        for line in lines(text) {
            let mut words = words(line);
            let (Some(key), Some(bytes)) = (words.next(), words.next().and_then(number)) else {
                continue;
            };
            if matches!(key, b"inactive_file" | b"file" | b"slab_reclaimable") {
                reading.put(&MEMORY_KIND, &[key], as_f64(bytes));
            }
        }
        Ok(true)
    }

    fn cpu(&mut self, reading: &mut Reading<'_>) -> Result<bool, CollectError> {
        let Some(text) = self.cpu_max.read_if_there(reading.root)? else { return Ok(false) };
        let limit = parse_cpu_max(text)
            .ok_or_else(|| self.cpu_max.malformed("not of the form QUOTA PERIOD"))?;
        if let Some(cores) = limit {
            reading.put(&CPU_LIMIT, &[], cores);
        }
        Ok(true)
    }
}

impl Collector for CgroupCollector {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/fs/cgroup/memory.max"),
                whole("sys/fs/cgroup/memory.current"),
                whole("sys/fs/cgroup/memory.stat"),
                whole("sys/fs/cgroup/cpu.max"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let memory = self.memory(reading).unwrap_or_else(|error| {
            reading.note(&error);
            true
        });
        let cpu = self.cpu(reading)?;
        Ok(if memory || cpu { Outcome::Read } else { Outcome::NotHere })
    }
}

/// `Some(None)` is `max`: no limit.
fn parse_limit(text: &[u8]) -> Option<Option<u64>> {
    match text.trim_ascii() {
        b"max" => Some(None),
        word => number(word).map(Some),
    }
}

fn only_number(text: &[u8]) -> Option<u64> {
    number(text.trim_ascii())
}

/// The quota over the period, both in microseconds, in cores.
fn parse_cpu_max(text: &[u8]) -> Option<Option<f64>> {
    let mut words = words(text);
    let quota = parse_limit(words.next()?)?;
    let period = number(words.next()?).filter(|&period| period > 0)?;
    Some(quota.map(|quota| as_f64(quota) / as_f64(period)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn read(files: &[(&str, &str)]) -> (Vec<String>, Bench) {
        let mut bench = Bench::new(files);
        (bench.read(&mut CgroupCollector::new(), 0), bench)
    }

    #[test]
    fn limits_and_what_is_used_of_them() {
        let (lines, bench) = read(&[
            ("sys/fs/cgroup/memory.max", "500\n"),
            ("sys/fs/cgroup/memory.current", "300\n"),
            ("sys/fs/cgroup/memory.stat", "anon 150\nfile 120\ninactive_file 100\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
        ]);
        assert_eq!(bench.faults, []);
        let expected = [
            "watchfire_cgroup_cpu_limit_cores 1.5",
            "watchfire_cgroup_memory_limit_bytes 500",
            r#"watchfire_cgroup_memory_stat_bytes{kind="file"} 120"#,
            r#"watchfire_cgroup_memory_stat_bytes{kind="inactive_file"} 100"#,
            "watchfire_cgroup_memory_used_bytes 300",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn no_limit_gives_no_series() {
        let (lines, bench) = read(&[
            ("sys/fs/cgroup/memory.max", "max\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
        ]);
        assert_eq!((lines.len(), bench.outcome), (0, Some(Outcome::Read)));
    }

    #[test]
    fn a_host_has_no_such_files() {
        let (lines, bench) = read(&[]);
        assert_eq!((lines.len(), bench.outcome), (0, Some(Outcome::NotHere)));
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn nonsense_is_a_fault_and_spares_the_other() {
        let (lines, bench) =
            read(&[("sys/fs/cgroup/memory.max", "x\n"), ("sys/fs/cgroup/cpu.max", "5 10\n")]);
        assert_eq!(lines, ["watchfire_cgroup_cpu_limit_cores 0.5"]);
        assert!(bench.faults[0].error.contains("neither a number nor max"));
        for bad in ["5\n", "5 0\n", "x 10\n", "\n"] {
            let (_, bench) = read(&[("sys/fs/cgroup/cpu.max", bad)]);
            assert!(bench.faults[0].error.contains("QUOTA PERIOD"), "{bad}");
        }
    }
}
