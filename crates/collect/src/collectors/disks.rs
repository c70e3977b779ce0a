use std::collections::HashMap;

use watchfire_model::{DiskIo, Status};

use super::{Collector, Sample, whole};
use crate::rate::{busy_percent, per_second};
use crate::record::RecordedPath;
use crate::source::Source;
use crate::text::{lines, number, printable, words};
use crate::{CollectError, Root};

/// The kernel counts in sectors of this size, whatever the disk's own.
const SECTOR_BYTES: u64 = 512;

/// Devices that are made of memory or of files, before their number.
const SKIPPED: &[&str] = &["fd", "loop", "ram", "zram"];

/// Whole disks of `/proc/diskstats`, whose columns are those of the kernel's
/// `Documentation/admin-guide/iostats.rst`.
///
/// A device is whole when `/sys/block` has an entry for it; partitions have
/// theirs below their disk. Device mapper and RAID devices are kept beside
/// the disks they stand on.
#[derive(Debug)]
pub(super) struct DiskCollector {
    diskstats: Source,
    before: HashMap<String, Counters>,
    read_at: watchfire_model::Moment,
}

impl DiskCollector {
    pub(super) fn new() -> Self {
        Self {
            diskstats: Source::new("proc/diskstats"),
            before: HashMap::new(),
            read_at: watchfire_model::Moment::default(),
        }
    }
}

impl Collector for DiskCollector {
    fn name(&self) -> &'static str {
        "disks"
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/diskstats"), whole("sys/block/*/size")] }
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        let parsed = lines(self.diskstats.read(sample.root)?).filter_map(parse);
        let mut rows: Vec<_> =
            parsed.filter(|(name, _)| !is_skipped(name) && is_whole(sample.root, name)).collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        sample.limit(&mut rows);
        let interval = sample.now.since(self.read_at);
        status.disks = rows
            .iter()
            .map(|(name, after)| row(name, self.before.get(name), after, interval))
            .collect();
        self.before = rows.into_iter().collect();
        self.read_at = sample.now;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Counters {
    reads: u64,
    sectors_read: u64,
    writes: u64,
    sectors_written: u64,
    busy_ms: u64,
}

fn parse(line: &[u8]) -> Option<(String, Counters)> {
    let mut words = words(line).skip(2);
    let name = printable(words.next()?);
    let mut columns = [0; 10];
    for column in &mut columns {
        *column = number(words.next()?)?;
    }
    let [reads, _, sectors_read, _, writes, _, sectors_written, _, _, busy_ms] = columns;
    Some((name, Counters { reads, sectors_read, writes, sectors_written, busy_ms }))
}

fn is_skipped(name: &str) -> bool {
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    kind.len() < name.len() && SKIPPED.contains(&kind)
}

/// The name comes from a file, so it must not lead out of the folder; the
/// kernel writes a slash of a name as `!` there.
fn is_whole(root: &Root, name: &str) -> bool {
    let name = name.replace('/', "!");
    !name.starts_with('.') && root.join(format!("sys/block/{name}/size")).exists()
}

fn row(
    name: &str,
    before: Option<&Counters>,
    after: &Counters,
    interval: std::time::Duration,
) -> DiskIo {
    let rate = |counter: fn(&Counters) -> u64| {
        before.and_then(|before| per_second(counter(before), counter(after), interval))
    };
    let bytes = |sectors: Option<f64>| sectors.map(|rate| rate * crate::rate::as_f64(SECTOR_BYTES));
    DiskIo {
        name: name.to_owned(),
        read_bytes_per_s: bytes(rate(|counters| counters.sectors_read)),
        written_bytes_per_s: bytes(rate(|counters| counters.sectors_written)),
        reads_per_s: rate(|counters| counters.reads),
        writes_per_s: rate(|counters| counters.writes),
        busy_percent: before
            .and_then(|before| busy_percent(before.busy_ms, after.busy_ms, interval)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const FIRST: &str = "\
 254 0 vda 10 0 100 5 20 0 200 6 0 1000 11 0 0 0 0
 254 1 vda1 10 0 100 5 20 0 200 6 0 1000 11
   7 0 loop0 1 0 1 1 0 0 0 0 0 0 0
 253 0 dm-0 1 0 1 1 0 0 0 0 0 0 0
 252 0 zram0 1 0 1 1 0 0 0 0 0 0 0
";

    fn bench() -> Bench {
        let size = |name: &'static str| (name, "1\n");
        let mut bench = Bench::new(&[("proc/diskstats", FIRST), size("sys/block/vda/size")]);
        bench.faults.clear();
        for name in ["loop0", "dm-0", "zram0", "cciss!c0d0"] {
            bench.write(&format!("sys/block/{name}/size"), "1\n");
        }
        bench
    }

    #[test]
    fn whole_disks_have_rates_from_the_second_reading_on() {
        let (mut bench, mut collector) = (bench(), DiskCollector::new());
        let status = bench.read(&mut collector, 1000);
        let names: Vec<_> = status.disks.iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(names, ["dm-0", "vda"]);
        assert_eq!(status.disks[1].reads_per_s, None);
        bench.write("proc/diskstats", " 254 0 vda 30 0 108 5 21 0 201 6 0 1500 11 0 0 0 0\n");
        let status = bench.read(&mut collector, 3000);
        let expected = DiskIo {
            name: "vda".to_owned(),
            read_bytes_per_s: Some(2048.0),
            written_bytes_per_s: Some(256.0),
            reads_per_s: Some(10.0),
            writes_per_s: Some(0.5),
            busy_percent: Some(25.0),
        };
        assert_eq!(status.disks, [expected]);
    }

    #[test]
    fn a_counter_that_went_back_gives_no_rate_and_spares_the_others() {
        let (mut bench, mut collector) = (bench(), DiskCollector::new());
        bench.read(&mut collector, 1000);
        bench.write("proc/diskstats", " 254 0 vda 3 0 101 5 21 0 201 6 0 1500 11 0 0 0 0\n");
        let disk = bench.read(&mut collector, 2000).disks.remove(0);
        assert_eq!(disk.reads_per_s, None);
        assert_eq!(disk.writes_per_s, Some(1.0));
    }

    #[test]
    fn a_slash_in_a_name_is_looked_up_as_the_kernel_writes_it() {
        let (mut bench, mut collector) = (bench(), DiskCollector::new());
        let line = "104 0 cciss/c0d0 1 0 1 1 0 0 0 0 0 0 0\n8 0 ../vda 1 0 1 1 0 0 0 0 0 0 0\n";
        bench.write("proc/diskstats", line);
        let disks = bench.read(&mut collector, 0).disks;
        assert_eq!(disks.len(), 1);
        assert_eq!(disks[0].name, "cciss/c0d0");
    }
}
