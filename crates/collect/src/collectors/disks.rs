use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::Folder;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

/// The kernel counts in sectors of this size, whatever the disk's own.
const SECTOR_BYTES: f64 = 512.0;

/// After how many readings it is looked up again which devices are whole.
const LOOK_AGAIN: u32 = 60;

/// Devices that are made of memory or of files, before their number.
const SKIPPED: &[&[u8]] = &[b"fd", b"loop", b"ram", b"zram"];

/// The longest name of a device, of the kernel's `include/linux/blkdev.h`.
const NAME_BYTES: usize = 32;

/// What a column counts, as a factor: milliseconds are given in seconds.
#[derive(Debug, Clone, Copy)]
enum Unit {
    One,
    Sectors,
    Milliseconds,
}

/// The columns after the name, as the kernel's
/// `Documentation/admin-guide/iostats.rst` lists them. Old kernels have the
/// first eleven, discards came with 4.18 and flushes with 5.5.
static COLUMNS: [(Family, Unit); 17] = [
    (
        counter(
            "node_disk_reads_completed_total",
            "The total number of reads completed successfully.",
        ),
        Unit::One,
    ),
    (counter("node_disk_reads_merged_total", "The total number of reads merged."), Unit::One),
    (
        counter("node_disk_read_bytes_total", "The total number of bytes read successfully."),
        Unit::Sectors,
    ),
    (
        counter(
            "node_disk_read_time_seconds_total",
            "The total number of seconds spent by all reads.",
        ),
        Unit::Milliseconds,
    ),
    (
        counter(
            "node_disk_writes_completed_total",
            "The total number of writes completed successfully.",
        ),
        Unit::One,
    ),
    (counter("node_disk_writes_merged_total", "The number of writes merged."), Unit::One),
    (
        counter("node_disk_written_bytes_total", "The total number of bytes written successfully."),
        Unit::Sectors,
    ),
    (
        counter(
            "node_disk_write_time_seconds_total",
            "This is the total number of seconds spent by all writes.",
        ),
        Unit::Milliseconds,
    ),
    (
        Family::gauge("node_disk_io_now", "The number of I/Os currently in progress.", &["device"]),
        Unit::One,
    ),
    (
        counter("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os."),
        Unit::Milliseconds,
    ),
    (
        counter(
            "node_disk_io_time_weighted_seconds_total",
            "The weighted # of seconds spent doing I/Os.",
        ),
        Unit::Milliseconds,
    ),
    (
        counter(
            "node_disk_discards_completed_total",
            "The total number of discards completed successfully.",
        ),
        Unit::One,
    ),
    (counter("node_disk_discards_merged_total", "The total number of discards merged."), Unit::One),
    (
        counter(
            "node_disk_discarded_sectors_total",
            "The total number of sectors discarded successfully.",
        ),
        Unit::One,
    ),
    (
        counter(
            "node_disk_discard_time_seconds_total",
            "This is the total number of seconds spent by all discards.",
        ),
        Unit::Milliseconds,
    ),
    (
        counter(
            "node_disk_flush_requests_total",
            "The total number of flush requests completed successfully",
        ),
        Unit::One,
    ),
    (
        counter(
            "node_disk_flush_requests_time_seconds_total",
            "This is the total number of seconds spent by all flush requests.",
        ),
        Unit::Milliseconds,
    ),
];

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &["device"])
}

/// Columns that every kernel has.
const FEWEST_COLUMNS: usize = 11;

/// Whole disks of `/proc/diskstats`.
///
/// A device is whole when `/sys/block` has an entry for it; partitions have
/// theirs below their disk. Device mapper and RAID devices are kept beside
/// the disks they stand on.
#[derive(Debug)]
pub(super) struct DiskCollector {
    diskstats: Source,
    block: Folder,
    /// What was looked up of each line, in the order of the lines.
    known: Vec<(Vec<u8>, bool)>,
    fresh_for: u32,
}

impl DiskCollector {
    pub(super) fn new() -> Self {
        Self {
            diskstats: Source::new("proc/diskstats"),
            block: Folder::new("sys/block"),
            known: Vec::new(),
            fresh_for: 0,
        }
    }
}

impl DiskCollector {
    /// A device that was pulled can have left its name to a partition.
    fn look_again(&mut self) {
        for (name, is_disk) in &mut self.known {
            *is_disk = !is_skipped(name) && is_whole(&mut self.block, name);
        }
        self.fresh_for = LOOK_AGAIN;
    }
}

