use super::{Collector, Outcome, Pace, Reading};
use crate::CollectError;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, printable, split_once};

static INFO: Family = Family::gauge(
    "node_cpu_info",
    "CPU information from /proc/cpuinfo.",
    &["cpu", "vendor", "family", "model", "model_name", "microcode", "stepping", "cachesize"],
);

/// Lines of `/proc/cpuinfo` that name the processor, the best first: most
/// machines, small Arm boards, old Arm, MIPS, POWER, RISC-V.
const MODEL_KEYS: [&[u8]; 6] =
    [b"model name", b"Model", b"Hardware", b"cpu model", b"cpu", b"uarch"];

const RECORDED_LINES: &[&str] = &[
    "processor",
    "model name",
    "Model",
    "Hardware",
    "cpu model",
    "cpu\t",
    "uarch",
    "vendor_id",
    "cpu family",
    "model\t",
    "stepping",
    "microcode",
    "cache size",
];

/// After how many readings the file is read again. The kernel writes it by
/// asking each core, which takes long on a large machine, and what is used of
/// it changes only with the machine.
const READ_AGAIN: u32 = 240;

/// What the first processor is; the others are nearly always the same.
#[derive(Debug)]
pub(super) struct CpuInfoCollector {
    cpuinfo: Source,
    values: Option<[String; 8]>,
    fresh_for: u32,
}

impl CpuInfoCollector {
    pub(super) fn new() -> Self {
        Self { cpuinfo: Source::new("proc/cpuinfo"), values: None, fresh_for: 0 }
    }
}

impl Collector for CpuInfoCollector {
    fn name(&self) -> &'static str {
        "cpuinfo"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        &[RecordedPath { pattern: "proc/cpuinfo", rewrite: Rewrite::Lines(RECORDED_LINES) }]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if self.values.is_none() || self.fresh_for == 0 {
            self.values = Some(values(self.cpuinfo.read(reading.root)?));
            self.fresh_for = READ_AGAIN;
        }
        self.fresh_for -= 1;
        if let Some(values) = &self.values {
            reading.put(&INFO, &values.each_ref().map(String::as_bytes), 1.0);
        }
        Ok(Outcome::Read)
    }
}

fn values(cpuinfo: &[u8]) -> [String; 8] {
    let value = |wanted: &[u8]| {
        lines(cpuinfo)
            .filter_map(|line| split_once(line, b':'))
            .find_map(|(key, value)| (key.trim_ascii() == wanted).then(|| printable(value)))
    };
    let plain = |key: &[u8]| value(key).unwrap_or_default();
    [
        plain(b"processor"),
        plain(b"vendor_id"),
        plain(b"cpu family"),
        plain(b"model"),
        MODEL_KEYS.iter().find_map(|key| value(key)).unwrap_or_default(),
        plain(b"microcode"),
        plain(b"stepping"),
        plain(b"cache size"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn the_first_processor_is_named() {
        let text = "processor\t: 0\nvendor_id\t: Fine\nmodel\t\t: 7\nmodel name\t: Fast CPU\n\n\
            processor\t: 1\nmodel name\t: Other\n";
        let mut bench = Bench::new(&[("proc/cpuinfo", text)]);
        let expected =
            [r#"node_cpu_info{cpu="0",model="7",model_name="Fast CPU",vendor="Fine"} 1"#];
        assert_eq!(bench.read(&mut CpuInfoCollector::new(), 0), expected);
    }

    #[test]
    fn a_board_without_a_model_name_has_its_own() {
        assert_eq!(values(b"processor : 0\nModel\t: Pi 4\n")[4], "Pi 4");
        assert_eq!(values(b"nothing").concat(), "");
    }

    #[test]
    fn a_file_that_is_missing_is_asked_for_again() {
        let (mut bench, mut collector) = (Bench::new(&[]), CpuInfoCollector::new());
        assert!(bench.read(&mut collector, 0).is_empty());
        bench.write("proc/cpuinfo", "processor: 0\n");
        assert_eq!(bench.read(&mut collector, 0).len(), 1);
    }
}
