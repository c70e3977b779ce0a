use watchfire_model::{Memory, Status};

use super::{Collector, Sample, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::source::Source;
use crate::text::{lines, number, words};

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

    fn limit_memory(
        &mut self,
        sample: &Sample<'_>,
        memory: &mut Memory,
    ) -> Result<(), CollectError> {
        let Some(text) = optional(self.memory_max.read(sample.root))? else { return Ok(()) };
        let Some(limit) = parse_limit(text) else {
            return Err(self.memory_max.malformed("neither a number nor max"));
        };
        // An unknown total of the host leaves the limit as all that is known.
        if limit.is_none_or(|limit| memory.total_bytes != 0 && limit >= memory.total_bytes) {
            return Ok(());
        }
        let current = optional(self.memory_current.read(sample.root))?.and_then(only_number);
        let usage = optional(self.memory_stat.read(sample.root))?.map(Usage::parse);
        narrow(memory, limit.unwrap_or(u64::MAX), current, usage.unwrap_or_default());
        Ok(())
    }
}

impl Collector for CgroupCollector {
    fn name(&self) -> &'static str {
        "cgroup"
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

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        if let Err(error) = self.limit_memory(sample, &mut status.memory) {
            sample.note(&error);
        }
        if let Some(text) = optional(self.cpu_max.read(sample.root))? {
            let cores = parse_cpu_max(text);
            status.cpu.limit_cores =
                cores.ok_or_else(|| self.cpu_max.malformed("not of the form QUOTA PERIOD"))?;
        }
        Ok(())
    }
}

/// What `memory.stat` says of memory that can be had back.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    inactive_file: u64,
    file: u64,
    slab_reclaimable: u64,
}

impl Usage {
    fn parse(text: &[u8]) -> Self {
        let mut usage = Self::default();
        for line in lines(text) {
            let mut words = words(line);
            let (Some(key), Some(bytes)) = (words.next(), words.next().and_then(number)) else {
                continue;
            };
            match key {
                b"inactive_file" => usage.inactive_file = bytes,
                b"file" => usage.file = bytes,
                b"slab_reclaimable" => usage.slab_reclaimable = bytes,
                _ => {}
            }
        }
        usage
    }
}

/// Makes `memory` what the group sees: available is the limit less the working
/// set (usage without inactive page cache), and never more than the host has.
fn narrow(memory: &mut Memory, limit: u64, current: Option<u64>, usage: Usage) {
    memory.total_bytes = limit;
    memory.limit_bytes = Some(limit);
    let Some(current) = current else {
        memory.available_bytes = memory.available_bytes.min(limit);
        memory.free_bytes = memory.free_bytes.min(limit);
        return;
    };
    let working_set = current.saturating_sub(usage.inactive_file);
    memory.available_bytes = memory.available_bytes.min(limit.saturating_sub(working_set));
    memory.free_bytes = memory.free_bytes.min(limit.saturating_sub(current));
    memory.cached_bytes = usage.file.saturating_add(usage.slab_reclaimable);
    // The group's block device buffers are part of its `file`.
    memory.buffers_bytes = 0;
}

fn optional(read: Result<&[u8], CollectError>) -> Result<Option<&[u8]>, CollectError> {
    match read {
        Ok(text) => Ok(Some(text)),
        Err(CollectError::Unreadable { source, .. })
            if matches!(
                source.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
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

    fn read(files: &[(&str, &str)]) -> (Status, Vec<crate::Fault>) {
        let mut bench = Bench::new(files);
        let memory = Memory {
            total_bytes: 1000,
            available_bytes: 800,
            free_bytes: 700,
            ..Memory::default()
        };
        let host = Status { memory, ..Status::default() };
        let status = bench.read_into(&mut CgroupCollector::new(), 0, host);
        (status, bench.faults)
    }

    #[test]
    fn a_limit_below_the_host_is_the_total() {
        let (status, faults) = read(&[
            ("sys/fs/cgroup/memory.max", "500\n"),
            ("sys/fs/cgroup/memory.current", "300\n"),
            ("sys/fs/cgroup/memory.stat", "anon 150\nfile 120\ninactive_file 100\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
        ]);
        assert_eq!(faults, []);
        assert_eq!(status.memory.total_bytes, 500);
        assert_eq!(status.memory.limit_bytes, Some(500));
        assert_eq!(status.memory.available_bytes, 300);
        assert_eq!(status.memory.free_bytes, 200);
        assert_eq!(status.memory.cached_bytes, 120);
        assert_eq!(status.cpu.limit_cores, Some(1.5));
    }

    #[test]
    fn a_limit_above_the_host_or_none_changes_nothing() {
        for max in ["max\n", "1000\n", "9223372036854771712\n"] {
            let (status, faults) = read(&[
                ("sys/fs/cgroup/memory.max", max),
                ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ]);
            assert_eq!(faults, []);
            assert_eq!(status.memory.total_bytes, 1000);
            assert_eq!(status.memory.limit_bytes, None);
            assert_eq!(status.cpu.limit_cores, None);
        }
    }

    #[test]
    fn available_is_never_more_than_the_host_has() {
        let (status, _) = read(&[
            ("sys/fs/cgroup/memory.max", "900\n"),
            ("sys/fs/cgroup/memory.current", "10\n"),
        ]);
        assert_eq!(status.memory.available_bytes, 800);
    }

    #[test]
    fn no_files_are_the_usual_case_and_nonsense_is_a_fault() {
        assert_eq!(read(&[]).1, []);
        let (_, faults) =
            read(&[("sys/fs/cgroup/memory.max", "lots\n"), ("sys/fs/cgroup/cpu.max", "100 0\n")]);
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}