impl Collector for DiskCollector {
    fn name(&self) -> &'static str {
        "diskstats"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/diskstats"), whole("sys/block/*/size")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        // A recorded root can be another folder by now.
        if self.fresh_for == 0 || !reading.root.is_live() {
            self.block.open(reading.root)?;
        }
        if self.fresh_for == 0 {
            self.look_again();
        }
        self.fresh_for -= 1;
        let mut disks = 0;
        for (place, line) in lines(self.diskstats.read(reading.root)?).enumerate() {
            let Some(disk) = Disk::parse(line) else { continue };
            if is_disk(&mut self.known, place, disk.name, &mut self.block) {
                disks += 1;
                if disks <= super::MAX_DEVICES {
                    disk.put(reading);
                }
            }
        }
        reading.limit(disks);
        Ok(Outcome::Read)
    }
}

#[derive(Debug)]
struct Disk<'a> {
    name: &'a [u8],
    columns: [u64; COLUMNS.len()],
    count: usize,
}

impl<'a> Disk<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = words(line).skip(2);
        let name = words.next()?;
        let mut disk = Self { name, columns: [0; COLUMNS.len()], count: 0 };
        for (column, word) in disk.columns.iter_mut().zip(words) {
            *column = number(word)?;
            disk.count += 1;
        }
        (disk.count >= FEWEST_COLUMNS).then_some(disk)
    }

    fn put(&self, reading: &mut Reading<'_>) {
        for ((family, unit), column) in COLUMNS.iter().zip(self.columns).take(self.count) {
            let value = match unit {
                Unit::One => as_f64(column),
                Unit::Sectors => as_f64(column) * SECTOR_BYTES,
                Unit::Milliseconds => as_f64(column) / 1000.0,
            };
            reading.put(family, &[self.name], value);
        }
    }
}

/// Looked up once, because lines keep their places while no device comes or goes.
fn is_disk(
    known: &mut Vec<(Vec<u8>, bool)>,
    place: usize,
    name: &[u8],
    block: &mut Folder,
) -> bool {
    if let Some((_, is_disk)) = known.get(place).filter(|(known, _)| known == name) {
        return *is_disk;
    }
    known.truncate(place);
    let is_disk = !is_skipped(name) && is_whole(block, name);
    known.push((name.to_vec(), is_disk));
    is_disk
}

fn is_skipped(name: &[u8]) -> bool {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && SKIPPED.contains(&&name[..name.len() - digits])
}

/// The kernel writes a slash of a name as `!` there. What is cut of a longer
/// name than a device can have is not found.
fn is_whole(block: &mut Folder, name: &[u8]) -> bool {
    let mut entry = [0; NAME_BYTES];
    let length = name.len().min(NAME_BYTES);
    for (to, &from) in entry.iter_mut().zip(name) {
        *to = if from == b'/' { b'!' } else { from };
    }
    !name.starts_with(b".") && block.read(&[&entry[..length], b"size"]).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const FIRST: &str = "\
 254 0 vda 10 0 100 5 20 0 200 6 2 1000 11 1 2 3 4000 7 8000
 254 1 vda1 10 0 100 5 20 0 200 6 0 1000 11
   7 0 loop0 1 0 1 1 0 0 0 0 0 0 0
 253 0 dm-0 1 0 1 1 0 0 0 0 0 0 0
 252 0 zram0 1 0 1 1 0 0 0 0 0 0 0
";

    fn bench() -> Bench {
        let bench = Bench::new(&[("proc/diskstats", FIRST)]);
        for name in ["vda", "loop0", "dm-0", "zram0", "cciss!c0d0"] {
            bench.write(&format!("sys/block/{name}/size"), "1\n");
        }
        bench
    }

    #[test]
    fn whole_disks_with_the_columns_that_the_kernel_has() {
        let lines = bench().read(&mut DiskCollector::new(), 0);
        assert_eq!(lines.len(), 17 + 11);
        let read = below(&lines, "node_disk_read_bytes_total");
        assert_eq!(read, [r#"{device="dm-0"} 512"#, r#"{device="vda"} 51200"#]);
        let flushes = below(&lines, "node_disk_flush_requests_time_seconds_total");
        assert_eq!(flushes, [r#"{device="vda"} 8"#]);
        assert_eq!(below(&lines, "node_disk_io_now")[1], r#"{device="vda"} 2"#);
        assert_eq!(below(&lines, "node_disk_io_time_seconds_total")[1], r#"{device="vda"} 1"#);
    }

    #[test]
    fn a_disk_that_comes_between_the_others_is_seen() {
        let (mut bench, mut collector) = (bench(), DiskCollector::new());
        bench.read(&mut collector, 0);
        bench.write("proc/diskstats", &format!(" 8 0 sda 1 0 1 1 0 0 0 0 0 0 0\n{FIRST}"));
        bench.write("sys/block/sda/size", "1\n");
        let lines = bench.read(&mut collector, 1000);
        assert_eq!(below(&lines, "node_disk_reads_completed_total").len(), 3);
    }

    #[test]
    fn a_slash_in_a_name_is_looked_up_as_the_kernel_writes_it() {
        let mut bench = bench();
        let line = "104 0 cciss/c0d0 1 0 1 1 0 0 0 0 0 0 0\n8 0 ../vda 1 0 1 1 0 0 0 0 0 0 0\n";
        bench.write("proc/diskstats", line);
        let lines = bench.read(&mut DiskCollector::new(), 0);
        let names = below(&lines, "node_disk_io_now");
        assert_eq!(names, [r#"{device="cciss/c0d0"} 0"#]);
    }
}
