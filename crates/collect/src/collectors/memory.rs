use watchfire_model::{Memory, Status};

use super::{Collector, Sample, whole};
use crate::CollectError;
use crate::record::RecordedPath;
use crate::source::Source;
use crate::text::{lines, number, words};

/// Memory and swap from `/proc/meminfo`.
#[derive(Debug)]
pub(super) struct MemoryCollector {
    meminfo: Source,
}

impl MemoryCollector {
    pub(super) fn new() -> Self {
        Self { meminfo: Source::new("proc/meminfo") }
    }
}

impl Collector for MemoryCollector {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/meminfo")] }
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        let parsed = parse(self.meminfo.read(sample.root)?);
        status.memory = parsed.ok_or_else(|| self.meminfo.malformed("MemTotal is missing"))?;
        Ok(())
    }
}

/// Kernels before 3.14 have no `MemAvailable`; what they call free and cached
/// is the estimate that was used then.
fn parse(text: &[u8]) -> Option<Memory> {
    let mut total = None;
    let mut available = None;
    let mut swap_free = 0;
    let mut memory = Memory::default();
    for line in lines(text) {
        let mut words = words(line);
        let Some(key) = words.next() else { continue };
        let Some(kibibytes) = words.next().and_then(number) else { continue };
        let bytes = kibibytes.saturating_mul(1024);
        match key {
            b"MemTotal:" => total = Some(bytes),
            b"MemAvailable:" => available = Some(bytes),
            b"MemFree:" => memory.free_bytes = bytes,
            b"Buffers:" => memory.buffers_bytes = bytes,
            b"Cached:" | b"SReclaimable:" => {
                memory.cached_bytes = memory.cached_bytes.saturating_add(bytes);
            }
            b"SwapTotal:" => memory.swap_total_bytes = bytes,
            b"SwapFree:" => swap_free = bytes,
            _ => {}
        }
    }
    memory.total_bytes = total?;
    memory.swap_used_bytes = memory.swap_total_bytes.saturating_sub(swap_free);
    let estimate = || {
        let unused = memory.free_bytes.saturating_add(memory.buffers_bytes);
        unused.saturating_add(memory.cached_bytes)
    };
    memory.available_bytes = available.unwrap_or_else(estimate).min(memory.total_bytes);
    Some(memory)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn kibibytes_become_bytes() {
        let text = b"MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 60 kB\nBuffers: 5 kB\n\
            Cached: 20 kB\nSwapCached: 9 kB\nSwapTotal: 8 kB\nSwapFree: 6 kB\nSReclaimable: 4 kB\n";
        let expected = Memory {
            total_bytes: 100 * 1024,
            available_bytes: 60 * 1024,
            free_bytes: 10 * 1024,
            buffers_bytes: 5 * 1024,
            cached_bytes: 24 * 1024,
            swap_total_bytes: 8 * 1024,
            swap_used_bytes: 2 * 1024,
            limit_bytes: None,
        };
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn an_old_kernel_has_an_estimate() {
        let text = b"MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 20 kB\n";
        assert_eq!(parse(text).unwrap().available_bytes, 35 * 1024);
    }

    #[test]
    fn without_a_total_there_is_a_fault() {
        let mut bench = Bench::new(&[("proc/meminfo", "MemFree: 10 kB\n")]);
        let status = bench.read(&mut MemoryCollector::new(), 0);
        assert_eq!(status.memory, Memory::default());
        assert!(bench.faults[0].error.ends_with("proc/meminfo: MemTotal is missing"));
    }
}
