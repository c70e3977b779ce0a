use std::io::Write;

use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{hexadecimal, lines, words};

/// The columns that are given and their places, as `softnet_seq_show` in the
/// kernel's `net/core/net-procfs.c` writes them. Old kernels end earlier.
static COLUMNS: [(usize, Family); 7] = [
    (0, counter("node_softnet_processed_total", "Number of processed packets")),
    (1, counter("node_softnet_dropped_total", "Number of dropped packets")),
    (
        2,
        counter(
            "node_softnet_times_squeezed_total",
            "Number of times processing packets ran out of quota",
        ),
    ),
    (
        8,
        counter(
            "node_softnet_cpu_collision_total",
            "Number of collision occur while obtaining device lock while transmitting",
        ),
    ),
    (9, counter("node_softnet_received_rps_total", "Number of times cpu woken up received_rps")),
    (
        10,
        counter(
            "node_softnet_flow_limit_count_total",
            "Number of times flow limit has been reached",
        ),
    ),
    (11, Family::gauge("node_softnet_backlog_len", "Softnet backlog status", &["cpu"])),
];

/// Where newer kernels say which processor it is.
const PROCESSOR: usize = 12;
/// More columns than are looked at.
const MOST_COLUMNS: usize = 13;
/// Columns that every kernel has.
const FEWEST_COLUMNS: usize = 3;

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &["cpu"])
}

/// How each processor keeps up with packets that come in.
#[derive(Debug)]
pub(super) struct SoftnetCollector {
    softnet: Source,
}

impl SoftnetCollector {
    pub(super) fn new() -> Self {
        Self { softnet: Source::new("proc/net/softnet_stat") }
    }
}

impl Collector for SoftnetCollector {
    fn name(&self) -> &'static str {
        "softnet"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/softnet_stat")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let Some(text) = self.softnet.read_if_there(reading.root)? else {
            return Ok(Outcome::NotHere);
        };
        let mut rows = 0;
        for (columns, count) in lines(text).filter_map(parse) {
            // Older kernels leave out processors that are off and do not say so.
            let processor = if count > PROCESSOR { columns[PROCESSOR] } else { rows };
            put(reading, processor, &columns[..count]);
            rows += 1;
        }
        if rows == 0 {
            return Err(self.softnet.malformed("there is no line of a processor"));
        }
        Ok(Outcome::Read)
    }
}

fn parse(line: &[u8]) -> Option<([u64; MOST_COLUMNS], usize)> {
    let (mut columns, mut count) = ([0; MOST_COLUMNS], 0);
    for (column, word) in columns.iter_mut().zip(words(line)) {
        *column = hexadecimal(word)?;
        count += 1;
    }
    (count >= FEWEST_COLUMNS).then_some((columns, count))
}

fn put(reading: &mut Reading<'_>, processor: u64, columns: &[u64]) {
    let mut name = [0; 20];
    let mut free = &mut name[..];
    // Twenty digits hold every u64, so this cannot fail.
    let _ = write!(free, "{processor}");
    let left = free.len();
    let name = &name[..name.len() - left];
    for (place, family) in &COLUMNS {
        if let Some(&value) = columns.get(*place) {
            reading.put(family, &[name], as_f64(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    fn read(text: &str) -> (Vec<String>, Bench) {
        let mut bench = Bench::new(&[("proc/net/softnet_stat", text)]);
        (bench.read(&mut SoftnetCollector::new(), 0), bench)
    }

    #[test]
    fn hexadecimal_columns_of_each_processor() {
        let (lines, _) = read(
            "00113797 00000001 0000000a 0 0 0 0 0 00000002 00000003 00000004 00000005 00000000 0 0\n\
             000f7ef8 00000000 00000000 0 0 0 0 0 00000000 00000000 00000000 00000000 0000000c 0 0\n",
        );
        assert_eq!(lines.len(), 14);
        let processed = below(&lines, "node_softnet_processed_total");
        assert_eq!(processed, [r#"{cpu="0"} 1128343"#, r#"{cpu="12"} 1015544"#]);
        let first: Vec<_> = lines.iter().filter(|line| line.contains(r#""0""#)).collect();
        let values: Vec<_> = first.iter().filter_map(|line| line.split(' ').next_back()).collect();
        assert_eq!(values, ["5", "2", "1", "4", "1128343", "3", "10"]);
    }

    #[test]
    fn an_old_kernel_has_fewer_columns_and_no_numbers() {
        let (lines, _) = read("a 0 1 0 0 0 0 0 2\nb 0 0 0 0 0 0 0 0\n");
        assert_eq!(lines.len(), 8);
        let processed = below(&lines, "node_softnet_processed_total");
        assert_eq!(processed, [r#"{cpu="0"} 10"#, r#"{cpu="1"} 11"#]);
    }

    #[test]
    fn nonsense_is_a_fault() {
        for bad in ["", "1 2\n", "x y z\n", "+1 2 3\n", "11111111111111111 0 0\n"] {
            let (lines, bench) = read(bad);
            assert!(lines.is_empty(), "{lines:?}");
            assert!(bench.faults[0].error.contains("no line of a processor"), "{bad}");
        }
    }

    #[test]
    fn a_kernel_without_a_network_is_no_fault() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut SoftnetCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
